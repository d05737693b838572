"""What the benchmark of the bus concludes from its runs, and one small run of each engine that is always there."""

from datetime import UTC, datetime

import pytest

from connectors.bus.cluster import Cluster
from connectors.errors import Misconfigured
from infra.bench.bus import Cost, Plan, run_bus_bench, summary
from infra.bench.chain import HOPS, VALUE_BYTES, first_id, first_record, next_id, ticket
from infra.bench.servers import prepare
from schemas.core.envelope import Envelope

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_medians_are_reported_with_the_ratio_to_the_bare_loop_on_the_same_broker() -> None:
    rows = summary(
        {
            ("embedded", "bare"): [Cost(10, 100), Cost(30, 300), Cost(20, 200)],
            ("embedded", "stage"): [Cost(50, 90), Cost(40, 80), Cost(35, 70)],
            ("kafka", "bare"): [Cost(16, 100)],
            ("kafka", "stage"): [Cost(24, 100)],
        }
    )

    assert [(row["broker"], row["engine"], row["cpu_us_per_event"], row["ratio"]) for row in rows] == [
        ("embedded", "bare", 20, 1.0),
        ("embedded", "stage", 40, 2.0),
        ("kafka", "bare", 16, 1.0),
        ("kafka", "stage", 24, 1.5),
    ]
    assert [row["events_per_s"] for row in rows] == [200, 80, 100, 100]


def test_unknown_processor_time_is_null_and_so_is_its_ratio() -> None:
    [bare, stage] = summary({("b", "bare"): [Cost(None, 100)], ("b", "stage"): [Cost(None, 50)]})

    assert (bare["cpu_us_per_event"], stage["cpu_us_per_event"], stage["ratio"]) == (None, None, None)


def test_without_the_bare_loop_there_is_no_ratio() -> None:
    [row] = summary({("b", "stage"): [Cost(12.5, 100)]})

    assert row["ratio"] is None


def test_an_input_is_as_large_as_an_event_of_the_shop_and_known_by_its_seed() -> None:
    record = first_record(3, 17, ticket(5), NOW)

    assert len(record.value or b"") == VALUE_BYTES
    assert Envelope.from_headers(record.headers).id == first_id(3, 17) != first_id(4, 17)


def test_the_ids_of_a_chain_follow_from_the_first() -> None:
    ids = [first_id(1, 1)]
    for stage in range(len(HOPS) - 1):
        ids.append(next_id(stage, ids[-1]))

    assert len(set(ids)) == 4
    assert ids[1] == next_id(0, first_id(1, 1))


async def test_a_cluster_with_the_topics_of_a_shop_is_refused(shop_log: Cluster) -> None:
    with pytest.raises(Misconfigured, match=r"has a topic tickets\.events\.v1 already"):
        await prepare(shop_log, HOPS)


async def test_an_engine_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Misconfigured, match="there is no engine 'flink'; choose among bare, stage"):
        await run_bus_bench(Plan(engines=("flink",)), lambda _: None)


@pytest.mark.slow
@pytest.mark.timeout(100)
async def test_our_stage_puts_all_events_through() -> None:
    result = await run_bus_bench(Plan(events=100, repeat=1, latency_events=0, engines=("stage",)), lambda _: None)

    [row] = result["runs"]
    assert (row["engine"], row["ratio"], result["latency_ms"]) == ("stage", None, None)
    assert row["events_per_s"] > 0


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_every_engine_puts_all_events_through_and_peers_are_left_out_with_a_word() -> None:
    said: list[str] = []
    result = await run_bus_bench(Plan(events=400, repeat=1, latency_events=20), said.append)

    assert {row["engine"] for row in result["runs"]} == {"bare", "stage", "faust"}
    assert all(row["events_per_s"] > 0 for row in result["runs"])
    assert result["left_out"] == ["faststream", "quix"]
    assert said[0].startswith("left out: faststream, quix; --peers")
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p99"]
