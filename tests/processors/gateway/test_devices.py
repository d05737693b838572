"""Devices over their whole life, and what a ticket says about its own."""

from datetime import timedelta
from typing import Any

from schemas.device_history import DeviceFlag, DeviceHistoryView, DeviceVisit, device_id
from schemas.devices import Device
from tests.processors.gateway.test_ticket_writes import owner_behind
from tests.processors.gateway.world import NOW, TICKET, World, problem, ticket_view

PHONE = Device(category="mobile", brand="Norden", model="N7", imei="490154203237518")
ID = device_id("main", PHONE)
EARLIER = DeviceVisit(
    ticket_id="T-0000", opened_at=NOW - timedelta(days=40), closed_at=NOW - timedelta(days=12), ended_as="collected",
    outcome="fixed",
)  # fmt: skip


def history(**changes: Any) -> DeviceHistoryView:
    fields: dict[str, Any] = {"workspace_id": "main", "device": PHONE, "visits": (EARLIER,), **changes}
    return DeviceHistoryView(device_id=ID or "", **fields)


async def test_a_device_is_found_by_what_tells_it_apart_in_the_own_workspace_only(world: World) -> None:
    world.feed(history())
    async with world.client("tickets:read") as client:
        [found] = (await client.get("/v1/devices?imei=490154203237518")).json()["devices"]
        assert found["visits"][0]["ticket_id"] == "T-0000"
        assert (await client.get(f"/v1/devices/{ID}")).json() == found
        assert (await client.get("/v1/devices?serial=X1&brand=Norden")).json() == {"devices": []}
        problem(await client.get("/v1/devices"), 422, "validation")
        world.feed(history(workspace_id="harbour"))
        problem(await client.get(f"/v1/devices/{ID}"), 404, "not_found")


async def test_a_flag_is_set_and_lifted_and_warns(world: World) -> None:
    world.feed(history(visits=(EARLIER, DeviceVisit(ticket_id=TICKET, opened_at=NOW))))
    world.answer = owner_behind(world.views)
    world.feed(ticket_view(device=PHONE, checks=("Weigh it.",)))
    flags = f"/v1/devices/{ID}/flags/stolen"
    async with world.client("tickets:read", "tickets:write") as client:
        assert (await client.put(flags, json={"note": "Police."})).json()["kind"] == "stolen"
        assert (await client.put(flags, json={"note": "Police."})).json()["status"] == "unchanged"
        warnings = (await client.get(f"/v1/tickets/{TICKET}")).json()["warnings"]
        assert [one["code"] for one in warnings] == ["model_check", "stolen", "returned_soon"]
        assert "12 days before" in warnings[2]["detail"]
        assert (await client.put(flags, json={"on": False})).status_code == 200
        assert "stolen" not in (await client.get(f"/v1/tickets/{TICKET}")).text


async def test_a_device_that_is_on_another_open_ticket_is_pointed_out_and_an_old_visit_is_not(world: World) -> None:
    still = DeviceVisit(ticket_id="T-0009", opened_at=NOW - timedelta(days=2))
    old = EARLIER.model_copy(update={"closed_at": NOW - timedelta(days=91)})
    flagged = DeviceFlag(kind="liquid_damage", by="ann", flagged_at=NOW)
    world.feed(history(visits=(old, still), flags=(flagged,)))
    world.feed(ticket_view(device=PHONE))
    async with world.client("tickets:read") as client:
        warnings = (await client.get(f"/v1/tickets/{TICKET}")).json()["warnings"]
    assert [one["code"] for one in warnings] == ["liquid_damage", "open_elsewhere"]
