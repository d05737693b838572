from datetime import timedelta

from schemas.sla import ClockRun, ClocksView, Stay
from tests.processors.gateway.world import NOW, TICKET, World, problem, ticket_view

VIEW = ClocksView(
    ticket_id=TICKET,
    stays=(Stay(state="received", entered_at=NOW),),
    runs=(ClockRun(clock="first_response", run=1, target_s=14400, started_at=NOW),),
)


async def test_tells_how_the_clocks_stand_now(world: World) -> None:
    world.feed(ticket_view())
    world.feed(VIEW)
    world.clock.advance(timedelta(hours=1))
    async with world.client("tickets:read") as client:
        body = (await client.get(f"/v1/tickets/{TICKET}/clocks")).json()
        world.clock.advance(timedelta(hours=1))
        later = (await client.get(f"/v1/tickets/{TICKET}/clocks")).json()
    [clock] = body["clocks"]
    assert (clock["elapsed_s"], clock["left_s"], clock["status"], clock["whose"]) == (3600, 10800, "running", "shop")
    assert clock["due_at"] == "2026-03-02T13:00:00Z"
    assert (body["customer_elapsed_s"], body["shop_controllable_s"]) == (3600, 3600)
    assert later["clocks"][0]["elapsed_s"] == 7200


async def test_is_a_problem_without_ticket_clocks_or_scope(world: World) -> None:
    async with world.client("tickets:read") as client:
        problem(await client.get(f"/v1/tickets/{TICKET}/clocks"), 404, "not_found")
        world.feed(ticket_view())
        assert "not begun" in problem(await client.get(f"/v1/tickets/{TICKET}/clocks"), 404, "not_found")["detail"]
    async with world.client("pricing:read") as client:
        problem(await client.get(f"/v1/tickets/{TICKET}/clocks"), 403, "missing_scope")
