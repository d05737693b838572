from datetime import timedelta
from typing import Any

from schemas.core.blob_ref import BlobRef
from schemas.inspections import BoardInspected, InspectionView
from schemas.notifications import OutboxView
from schemas.tickets import TicketMoved
from schemas.workflow import FlowAdvanced, FlowView, OpenTask, TaskRaised
from tests.processors.gateway.world import HASH, NOW, TICKET, World, picture, problem, quote, ticket_view


def _flow() -> FlowView:
    task = OpenTask(task_id="t1", node_id="n", name="Price it", role="manager", data={"margin": 1}, raised_at=NOW)
    return FlowView(
        ticket_id=TICKET,
        definition="repair",
        definition_hash="h",
        status="with_a_person",
        state={"secret": 1},
        tasks=(task,),
    )


async def test_composes_the_parts_asked_for(world: World) -> None:
    world.with_quote()
    world.feed(OutboxView(ticket_id=TICKET))
    async with world.client("tickets:read") as client:
        plain = (await client.get(f"/v1/tickets/{TICKET}")).json()
        url = f"/v1/tickets/{TICKET}?include=inspection,diagnosis,quote,notifications,timeline"
        full = (await client.get(url)).json()
    assert plain["state"] == "quoted"
    assert "quote" not in plain
    assert full["inspection"] is None
    assert full["diagnosis"]["diagnosed"]["plan"]["labour_minutes"] == 45
    assert full["quote"]["quote"]["quote_hash"] == HASH
    assert full["notifications"]["entries"] == []
    assert full["timeline"]["events"][0]["summary"].startswith("Quote 1: refurbished € 80.00")


async def test_keeps_margins_and_flow_variables_from_keys_without_their_scope(world: World) -> None:
    world.with_quote()
    world.feed(_flow())
    copied = {"quote": {"expected_profit_cents": 4242, "propensity": 1}}
    step = FlowAdvanced(
        ticket_id=TICKET,
        definition="d",
        definition_hash="h",
        cause="c",
        state={"secret": 1},
        variables=copied,
        advanced_at=NOW,
    )
    world.feed(step)
    world.feed(
        TaskRaised(ticket_id=TICKET, task_id="t1", node_id="n", name="N", role="r", data={"margin": 1}, raised_at=NOW)
    )
    url = f"/v1/tickets/{TICKET}?include=quote,flow,timeline"

    async def seen(*scopes: Any) -> dict[str, Any]:
        async with world.client(*scopes) as client:
            body: dict[str, Any] = (await client.get(url)).json()
            return body

    kiosk = await seen("tickets:read")
    assert "expected_profit_cents" not in str(kiosk)
    assert "propensity" not in str(kiosk)
    assert "secret" not in str(kiosk)
    assert "margin" not in str(kiosk)
    assert kiosk["quote"]["quote"]["total_cents"] == 8900
    assert kiosk["flow"]["tasks"][0]["name"] == "Price it"
    assert (await seen("tickets:read", "pricing:read"))["quote"]["quote"]["expected_profit_cents"] == 4242
    manager = await seen("tickets:read", "workflows:manage")
    assert manager["flow"]["state"] == {"secret": 1}
    assert "expected_profit_cents" not in str(manager["quote"])
    everything = await seen("admin")
    assert everything["timeline"]["events"][0]["event"]["data"]["expected_profit_cents"] == 4242


async def test_is_not_modified_until_something_changed(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("tickets:read") as client:
        first = await client.get(f"/v1/tickets/{TICKET}")
        for given in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
            unchanged = await client.get(f"/v1/tickets/{TICKET}", headers={"If-None-Match": given})
            assert (unchanged.status_code, unchanged.content) == (304, b"")
        world.feed(ticket_view(state="triage", version=2))
        changed = await client.get(f"/v1/tickets/{TICKET}", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.json()["state"] == "triage"


async def test_is_a_problem_when_the_ticket_or_a_part_is_unknown(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("tickets:read") as client:
        assert "T-4711" in problem(await client.get("/v1/tickets/T-4711"), 404, "not_found")["detail"]
        bad_id = problem(await client.get("/v1/tickets/4711"), 422, "validation")
        assert bad_id["errors"][0]["field"] == "ticket_id"
        part = problem(await client.get(f"/v1/tickets/{TICKET}?include=quote,price"), 422, "validation")
        assert part["errors"][0] == {
            "field": "include",
            "code": "unknown_part",
            "detail": "'price' is none of inspection, diagnosis, quote, flow, notifications, timeline",
        }
        problem(await client.get("/v1/nothing"), 404, "not_found")
        problem(await client.delete("/v1/tickets"), 405, "method_not_allowed")


async def test_lists_the_newest_first_and_filters_by_state(world: World) -> None:
    for number in range(5):
        opened = NOW + timedelta(hours=number)
        state = "quoted" if number % 2 else "received"
        world.feed(ticket_view(f"T-000{number}", opened_at=opened, state=state))
    async with world.client("tickets:read") as client:
        every = (await client.get("/v1/tickets")).json()["tickets"]
        assert [one["ticket_id"] for one in every] == ["T-0004", "T-0003", "T-0002", "T-0001", "T-0000"]
        two = (await client.get("/v1/tickets?state=received&limit=2")).json()["tickets"]
        assert [one["ticket_id"] for one in two] == ["T-0004", "T-0002"]
        bad = problem(await client.get("/v1/tickets?state=lost&limit=0"), 422, "validation")
    assert {error["field"] for error in bad["errors"]} == {"state", "limit"}


async def test_shows_the_timeline_as_cloudevents_with_a_sentence_each_in_order(world: World) -> None:
    world.feed(ticket_view())
    later = TicketMoved(
        ticket_id=TICKET,
        from_state="received",
        to_state="triage",
        reason="bin_assigned",
        actor="ada",
        version=2,
        moved_at=NOW,
    )
    world.feed(later, at=NOW + timedelta(minutes=5))
    world.feed(quote(), at=NOW + timedelta(minutes=1))
    async with world.client("tickets:read") as client:
        body = (await client.get(f"/v1/tickets/{TICKET}/timeline")).json()
    assert body["complete"] is True
    assert [one["event"]["type"] for one in body["events"]] == [
        "noizylab.quote.prepared.v1",
        "noizylab.ticket.moved.v1",
    ]
    moved = body["events"][1]
    assert moved["summary"] == "Ticket went from received to triage (bin assigned)."
    assert moved["at"] == "2026-03-02T09:05:00.000000Z"
    assert moved["event"]["specversion"] == "1.0"
    assert moved["event"]["subject"] == TICKET
    assert moved["event"]["data"]["actor"] == "ada"


async def test_serves_annotated_images_and_says_when_a_file_is_gone(world: World) -> None:
    ref = await world.blobs.put("images", "T-0001/a0.jpg", picture(), "image/jpeg")
    gone = BlobRef(bucket="images", key="T-0001/gone.jpg", sha256="0" * 64, size_bytes=3, media_type="image/jpeg")
    world.feed(ticket_view(photos=(gone,)))
    inspected = BoardInspected(
        ticket_id=TICKET,
        compared=True,
        annotated=(ref,),
        photos_usable=1,
        photos_refused=0,
        engine="e",
        inspected_at=NOW,
    )
    world.feed(InspectionView(ticket_id=TICKET, status="inspected", inspected=inspected))
    async with world.client("tickets:read") as client:
        drawn = await client.get(f"/v1/tickets/{TICKET}/images/0?variant=annotated")
        assert drawn.content == picture()
        assert drawn.headers["x-content-type-options"] == "nosniff"
        problem(await client.get(f"/v1/tickets/{TICKET}/images/0"), 404, "not_found")


async def test_gives_the_signed_link_of_an_open_quote_only(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("pricing:read") as client:
        assert (await client.get(f"/v1/tickets/{TICKET}/links")).json()["approve"] is None
        path = world.with_quote()
        assert (await client.get(f"/v1/tickets/{TICKET}/links")).json()["approve"] == f"http://shop.example{path}"


async def test_sends_security_headers_and_a_request_id_with_every_answer(world: World) -> None:
    async with world.client() as client:
        for response in (await client.get("/healthz"), await client.get("/v1/tickets"), await client.get("/nothing")):
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["x-frame-options"] == "DENY"
            assert "default-src 'none'" in response.headers["content-security-policy"]
            assert len(response.headers["x-request-id"]) == 32
        named = await client.get("/healthz", headers={"X-Request-Id": "abc-1"})
        assert named.headers["x-request-id"] == "abc-1"
        forged = await client.get("/healthz", headers={"X-Request-Id": "a b"})
        assert forged.headers["x-request-id"] != "a b"


async def test_describes_itself_as_openapi(world: World) -> None:
    async with world.client() as client:
        spec = (await client.get("/v1/openapi.json")).json()
    assert "/v1/intakes" in spec["paths"]
    assert "/a/{token}" not in spec["paths"]
    assert "HTTPBearer" in str(spec["components"]["securitySchemes"])
