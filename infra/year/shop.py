"""The made-up shop: when it is open, who works there, what is brought in. All numbers here are set by hand."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import cos, pi

import numpy as np

from connectors.pricelist.table import PriceTable
from infra.ports import PRICES
from processors.brain.families import FAMILIES
from processors.brain.family import Family
from processors.tickets.calendars import Calendar, OpeningHours
from schemas.devices import DeviceCategory

WEEKDAY, SATURDAY = ((time(9), time(18)),), ((time(10), time(16)),)
COUNTRY = "NL"
CALENDAR = Calendar(OpeningHours({**dict.fromkeys(range(5), WEEKDAY), 5: SATURDAY}, country=COUNTRY))
WEEK = (1.25, 1.05, 1.0, 1.0, 1.1, 0.9)
"""How many devices come on a weekday beside the others: most after the weekend."""
YEARLY_SWING, YEARLY_PEAK_DAY = 0.2, 20
"""In January people bring what broke over the holidays."""
GROWTH_A_YEAR = 0.15

MIX: Mapping[DeviceCategory, float] = {
    "mobile": 40, "laptop": 27, "tablet": 9, "console": 7, "vacuum": 5, "audio": 4, "desktop": 4, "tv": 2, "printer": 2,
}  # fmt: skip
BRANDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "mobile": (("Fairphone", "5"), ("Samsung", "Galaxy S23"), ("Apple", "iPhone 13"), ("Google", "Pixel 7")),
    "laptop": (("Framework", "13"), ("Lenovo", "ThinkPad T14"), ("Apple", "MacBook Air M1"), ("Dell", "XPS 13")),
    "tablet": (("Apple", "iPad 9"), ("Samsung", "Tab S8")),
    "console": (("Nintendo", "Switch"), ("Sony", "PlayStation 5")),
}
VALUE_CENTS: Mapping[str, int] = {
    "mobile": 35_000, "laptop": 60_000, "tablet": 30_000, "console": 28_000, "desktop": 45_000, "tv": 40_000,
    "vacuum": 20_000, "audio": 25_000, "printer": 15_000,
}  # fmt: skip
"""What a device is worth to its owner, on average: a repair that costs near that is declined."""
HARDNESS: Mapping[str, float] = {"low": 0.7, "medium": 1.0, "high": 1.8}
"""How often a repair of a risk fails the check or comes back, beside the usual."""
TICKETS_A_TECHNICIAN = 700
"""In a year."""


@dataclass(frozen=True, slots=True)
class Technician:
    """One person at a bench. ``pace`` and ``care`` multiply bench time and failures; ``likes`` are device categories
    that this person gets more of."""

    name: str
    pace: float
    care: float
    likes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Case:
    """A device and what ails it."""

    category: DeviceCategory
    brand: str
    model: str
    family: Family


def technicians(tickets_a_year: float, luck: random.Random) -> tuple[Technician, ...]:
    """Return the people that so many tickets need, at least four, each unlike the others."""
    count = max(4, round(tickets_a_year / TICKETS_A_TECHNICIAN))
    categories = list(MIX)
    return tuple(
        Technician(
            f"tech-{number + 1:02}",
            pace=luck.lognormvariate(0, 0.25),
            care=luck.lognormvariate(0, 0.45),
            likes=frozenset(luck.sample(categories, 2)),
        )
        for number in range(count)
    )


def assigned(case: Case, people: tuple[Technician, ...], luck: random.Random) -> Technician:
    """Return who gets a case."""
    return luck.choices(people, [4.0 if case.category in one.likes else 1.0 for one in people])[0]


def drawn_case(luck: random.Random) -> Case:
    """Return a device and a fault, as often as the catalogue says that it occurs."""
    category = luck.choices(list(MIX), list(MIX.values()))[0]
    families = _occurring(category)
    family = luck.choices(families, [one.weights[category] for one in families])[0]
    brand, model = luck.choice(BRANDS.get(category, (("", ""),)))
    return Case(category, brand, model, family)


def arrivals(start: date, days: int, tickets: float, seed: int) -> Iterator[datetime]:
    """Yield when devices are brought in, in order: ``tickets`` on average over the whole time."""
    chance = np.random.default_rng(seed)
    wanted = [(day, _busyness(day, start)) for day in (start + timedelta(days=number) for number in range(days))]
    total = sum(weight for _, weight in wanted)
    for day, weight in wanted:
        count = int(chance.poisson(tickets * weight / total)) if weight else 0
        opens, hours = (9, 9) if day.weekday() < 5 else (10, 6)
        for second in sorted(chance.integers(0, hours * 3600, count).tolist()):
            yield datetime.combine(day, time(opens), UTC) + timedelta(seconds=second)


def part_costs() -> dict[str, tuple[int, int]]:
    """Return what each part costs in cents, in its plainest grade, and how many days it takes to come."""
    return {one.sku: (min(one.cost_cents.values()), one.lead_time_days or 5) for one in PriceTable.load(PRICES)}


def _busyness(day: date, start: date) -> float:
    if not CALENDAR.is_open(datetime.combine(day, time(12), UTC)):
        return 0.0
    phase = 2 * pi * (day.timetuple().tm_yday - YEARLY_PEAK_DAY) / 365.25
    growth = 1 + GROWTH_A_YEAR * (day - start).days / 365.25
    return WEEK[day.weekday()] * (1 + YEARLY_SWING * cos(phase)) * growth


def _occurring(category: str) -> list[Family]:
    return [one for one in FAMILIES.values() if category in one.weights]
