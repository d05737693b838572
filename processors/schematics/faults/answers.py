"""Readings as the edge hands them over, and the diagnosis in the words of ``schemas.design_answers``. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite

from processors.schematics.answers import no_net, no_part
from processors.schematics.faults.diagnose import Diagnoser
from processors.schematics.faults.explain import in_words
from processors.schematics.faults.hypotheses import FaultKind
from processors.schematics.faults.readings import UNITS, Measured, Quantity, Spot
from processors.schematics.faults.suspects import NextMeasurement, Suspect
from processors.schematics.faults.symptoms import Complaint
from processors.schematics.index import Index
from schemas.design_answers import BoardMeasurement, DesignDiagnosis
from schemas.suspects import BoardComplaint, BoardReading, BoardSuspect

LEAST = 0.01
"""Suspects below this probability are left out: a large board has thousands of them."""
_SUSPECTS_MOST = 20
_PARTS_MOST = 200
_WORD_MOST = 200
_KINDS: Mapping[FaultKind, str] = {"no_enable": "missing_enable", "no_pull_up": "missing_pull_up"}
"""Where the class of a fault is called otherwise on the log."""
_PREFIXES = {"": 1.0, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6}
_BASES: Mapping[str, Quantity] = {"ohm": "ohm", "v": "volt", "a": "amp"}
_FITTING: Mapping[Quantity, str] = {"ohm": "ohm, kohm or Mohm", "volt": "V or mV", "diode": "V or mV", "amp": "A or mA"}


def diagnosis_answer(
    diagnoser: Diagnoser, readings: Sequence[BoardReading], complaint: BoardComplaint, *, lenient: bool = False
) -> DesignDiagnosis:
    """Return suspects and the next measurement. ``lenient``: a reading that the board cannot take is told as unused.

    Raises:
        LookupError: a net or a part is not on the board; says what is like it.
        ValueError: a unit does not fit, a value cannot be, or the board has no supply that could be diagnosed.
    """
    index = diagnoser.index
    if not diagnoser.supply.nets:
        raise ValueError(f"no supply net was found in {index.design.source}: give the file that carries the supply")
    taken, left = _taken(index, readings, lenient=lenient)
    found = diagnoser.diagnose(taken, complaint_of(index, complaint))
    left += [f"{words}: that is no supply net, and no line that the diagnosis knows" for words in found.unused]
    shown = [one for one in found.suspects[:_SUSPECTS_MOST] if one.probability >= LEAST]
    return DesignDiagnosis(
        suspects=tuple(map(_suspect, shown)),
        next_measurement=None if found.measure is None else _measurement(diagnoser, found.measure),
        used=len(taken) - len(found.unused),
        unused=tuple(left),
    )


def complaint_of(index: Index, complaint: BoardComplaint) -> Complaint:
    """Return a complaint with its parts as the design names them.

    Raises:
        LookupError: a part is not on the board.
    """

    def known(refs: Iterable[str]) -> tuple[str, ...]:
        return tuple((index.part(ref) or no_part(index, ref)).ref for ref in refs)

    return Complaint(complaint.symptom, known(complaint.fails), known(complaint.works))


def measured_of(index: Index, reading: BoardReading) -> Measured:
    """Return a reading as the diagnosis takes it.

    Raises:
        LookupError: it is at no net of the board.
        ValueError: its unit does not fit what was measured, or the value cannot be.
    """
    quantity, scale = _scale(reading)
    value = inf if reading.measured is None else reading.measured * scale
    if not isfinite(value) and quantity in {"volt", "amp"}:
        raise ValueError(f"{reading.net}: no value; OL is only shown for resistances and diodes, so give a number")
    if value < 0 and quantity in {"ohm", "diode"}:
        raise ValueError(f"{reading.net}: {value:g} {UNITS[quantity]} cannot be a reading; measure again")
    nets = [_net(index, name) for name in (reading.net, reading.other) if name]
    return Measured(Spot(quantity, *nets), value)


def _taken(index: Index, readings: Sequence[BoardReading], *, lenient: bool) -> tuple[list[Measured], list[str]]:
    """Return the readings of a board, the last one of each spot, and why others were left out."""
    taken, left = dict[Spot, Measured](), list[str]()
    for reading in readings:
        try:
            one = measured_of(index, reading)
        except (LookupError, ValueError) as error:
            if not lenient:
                raise
            left.append(str(error.args[0]))
        else:
            taken[one.spot] = one
    return list(taken.values()), left


def _scale(reading: BoardReading) -> tuple[Quantity, float]:
    """Return what was measured, and what one of its unit is in ohm, volt or ampere."""
    unit = reading.unit.strip().replace("Ω", "ohm").replace("\u2126", "ohm")
    base = next((one for one in _BASES if unit.casefold().endswith(one)), None)
    scale = None if base is None else _PREFIXES.get(unit[: -len(base)])
    says = None if base is None or scale is None else _BASES[base]
    if not unit and reading.quantity is not None:
        return reading.quantity, 1.0
    quantity = reading.quantity or says
    if quantity is None or says is None or scale is None or UNITS[says] != UNITS[quantity]:
        fitting = _FITTING[quantity] if quantity else "ohm, V or A"
        raise ValueError(f"{reading.net}: the unit {reading.unit!r} does not fit; write {fitting}")
    return quantity, scale


def _net(index: Index, name: str) -> str:
    """Return the net of that name, or the one beside ground that the part of that name is on."""
    found = index.net(name)
    if found is not None:
        return found.name
    part = index.part(name)
    nets = set() if part is None else set(index.nets_of(part.ref).values()) - index.grounds
    return nets.pop() if len(nets) == 1 else no_net(index, name)


def _suspect(one: Suspect) -> BoardSuspect:
    return BoardSuspect(
        kind=_KINDS.get(one.kind, one.kind),
        net=one.net[:_WORD_MOST] or None,
        parts=tuple(part[:_WORD_MOST] for part in one.parts[:_PARTS_MOST]),
        probability=round(min(1.0, one.probability), 4),
        evidence=one.evidence,
        separable=one.separable,
        note=one.note,
    )


def _measurement(diagnoser: Diagnoser, one: NextMeasurement) -> BoardMeasurement:
    quantity: Quantity = next(known for known in UNITS if known == one.quantity)
    table = diagnoser.table(Spot(quantity, one.net, one.other))
    return BoardMeasurement(
        quantity=quantity,
        net=one.net,
        other=one.other,
        what=one.words,
        expected="" if table is None else f"{in_words(quantity, table[0])} without a fault",
        minutes=one.minutes,
        expected_bits=max(0.0, one.bits),
        hazard=one.hazard,
    )
