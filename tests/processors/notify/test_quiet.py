from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.vault.port import QuietHours
from processors.notify.quiet import quiet_until

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")


def _until(zone: str, start: str, end: str, local: str) -> str | None:
    hours = QuietHours(time_zone=zone, start=time.fromisoformat(start), end=time.fromisoformat(end))
    until = quiet_until(hours, datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))
    return until.isoformat() if until else None


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-01-10T21:59:59", None),
        ("2026-01-10T22:00:00", "2026-01-11T06:00:00+00:00"),
        ("2026-01-10T23:30:00", "2026-01-11T06:00:00+00:00"),
        ("2026-01-11T06:59:59", "2026-01-11T06:00:00+00:00"),
        ("2026-01-11T07:00:00", None),
    ],
)
def test_waits_for_the_morning_when_hours_are_overnight(local: str, expected: str | None) -> None:
    assert _until("Europe/Berlin", "22:00", "07:00", local) == expected


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-01-10T12:59:59", None),
        ("2026-01-10T13:00:00", "2026-01-10T14:00:00+00:00"),
        ("2026-01-10T15:00:00", None),
    ],
)
def test_waits_for_the_afternoon_when_hours_are_within_a_day(local: str, expected: str | None) -> None:
    assert _until("Europe/Berlin", "13:00", "15:00", local) == expected


def test_waits_an_hour_less_when_clocks_go_forward() -> None:
    assert _until("Europe/Berlin", "22:00", "07:00", "2026-03-28T23:00:00") == "2026-03-29T05:00:00+00:00"


def test_waits_an_hour_more_when_clocks_go_back() -> None:
    assert _until("Europe/Berlin", "22:00", "07:00", "2026-10-24T23:00:00") == "2026-10-25T06:00:00+00:00"


def test_never_comes_early_when_the_end_is_skipped() -> None:
    """02:30 does not exist on that day; it is read as 02:30 winter time, which is 03:30 summer time."""
    assert _until("Europe/Berlin", "22:00", "02:30", "2026-03-28T23:00:00") == "2026-03-29T01:30:00+00:00"


def test_waits_again_when_the_end_happens_twice() -> None:
    hours = QuietHours(time_zone="Europe/Berlin", start=time(22), end=time(2, 30))
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert quiet_until(hours, first - timedelta(minutes=1)) == first
    assert quiet_until(hours, first) is None
    assert quiet_until(hours, second - timedelta(minutes=1)) == second


times = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@settings(max_examples=150)
@given(
    zone=st.sampled_from(ZONES),
    start=times,
    end=times,
    now=st.integers(0, 5_000_000).map(lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
)
def test_ends_after_now_within_a_day_at_a_moment_that_is_not_quiet(
    zone: str, start: time, end: time, now: datetime
) -> None:
    if start == end:
        return
    hours = QuietHours(time_zone=zone, start=start, end=end)
    until = quiet_until(hours, now)
    if until is None:
        return
    assert now < until <= now + timedelta(hours=26)
    assert quiet_until(hours, until) is None
    half = now + (until - now) / 2
    skipped = quiet_until(hours, half) is None and until - half <= timedelta(hours=1)
    assert skipped or quiet_until(hours, half) == until
