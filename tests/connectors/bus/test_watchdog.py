"""The watchdog: what stands still is told from what is slow."""

import pytest

from connectors.bus.watchdog import Patience, Sight, Watchdog

PATIENCE = Patience(batch_s=900, fetch_s=120, commit_s=120, assignment_s=180, truncated_s=10)
IDLE = Sight(expected=5, watermark=5, committed=5, busy=False, finished=5, end=5)


def reasons(sights: list[tuple[float, Sight]]) -> list[str]:
    dog = Watchdog(PATIENCE)
    return [reason for now, sight in sights if (reason := dog.look("t/0", sight, now)) is not None]


def seen(**changes: object) -> Sight:
    return Sight(**{name: changes.get(name, getattr(IDLE, name)) for name in Sight.__slots__})  # type: ignore[arg-type]  # typed for more than is given here


@pytest.mark.parametrize(
    ("stuck", "seconds", "says"),
    [
        (seen(busy=True, expected=9, end=9), 900, "has finished no record for 901 s"),
        (seen(end=9), 120, "has records from 5 on, none was fetched for 121 s"),
        (seen(watermark=5, committed=3), 120, "is finished up to 5, nothing was committed for 121 s"),
        (seen(end=4), 10, "ends at 4, but was read up to 5"),
    ],
    ids=["batch", "fetch", "commit", "end"],
)
def test_names_what_stands_still_when_its_time_is_over(stuck: Sight, seconds: int, says: str) -> None:
    assert reasons([(0, stuck), (seconds, stuck)]) == []
    [reason] = reasons([(0, stuck), (seconds, stuck), (seconds + 1, stuck)])
    assert says in reason


@pytest.mark.parametrize(
    "stuck",
    [seen(busy=True, expected=9, end=9), seen(end=9), seen(watermark=5, committed=3), seen(end=4)],
    ids=["batch", "fetch", "commit", "end"],
)
def test_begins_to_count_anew_after_a_pause_is_over(stuck: Sight) -> None:
    assert reasons([(0, stuck), (800, IDLE), (801, stuck), (805, stuck)]) == []


def test_lets_a_slow_batch_be_while_it_finishes_records() -> None:
    assert reasons([(600.0 * n, seen(busy=True, expected=99, finished=n, end=99)) for n in range(20)]) == []


def test_lets_a_backlog_be_while_fetches_come() -> None:
    assert reasons([(100.0 * n, seen(expected=n, watermark=0, committed=0, end=99)) for n in range(20)]) == []


def test_knows_nothing_of_the_end_while_no_broker_answers() -> None:
    assert reasons([(0, seen(end=None)), (9999, seen(end=None))]) == []


def test_is_quiet_for_a_worker_without_work() -> None:
    assert reasons([(0, IDLE), (9999, IDLE)]) == []


def test_misses_an_assignment_after_a_while_and_forgets_it_when_one_comes() -> None:
    dog = Watchdog(PATIENCE)
    assert [dog.unassigned(True, now) for now in (0, 180)] == [None, None]
    assert dog.unassigned(True, 181) == "no assignment for 181 s"
    assert [dog.unassigned(False, 182), dog.unassigned(True, 183), dog.unassigned(True, 300)] == [None, None, None]


def test_forgets_what_it_saw_before_its_process_was_frozen() -> None:
    dog = Watchdog(PATIENCE)
    dog.look("t/0", seen(end=9), 0)
    dog.forget()
    assert dog.look("t/0", seen(end=9), 500) is None


def test_a_log_that_is_read_past_the_end_last_asked_for_is_not_cut_off() -> None:
    busy_log = [(now, seen(expected=5 + now, watermark=5 + now, committed=5 + now, end=4 + now)) for now in range(60)]
    assert reasons([(float(now), sight) for now, sight in busy_log]) == []
