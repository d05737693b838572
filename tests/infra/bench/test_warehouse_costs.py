"""The costs of views: every set of views takes its rows, and what is told adds up."""

import os
import time

import pytest

from infra.bench.warehouse_costs import cpu_s, measure_costs

pytestmark = pytest.mark.timeout(120)


@pytest.mark.long  # six databases, each until its merges have gone quiet
async def test_every_view_behind_events_has_its_costs() -> None:
    found = await measure_costs(600, seed=1, rounds=1)
    assert found["rows"] == 600
    assert {*found["views"]} == {"kpi_daily_from_events", "parts_daily_from_events", "tickets_from_events"}
    assert found["none"]["insert_us"] > 0
    for cost in (found["all"], found["none"], *found["views"].values()):
        assert cost["total_us"] == pytest.approx(cost["insert_us"] + cost["merge_us"], abs=0.02)


def test_cpu_time_of_a_process_is_what_it_has_worked() -> None:
    before, mine = cpu_s(os.getpid())[0], time.process_time()
    while time.process_time() - mine < 0.3:
        pass
    assert cpu_s(os.getpid())[0] - before == pytest.approx(time.process_time() - mine, abs=0.05)
    assert cpu_s(os.getpid())[1] == 0
