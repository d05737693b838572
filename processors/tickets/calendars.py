"""Business time: when a shop is open, how much open time lies between two moments, and when some has passed.

The shop is open when a clock on its wall says so. In spring the hour that the wall clock skips is no time at all; in
autumn the hour that it shows twice counts twice. Pure: moments in and out are aware, those returned are in UTC.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_NOTHING = timedelta(0)
_LONGEST_CLOSED_DAYS = 400

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When a shop is open. ``week`` maps a weekday, Monday is 0, to pairs of wall times in ``time_zone`` (IANA).

    A closing time of 00:00 is the end of the day. ``closed`` are single days; ``country`` (ISO 3166-1 alpha-2) and
    ``subdivision`` add the public holidays of that place.
    """

    week: Mapping[int, tuple[tuple[time, time], ...]]
    time_zone: str = "UTC"
    closed: frozenset[date] = frozenset()
    country: str | None = None
    subdivision: str | None = None


class CalendarError(ValueError):
    """Opening hours that cannot be; the message says which and what to do."""


@dataclass(slots=True)
class Calendar:
    """Opening hours as a measure of time. Equal hours measure alike; what was worked out once is kept."""

    hours: OpeningHours
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _holidays: Any = field(init=False, repr=False, compare=False)
    _days: dict[date, tuple[Span, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        _check(self.hours)
        self._zone = _zone(self.hours.time_zone)
        self._holidays = _holidays_of(self.hours.country, self.hours.subdivision)

    def is_open(self, at: datetime) -> bool:
        """Whether the shop is open at a moment; it is at the minute of opening, and is not at that of closing."""
        return any(start <= at < end for start, end in self._around(at))

    def business_between(self, start: datetime, end: datetime) -> timedelta:
        """Return the open time between two moments; negative when ``end`` is the earlier one."""
        if end < start:
            return -self.business_between(end, start)
        total = _NOTHING
        for opens, closes in self._from(start):
            if opens >= end:
                break
            total += max(_NOTHING, min(closes, end) - max(opens, start))
        return total

    def add_business(self, start: datetime, duration: timedelta) -> datetime:
        """Return the first moment, not before ``start``, by which ``duration`` of open time has passed since.

        Raises:
            CalendarError: the shop is closed for more than a year on end, or the duration is negative.
        """
        if duration < _NOTHING:
            raise CalendarError(f"a duration of {duration} cannot be added; business time only goes on")
        left = duration
        if not left:
            return start.astimezone(UTC)
        for opens, closes in self._from(start):
            begins = max(opens, start)
            if closes - begins >= left:
                return (begins + left).astimezone(UTC)
            left -= max(_NOTHING, closes - begins)
        raise AssertionError("the days do not end")

    def _from(self, start: datetime) -> Iterator[Span]:
        """Yield the open spans that end after ``start``, in order and without end."""
        day = start.astimezone(self._zone).date() - DAY
        last_open = day
        while True:
            for span in self._open_on(day):
                last_open = day
                if span[1] > start:
                    yield span
            day += DAY
            if (day - last_open).days > _LONGEST_CLOSED_DAYS:
                raise CalendarError(f"no open hour from {last_open} to {day}; check the closed days and the holidays")

    def _around(self, at: datetime) -> Iterator[Span]:
        day = at.astimezone(self._zone).date()
        for near in (day - DAY, day):
            yield from self._open_on(near)

    def _open_on(self, day: date) -> tuple[Span, ...]:
        known = self._days.get(day)
        if known is None:
            known = self._days[day] = tuple(sorted(self._spans_of(day)))
        return known

    def _spans_of(self, day: date) -> Iterator[Span]:
        if day in self.hours.closed or day in self._holidays:
            return
        regimes = tuple(_regimes(day, self._zone))
        midnight = datetime.combine(day, time.min, tzinfo=UTC)
        for opens, closes in self.hours.week.get(day.weekday(), ()):
            for offset, begins, ends in regimes:
                start = max(midnight + _since_midnight(opens) - offset, begins)
                end = min(midnight + _until_midnight(closes) - offset, ends)
                if start < end:
                    yield start, end


def _regimes(day: date, zone: ZoneInfo) -> Iterator[tuple[timedelta, datetime, datetime]]:
    """Yield the offsets to UTC of a day, each with the moments between which it holds. A day has one or two."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    before = _offset(datetime.combine(day, time.min, tzinfo=zone))
    # The last moment of the day, not the first of the next, which the wall clock may skip.
    after = _offset(datetime.combine(day, time.max, tzinfo=zone).replace(fold=1))
    if before == after:
        yield before, first, last
        return
    change = _change(
        datetime.combine(day, time.min, tzinfo=UTC) - before,
        # Where a whole day is left out, the day before it ends by its own offset only.
        datetime.combine(day + DAY, time.min, tzinfo=UTC) - min(before, after),
        before,
        zone,
    )
    yield before, first, change
    yield after, change, last


def _change(low: datetime, high: datetime, before: timedelta, zone: ZoneInfo) -> datetime:
    """Return the second at which ``zone`` leaves the offset ``before``, by bisection."""
    if _offset(low.astimezone(zone)) != before:
        return low
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if _offset(middle.astimezone(zone)) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(at: datetime) -> timedelta:
    offset = at.utcoffset()
    assert offset is not None
    return offset


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)


def _until_midnight(at: time) -> timedelta:
    return _since_midnight(at) or DAY


def _check(hours: OpeningHours) -> None:
    if not any(hours.week.values()):
        raise CalendarError("no opening hours in the whole week; name at least one day with a from and a to")
    for weekday, pairs in hours.week.items():
        if weekday not in range(7):
            raise CalendarError(f"weekday {weekday}: Monday is 0 and Sunday is 6")
        shut = timedelta(-1)
        for opens, closes in pairs:
            if _until_midnight(closes) <= _since_midnight(opens):
                raise CalendarError(f"weekday {weekday}: {opens:%H:%M} to {closes:%H:%M} ends before it begins; "
                                    "split hours over midnight between the two days")  # fmt: skip
            if _since_midnight(opens) < shut:
                raise CalendarError(f"weekday {weekday}: {opens:%H:%M} lies in the hours before; list them in order")
            shut = _until_midnight(closes)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise CalendarError(f"{name!r} is no IANA time zone; use a name like 'Europe/Amsterdam'") from error


@cache
def _holidays_of(country: str | None, subdivision: str | None) -> Any:
    """Return the public holidays of a place as a set that fills itself year by year."""
    if country is None:
        return frozenset()
    # Imported here: it takes a tenth of a second that a shop without a country need not wait.
    import holidays

    try:
        return holidays.country_holidays(country, subdiv=subdivision)
    except NotImplementedError as error:
        raise CalendarError(f"no public holidays are known for {country} {subdivision or ''}; "
                            "use codes like 'DE' and 'BE', or list closed days") from error  # fmt: skip
