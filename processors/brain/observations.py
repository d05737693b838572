"""What readings at the bench, suspects from the schematic and the device's history say for and against a family.

Each is a log-likelihood ratio with its model stated here; they add to the ranking, taken as independent given the
family. All figures are set by hand from bench practice: no public records pair them with causes.
"""

import math
from collections.abc import Mapping, Sequence

from processors.brain.evidence import Weighed
from processors.brain.families import FAMILIES
from processors.brain.measurements import NOISE, TESTS, BenchTest
from schemas.diagnoses import DiagnoseFault, EarlierRepair, Reading
from schemas.suspects import BoardSuspect

BY_UNIT: Mapping[str, str] = {
    "v": "Supply rails with the load disconnected",
    "mv": "Supply rails with the load disconnected",
    "ohm": "Resistance to ground of the main rails",
    "kohm": "Resistance to ground of the main rails",
}
"""Which bench test a reading counts as that names none of ours but has limits of its own."""

SUSPECT_NATS: Mapping[str, Mapping[str, float]] = {
    "short": {"system_board": 2.8, "power": 0.8, "liquid": 0.3, "software": -1.5, "performance": -1.5},
    "open": {"system_board": 2.2, "power": 1.2, "charging_port": 0.6, "software": -1.0, "performance": -1.0},
    "dead_regulator": {"system_board": 2.5, "power": 1.5, "software": -1.5, "performance": -1.5},
    "missing_enable": {"system_board": 2.2, "boot": 0.8, "power": 0.8, "software": -0.5},
    "missing_pull_up": {"system_board": 2.2, "boot": 0.8, "software": -0.5},
    "no_source": {
        "power": 1.5,
        "charging_port": 1.2,
        "cable": 0.8,
        "battery": 0.5,
        "software": -1.0,
        "performance": -1.0,
    },
    "none": {"system_board": -1.2, "power": -1.2},
}
"""Log-likelihood ratio of a family when a suspect of this kind is certain; times its probability when it is not."""
OTHER_SUSPECT_NATS: Mapping[str, float] = {"system_board": 1.5, "software": -0.7, "performance": -0.7}
"""The same for a kind that this table does not know."""

SAME_AGAIN_NATS = 1.5
"""Log-likelihood ratio of the family that was repaired the day before: a factor of 4.5. A repair that was given up
counts as if it had been then, because what it left is still there."""
FORGOTTEN_DAYS = 180.0
"""After so many days an earlier repair counts half, after twice as many a quarter."""
GIVEN_UP = frozenset({"unrepairable", "beyond_economic_repair", "declined", "partly"})


def observations(question: DiagnoseFault) -> tuple[Weighed, ...]:
    """Return what a question's readings, suspects and earlier repairs add to the families."""
    return (
        *reading_weights(question.readings),
        *suspect_weights(question.suspects),
        *history_weights(question.earlier),
    )


def reading_weights(readings: Sequence[Reading]) -> tuple[Weighed, ...]:
    """Return what readings add: log P(normal or not | family), from the table that measurements are chosen by.

    Of several readings of one test the newest counts, the last one. A reading that is neither judged nor has limits,
    or belongs to no bench test, says nothing.
    """
    newest: dict[str, tuple[BenchTest, Reading, bool]] = {}
    for reading in readings:
        test, normal = test_of(reading), is_normal(reading)
        if test is not None and normal is not None:
            newest[test.what] = (test, reading, normal)
    return tuple(Weighed("measurement", _said(reading, ok), _nats(test, ok)) for test, reading, ok in newest.values())


def test_of(reading: Reading) -> BenchTest | None:
    """Return the bench test that a reading answers: by its words, else by its unit when it has limits."""
    wanted = " ".join(reading.what.split()).casefold()
    named = next((test for test in TESTS if test.what.casefold() == wanted), None)
    if named is not None or (reading.low is None and reading.high is None):
        return named
    counted_as = BY_UNIT.get(reading.unit.casefold().replace("ω", "ohm"))
    return next((test for test in TESTS if test.what == counted_as), None)


def is_normal(reading: Reading) -> bool | None:
    """Return whether a reading is as it should be: as who measured it judged, else by its limits; None: not known."""
    if reading.normal is not None:
        return reading.normal
    if reading.measured is None or (reading.low is None and reading.high is None):
        return None
    return (reading.low is None or reading.measured >= reading.low) and (
        reading.high is None or reading.measured <= reading.high
    )


def suspect_weights(suspects: Sequence[BoardSuspect]) -> tuple[Weighed, ...]:
    """Return what suspects add: the likeliest of each kind, because they explain the same readings."""
    likeliest: dict[str, BoardSuspect] = {}
    for suspect in suspects:
        if suspect.kind not in likeliest or suspect.probability > likeliest[suspect.kind].probability:
            likeliest[suspect.kind] = suspect
    return tuple(
        Weighed(
            "measurement",
            _suspected(suspect),
            {family: nats * suspect.probability for family, nats in SUSPECT_NATS.get(kind, OTHER_SUSPECT_NATS).items()},
        )
        for kind, suspect in sorted(likeliest.items())
    )


def history_weights(earlier: Sequence[EarlierRepair]) -> tuple[Weighed, ...]:
    """Return what earlier repairs add to their own families; of several of one family the strongest counts."""
    strongest: dict[str, tuple[float, EarlierRepair]] = {}
    for repair in earlier:
        if repair.fault_family not in FAMILIES:
            continue
        days = 0.0 if repair.outcome in GIVEN_UP else float(repair.days_ago)
        nats = SAME_AGAIN_NATS * 0.5 ** (days / FORGOTTEN_DAYS)
        if nats > strongest.get(repair.fault_family, (0.0, repair))[0]:
            strongest[repair.fault_family] = (nats, repair)
    return tuple(
        Weighed("history", _repaired(family, repair), {family: nats})
        for family, (nats, repair) in sorted(strongest.items())
    )


def _nats(test: BenchTest, normal: bool) -> dict[str, float]:
    """Return log P(reading | family) against a family that the test says nothing of."""

    def likelihood(abnormal: float) -> float:
        return 1 - abnormal if normal else abnormal

    return {
        family: math.log(likelihood(test.chance_abnormal(family)) / likelihood(NOISE))
        for family in FAMILIES
        if test.chance_abnormal(family) != NOISE
    }


def _said(reading: Reading, normal: bool) -> str:
    value = "" if reading.measured is None else f": {reading.measured:g} {reading.unit}".rstrip()
    place = f" at {reading.where}" if reading.where else ""
    return f"{reading.what}{place}{value}, {'as it should be' if normal else 'not as it should be'}"


def _suspected(suspect: BoardSuspect) -> str:
    kind = "no fault of the supply" if suspect.kind == "none" else suspect.kind.replace("_", " ")
    net = f" on {suspect.net}" if suspect.net else ""
    named = ", ".join(suspect.parts[:3]) + (f" and {len(suspect.parts) - 3} more" if len(suspect.parts) > 3 else "")
    parts = f" in {named}" if named else ""
    apart = "" if suspect.separable else "; which of them is not separable by these readings"
    return f"Schematic: {kind}{net}{parts} ({round(100 * suspect.probability)} %){apart}"


def _repaired(family: str, repair: EarlierRepair) -> str:
    given_up = ", without success" if repair.outcome in GIVEN_UP else ""
    return f"{FAMILIES[family].title} was repaired {repair.days_ago} days ago{given_up}"
