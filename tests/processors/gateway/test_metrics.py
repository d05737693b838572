"""What the gateway tells of itself."""

import asyncio

from prometheus_client import CollectorRegistry

from processors.gateway.edge.metrics import METRICS
from tests.processors.gateway.test_live import heard, refusal, served, socket
from tests.processors.gateway.world import TICKET, World, ticket_view


def _asked(world: World) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(world.app.state.metrics)
    return registry


def _value(world: World, name: str, **labels: str) -> float | None:
    return _asked(world).get_sample_value(f"noizylab_gateway_{name}", labels)


async def test_counts_answers_by_route_and_refusals_by_reason(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("tickets:read") as client:
        for _ in range(3):
            await client.get(f"/v1/tickets/{TICKET}")
        await client.get("/v1/tickets/T-9999")
        await client.get("/v1/stock")
        for path in ("/a1", "/a2", "/a3"):
            await client.request("BREW", path)
    route = "/v1/tickets/{ticket_id}"
    assert _value(world, "requests_total", method="GET", route=route, status="200") == 3
    assert _value(world, "requests_total", method="GET", route=route, status="404") == 1
    assert _value(world, "requests_total", method="other", route="none", status="404") == 3
    assert _value(world, "seconds_count", route=route) == 4
    assert _value(world, "refused_total", reason="missing_scope") == 1
    assert _value(world, "refused_total", reason="not_found") == 4
    assert _value(world, "cache_total", result="hit") == 2
    assert _value(world, "cache_total", result="made") == 1
    assert _value(world, "ready") == 0


async def test_counts_sockets_and_those_refused(world: World) -> None:
    async with served(world) as host:
        async with socket(host, key=world.key("tickets:read")) as reader:
            await heard(reader)
            assert (_value(world, "streams"), _value(world, "in_flight")) == (1, 0)
        assert (await refusal(host))[0] == 401
        async with asyncio.timeout(5):
            while _value(world, "streams"):
                await asyncio.sleep(0.01)
    assert _value(world, "requests_total", method="GET", route="/v1/live", status="101") == 1
    assert _value(world, "refused_total", reason="unauthorized") == 1


def test_tells_every_metric_once(world: World) -> None:
    assert [family.name for family in world.app.state.metrics.collect()] == [metric.name for metric in METRICS]
