from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.tickets.calendars import Calendar, CalendarError, OpeningHours

MINUTE = timedelta(minutes=1)
WEEKDAYS = {day: ((time(9), time(12, 30)), (time(13, 15), time(18))) for day in range(5)}
BERLIN = Calendar(OpeningHours(WEEKDAYS, "Europe/Berlin", country="DE", subdivision="BE"))
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo",
    "Asia/Beirut", "Asia/Kolkata", "Pacific/Apia",
)  # fmt: skip
CHANGES = {
    "UTC": date(2026, 1, 1), "Europe/Berlin": date(2026, 3, 29), "America/New_York": date(2026, 11, 1),
    "Australia/Lord_Howe": date(2026, 4, 5), "America/Havana": date(2025, 11, 2), "Africa/Cairo": date(2025, 4, 25),
    "Asia/Beirut": date(2025, 10, 26), "Asia/Kolkata": date(2026, 6, 1), "Pacific/Apia": date(2011, 12, 30),
}  # fmt: skip
"""A day on which the zone's clocks change; in Samoa one that never was."""


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@st.composite
def hours(draw: st.DrawFn) -> OpeningHours:
    zone = draw(st.sampled_from(ZONES))
    week: dict[int, tuple[tuple[time, time], ...]] = {}
    for day in draw(st.sets(st.integers(0, 6), min_size=1)):
        marks = sorted(draw(st.sets(st.integers(0, 24 * 12), min_size=2, max_size=4)))
        marks = marks[: len(marks) // 2 * 2]
        times = [time(mark // 12 % 24, mark % 12 * 5) for mark in marks]
        week[day] = tuple(zip(times[::2], times[1::2], strict=True))
    closed = draw(st.frozensets(st.integers(-3, 3).map(lambda days: CHANGES[zone] + timedelta(days)), max_size=2))
    return OpeningHours(week, zone, closed)


@st.composite
def moments(draw: st.DrawFn, opening: OpeningHours, count: int) -> list[datetime]:
    midday = datetime.combine(CHANGES[opening.time_zone], time(12), tzinfo=UTC)
    minutes = sorted(draw(st.lists(st.integers(-4320, 4320), min_size=count, max_size=count)))
    return [midday + timedelta(minutes=minute) for minute in minutes]


def by_the_wall_clock(opening: OpeningHours, start: datetime, end: datetime) -> timedelta:
    """The oracle: look at a clock on the shop's wall once a minute."""
    zone, total, now = ZoneInfo(opening.time_zone), timedelta(0), start
    while now < end:
        wall = now.astimezone(zone)
        if wall.date() not in opening.closed:
            minute = wall.hour * 60 + wall.minute
            for opens, closes in opening.week.get(wall.weekday(), ()):
                until = closes.hour * 60 + closes.minute or 1440
                total += MINUTE if opens.hour * 60 + opens.minute <= minute < until else timedelta(0)
        now += MINUTE
    return total


@settings(max_examples=150, deadline=None)
@given(data=st.data(), opening=hours())
def test_counts_as_one_who_looks_at_the_wall_clock_every_minute(data: st.DataObject, opening: OpeningHours) -> None:
    start, end = data.draw(moments(opening, 2))
    calendar = Calendar(opening)
    assert calendar.business_between(start, end) == by_the_wall_clock(opening, start, end)
    assert calendar.business_between(end, start) == -calendar.business_between(start, end)
    assert calendar.is_open(start) == (by_the_wall_clock(opening, start, start + MINUTE) > timedelta(0))


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        pytest.param("Africa/Cairo", date(2025, 4, 24), id="the next day begins at one o'clock"),
        pytest.param("Pacific/Apia", date(2011, 12, 29), id="the next day never was"),
        pytest.param("Asia/Beirut", date(2025, 10, 25), id="its last hour comes twice"),
        pytest.param("America/Havana", date(2025, 11, 1), id="the next day's first hour comes twice"),
    ],
)
def test_the_last_hour_before_a_change_at_midnight_counts(zone: str, day: date) -> None:
    opening = OpeningHours(dict.fromkeys(range(7), ((time(23), time(0)),)), zone)
    noon = datetime.combine(day, time(12), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    night = noon + timedelta(hours=14)
    counted = Calendar(opening).business_between(noon, night)
    assert counted == by_the_wall_clock(opening, noon, night)
    assert counted == timedelta(hours=2 if zone == "Asia/Beirut" else 1)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), opening=hours())
def test_adds_up_and_only_grows(data: st.DataObject, opening: OpeningHours) -> None:
    calendar = Calendar(opening)
    first, second, third = data.draw(moments(opening, 3))
    whole = calendar.business_between(first, third)
    assert calendar.business_between(first, second) + calendar.business_between(second, third) == whole
    assert timedelta(0) <= calendar.business_between(first, second) <= whole <= third - first


@settings(max_examples=150, deadline=None)
@given(data=st.data(), opening=hours(), seconds=st.integers(0, 200_000))
@example(None, OpeningHours({6: ((time(1), time(4)),)}, "Europe/Berlin"), 7200)
def test_adding_is_the_inverse_of_counting_and_gives_the_first_such_moment(
    data: st.DataObject | None, opening: OpeningHours, seconds: int
) -> None:
    calendar = Calendar(opening)
    start = data.draw(moments(opening, 1))[0] if data else datetime(2026, 3, 28, 12, tzinfo=UTC)
    duration = timedelta(seconds=seconds)
    due = calendar.add_business(start, duration)
    assert calendar.business_between(start, due) == duration
    assert due == start or calendar.business_between(start, due - timedelta(seconds=1)) < duration
    half = calendar.add_business(start, duration / 2)
    assert calendar.add_business(half, duration / 2) == due


def test_knows_noon_breaks_weekends_and_public_holidays() -> None:
    friday = at("2026-04-02T17:00")  # the day before Good Friday, which Easter Monday follows
    assert BERLIN.add_business(friday, timedelta(hours=2)) == at("2026-04-07T10:00")
    assert BERLIN.business_between(at("2026-04-08T09:00"), at("2026-04-08T18:00")) == timedelta(hours=8, minutes=15)
    assert not BERLIN.is_open(at("2026-03-08T10:00"))
    assert Calendar(OpeningHours({6: WEEKDAYS[0]}, "Europe/Berlin")).is_open(at("2026-03-08T10:00"))
    women_s_day = at("2027-03-08T10:00")  # a holiday of Berlin alone
    assert not BERLIN.is_open(women_s_day)
    assert Calendar(OpeningHours(WEEKDAYS, "Europe/Berlin", country="DE")).is_open(women_s_day)


def test_an_hour_of_the_night_of_the_clock_change_is_none_in_spring_and_two_in_autumn() -> None:
    nights = Calendar(OpeningHours({6: ((time(2), time(3)),)}, "Europe/Berlin"))
    assert nights.business_between(at("2026-03-28T12:00"), at("2026-03-29T12:00")) == timedelta(0)
    assert nights.business_between(at("2026-10-24T12:00"), at("2026-10-25T12:00")) == timedelta(hours=2)


@pytest.mark.parametrize(
    ("opening", "says"),
    [
        (OpeningHours({0: ()}), "no opening hours in the whole week"),
        (OpeningHours({7: ((time(9), time(17)),)}), "Monday is 0 and Sunday is 6"),
        (OpeningHours({0: ((time(17), time(9)),)}), "split hours over midnight"),
        (OpeningHours({0: ((time(9), time(17)), (time(16), time(18)))}), "16:00 lies in the hours before"),
        (OpeningHours(WEEKDAYS, "Europe/Atlantis"), "no IANA time zone"),
        (OpeningHours(WEEKDAYS, country="QQ"), "no public holidays are known for QQ"),
    ],
)
def test_refuses_hours_that_cannot_be_and_says_why(opening: OpeningHours, says: str) -> None:
    with pytest.raises(CalendarError, match=says):
        Calendar(opening)


def test_does_not_look_for_ever_for_an_open_hour() -> None:
    monday = date(2026, 1, 5)
    never = Calendar(OpeningHours({0: WEEKDAYS[0]}, closed=frozenset(monday + timedelta(7 * n) for n in range(70))))
    with pytest.raises(CalendarError, match="no open hour from"):
        never.add_business(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1))
    with pytest.raises(CalendarError, match="only goes on"):
        BERLIN.add_business(datetime(2026, 1, 1, tzinfo=UTC), -timedelta(hours=1))
