from hypothesis import given
from hypothesis import strategies as st

from processors.brain.breaker import Breaker

TRIAL_S = 90.0


def opened() -> Breaker:
    breaker = Breaker()
    for at in (0.0, 1.0, 2.0):
        assert breaker.refuses_for(at, TRIAL_S) == 0
        breaker.failed(at)
    return breaker


def test_lets_everything_through_while_failures_are_single() -> None:
    breaker = Breaker()
    for at in range(20):
        assert breaker.refuses_for(at, TRIAL_S) == 0
        if at % 3:
            breaker.failed(at)
        else:
            breaker.worked()


def test_opens_for_a_minute_after_three_failures_in_a_row() -> None:
    assert opened().refuses_for(2.0, TRIAL_S) == 60
    assert opened().refuses_for(61.5, TRIAL_S) == 0.5


def test_lets_one_through_as_a_trial_and_the_others_wait() -> None:
    breaker = opened()
    assert breaker.refuses_for(62.0, TRIAL_S) == 0
    assert breaker.refuses_for(63.0, TRIAL_S) == 89
    breaker.worked()
    assert breaker.refuses_for(64.0, TRIAL_S) == 0
    assert breaker.refuses_for(64.0, TRIAL_S) == 0


def test_opens_for_twice_as_long_when_the_trial_fails() -> None:
    breaker = opened()
    breaker.refuses_for(62.0, TRIAL_S)
    breaker.failed(70.0)
    assert breaker.refuses_for(70.0, TRIAL_S) == 120


def test_makes_another_trial_when_the_first_is_never_heard_of_again() -> None:
    breaker = opened()
    breaker.refuses_for(62.0, TRIAL_S)
    assert breaker.refuses_for(62.0 + TRIAL_S, TRIAL_S) == 0


def test_failures_of_those_who_asked_before_it_opened_do_not_keep_it_open_longer() -> None:
    breaker = opened()
    for _ in range(60):
        breaker.failed(3.0)
    assert breaker.refuses_for(3.0, TRIAL_S) == 59


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2_000))))
def test_never_refuses_for_longer_than_its_longest_pause_and_always_after_a_success_lets_through(
    events: list[tuple[bool, float]],
) -> None:
    breaker, now = Breaker(), 0.0
    for works, passed in events:
        now += passed
        assert 0 <= breaker.refuses_for(now, TRIAL_S) <= breaker.longest_pause_s
        if works:
            breaker.worked()
            assert breaker.refuses_for(max(now, breaker._closed_at), TRIAL_S) == 0
        else:
            breaker.failed(now)
