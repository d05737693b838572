"""Kills of workers and of brokers on three nodes of Apache Kafka."""

import pytest

from infra.bench.kill import Plan, is_unharmed, run_kill_bench

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.usefixtures("jars")]


async def test_kills_on_three_brokers_lose_nothing() -> None:
    said: list[str] = []
    result = await run_kill_bench(Plan(kills=3, broker_kind="kafka3", control=False), said.append)

    assert is_unharmed(result), (result, said)
    assert result["kills"] == 3
