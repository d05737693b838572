"""Kills in earnest: workers and the embedded broker, a second worker, a frozen one, trouble with publishing."""

import pytest

from infra.bench.kill import Plan, is_unharmed, run_kill_bench


@pytest.mark.slow
@pytest.mark.timeout(100)
async def test_one_kill_loses_nothing() -> None:
    result = await run_kill_bench(Plan(kills=1, seed=1, control=False), lambda _: None)

    assert is_unharmed(result), result
    assert result["order_violations"] == 0
    assert (result["kills"], result["events"]) == (1, 500)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_six_kills_lose_nothing_and_keep_the_order_of_every_key() -> None:
    said: list[str] = []
    result = await run_kill_bench(Plan(kills=6, seed=1, control=False), said.append)

    assert is_unharmed(result), (result, said)
    assert result["order_violations"] == 0, (result, said)
    assert result["kills"] == 6
    # Kills that repeat no work at all have not hit any.
    assert result["duplicates"] > 0


@pytest.mark.slow
@pytest.mark.timeout(100)
async def test_a_run_that_is_cut_off_is_not_counted_as_a_success() -> None:
    result = await run_kill_bench(Plan(kills=3, control=False, within_s=2.0), lambda _: None)

    assert result["finished"] is False
    assert not is_unharmed(result)


@pytest.mark.parametrize("name", ["lost", "view_missing", "commit_past_inflight"])
def test_one_harm_of_any_kind_is_harm(name: str) -> None:
    fine = {"finished": True, "lost": 0, "view_missing": 0, "commit_past_inflight": 0}

    assert is_unharmed(fine)
    assert not is_unharmed(fine | {name: 1})
