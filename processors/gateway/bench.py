"""What is known of a ticket besides its complaint when it is diagnosed again. Pure."""

import math
import re
from collections.abc import Iterable, Sequence

from schemas.design_answers import BoardMeasurement
from schemas.diagnoses import DiagnosisView, Measurement, Reading
from schemas.suspects import BoardReading

_TO = re.compile(r"\s+to\s+", re.IGNORECASE)
_AT = re.compile(r"\s+at\s+", re.IGNORECASE)
_GROUND = frozenset({"ground", "gnd"})


def known_readings(view: DiagnosisView | None, new: Sequence[Reading]) -> tuple[Reading, ...]:
    """Return what was measured so far with what is new; of one measurement at one place the newest counts."""
    said = None if view is None else view.diagnosed or view.abstained
    found: dict[tuple[str, str], Reading] = {}
    for one in (*(said.readings if said is not None else ()), *new):
        place = (_plain(one.what), _plain(one.where))
        found.pop(place, None)  # the newest stands last
        found[place] = one
    return tuple(found.values())


def board_readings(readings: Iterable[Reading]) -> tuple[BoardReading, ...]:
    """Return the readings that may be of a net: a value with its unit at a place, ``+3V3``, ``+5V to +3V3``, ``C7``."""
    found = []
    for one in readings:
        if one.measured is not None and one.unit and one.where.strip():
            start, *rest = (_AT.split(end)[0].strip() for end in _TO.split(one.where.strip(), maxsplit=1))
            other = next((end for end in rest if end.casefold() not in _GROUND), "")
            diode = "diode" if "diode" in one.what.casefold() else None
            found.append(BoardReading(net=start, other=other, quantity=diode, measured=one.measured, unit=one.unit))
    return tuple(found)


def measurement_of(asked: BoardMeasurement) -> Measurement:
    """Return what a board asks for as a diagnosis names it; its place reads back as :func:`board_readings` takes it."""
    mind = f" Mind: {asked.hazard}." if asked.hazard else ""
    return Measurement(
        what=asked.what,
        where=f"{asked.net} to {asked.other}" if asked.other else asked.net,
        expected=asked.expected,
        why=f"It tells most a minute about the board's suspects: {asked.expected_bits:.1f} bits.{mind}",
        minutes=math.ceil(asked.minutes),
        expected_bits=asked.expected_bits,
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
