"""What the benchmark of the broker concludes from its turns, and one small run."""

import pytest

from infra.bench.broker import Plan, rows, run_broker_bench


def test_medians_are_compared_with_kafka() -> None:
    [row] = rows({("produce", 100, "ours"): [90, 30, 60], ("produce", 100, "kafka"): [100, 120, 140]}, None)

    assert row == {"op": "produce", "size": 100, "ours_per_s": 60, "kafka_per_s": 120, "ratio_to_kafka": 0.5}


def test_without_kafka_the_reason_stands_in_its_place() -> None:
    [row] = rows({("consume", 1000, "ours"): [5.0]}, "Java is not installed")

    assert (row["kafka_per_s"], row["ratio_to_kafka"], row["reason"]) == (None, None, "Java is not installed")


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_every_record_is_taken_and_given_back() -> None:
    result = await run_broker_bench(Plan(megabytes=1, repeat=1, kafka=False), lambda _: None)

    assert [(row["op"], row["size"]) for row in result["runs"]] == [
        ("produce", 100),
        ("consume", 100),
        ("produce", 1000),
        ("consume", 1000),
    ]
    assert all(row["ours_per_s"] > 0 for row in result["runs"])
    assert 0 < result["start_s"] < 30
