"""ISO 8601 durations and repeating intervals, as BPMN timers use them."""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_DURATION = re.compile(
    r"P(?=.)(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,4})M)?(?:(?P<weeks>\d{1,5})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,7})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_CYCLE = re.compile(r"R(?P<repeats>\d{0,6})/(?P<interval>P.+)", re.ASCII)
_SHORTEST_S = 1.0
_LONGEST_DAYS = 3660.0


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months plus a fixed span: the two do not mix, because months differ in length."""

    months: int
    fixed: timedelta

    def after(self, moment: datetime) -> datetime:
        """The moment this duration later; a day that its month lacks becomes the month's last day."""
        if self.months:
            month = moment.month - 1 + self.months
            year, month = moment.year + month // 12, month % 12 + 1
            day = min(moment.day, calendar.monthrange(year, month)[1])
            moment = moment.replace(year=year, month=month, day=day)
        return moment + self.fixed


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a timer is due: `repeats` times `interval` apart; None repeats without end."""

    interval: Duration
    repeats: int | None = 1


def parse_duration(text: str) -> Duration:
    """Read `P14D`, `PT2M`, `P1Y2M3DT4H5M6.5S` or `P2W`; ValueError says what is wrong."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT2M or P14D")
    part = {name: float(value) for name, value in match.groupdict(default="0").items()}
    months = int(part["years"]) * 12 + int(part["months"])
    days = part["weeks"] * 7 + part["days"]
    fixed_s = days * 86_400 + part["hours"] * 3600 + part["minutes"] * 60 + part["seconds"]
    total_days = months * 30.5 + fixed_s / 86_400
    if total_days > _LONGEST_DAYS:
        raise ValueError(f"{text!r} is longer than ten years")
    if months == 0 and fixed_s < _SHORTEST_S:
        raise ValueError(f"{text!r} is shorter than one second")
    return Duration(months, timedelta(seconds=fixed_s))


def parse_cycle(text: str) -> Schedule:
    """Read `R3/PT1H` (three times) or `R/PT1H` (without end); ValueError says what is wrong."""
    match = _CYCLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a repeating interval such as R3/PT1H")
    repeats = int(match["repeats"]) if match["repeats"] else None
    if repeats == 0:
        raise ValueError(f"{text!r} never fires")
    return Schedule(parse_duration(match["interval"]), repeats)
