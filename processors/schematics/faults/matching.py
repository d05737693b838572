"""Patterns that fit a board and what is said of it, with the real nets and parts where each would be."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from processors.schematics.faults.catalogue import Measure, Pattern, catalogue
from processors.schematics.faults.circuits import CircuitPlace, find
from processors.schematics.faults.supply import Supply, supply_of
from processors.schematics.faults.symptoms import Symptom
from processors.schematics.index import Index

_LISTED = 3


@dataclass(frozen=True, slots=True)
class Told:
    """A measurement with the names of the board in it, and the readings to expect, in ``unit``."""

    what: str
    unit: str
    good: tuple[float, float]
    fault: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """A pattern on a board. ``fit`` is the share of the symptoms said that it explains, 1 where none was said.

    ``places`` are all where it may be; ``measure`` names the first of them.
    """

    id: str
    title: str
    fit: float
    places: tuple[CircuitPlace, ...]
    causes: tuple[str, ...]
    measure: tuple[Told, ...]
    hazards: tuple[str, ...]
    sources: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain lists and dictionaries."""
        return asdict(self)


def matches(
    index: Index, symptoms: Iterable[Symptom] = (), supply: Supply | None = None, net: str | None = None
) -> tuple[PatternMatch, ...]:
    """Return the patterns that have a place on the board and explain a symptom, the best fit first.

    Without symptoms all that have a place. ``net`` keeps only places on that net.
    """
    said = frozenset(symptoms)
    supply = supply if supply is not None else supply_of(index)
    found: list[PatternMatch] = []
    for pattern in catalogue():
        fit = len(said & set(pattern.symptoms)) / len(said) if said else 1.0
        places = find(pattern.circuit, index, supply) if fit else ()
        places = tuple(one for one in places if net is None or one.net == net)
        if places:
            found.append(_match(pattern, fit, places))
    # Of two that explain as much, the one that explains little else says more.
    rank = {one.id: len(one.symptoms) for one in catalogue()}
    return tuple(sorted(found, key=lambda one: (-one.fit, rank[one.id])))


def _match(pattern: Pattern, fit: float, places: tuple[CircuitPlace, ...]) -> PatternMatch:
    measure = tuple(_told(one, places[0]) for one in pattern.measure)
    return PatternMatch(
        pattern.id, pattern.title, round(fit, 3), places, pattern.causes, measure, pattern.hazards, pattern.sources
    )  # fmt: skip


def _told(measure: Measure, place: CircuitPlace) -> Told:
    parts = ", ".join(place.parts[:_LISTED]) or "the part"
    what = measure.what.replace("{net}", place.net or "its net").replace("{parts}", parts)
    return Told(what, measure.unit, measure.good, measure.fault)
