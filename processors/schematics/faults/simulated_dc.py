"""The DC solve of a simulated board: straight pieces for diodes, and sources, loads and regulators that bend.

Conductances of what bends move half way, on a logarithmic scale, to where their curve is, until nothing moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from processors.schematics.faults.readings import Floats

_ROUNDS = 80
_STILL_VOLT = 2e-4
_DROPPED_OUT = 1e-6
_UNDER_VOLT = 1.2
"""What a regulator needs at its input to do anything."""
_ENABLE_VOLT = 0.8


@dataclass(slots=True)
class Wire:
    """A conductance between two nodes (-1 is ground). ``drop`` makes it a diode from one to other."""

    one: int
    other: int
    siemens: float
    drop: float | None = None


@dataclass(slots=True)
class Load:
    """A chip: constant current while its rail is up, a third of it and falling when it is not."""

    node: int
    ampere: float


@dataclass(slots=True)
class Hold:
    """What holds a node at a share of another's voltage; without ``feeder`` (-1) at a share of 3.3 V."""

    node: int
    feeder: int
    share: float
    siemens: float


@dataclass(slots=True)
class Source:
    """A supply from outside. In overload it gives ``fold`` of its limit; with ``feeder`` it hangs on another node."""

    node: int
    ohm: float
    limit: float
    fold: float
    feeder: int
    siemens: float = 10.0


@dataclass(slots=True)
class Converter:
    """A regulator from input to output. ``dead`` is its fault; ``draw`` what it takes at its input, in ampere."""

    source: int
    node: int
    limit: float
    drop: float
    fold: float
    enables: tuple[int, ...]
    dead: bool = False
    siemens: float = 5.0
    aim: float = 0.0
    draw: float = 0.0


@dataclass(slots=True)
class Circuit:
    """Everything of a board that carries current, by number of node; ``nominal`` volts of the nodes."""

    nominal: Floats
    wires: list[Wire]
    loads: list[Load] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    converters: list[Converter] = field(default_factory=list)


def impedance(wires: Sequence[Wire], nodes: int) -> Floats:
    """Return the resistances without power; the little voltage of a meter opens no diode."""
    matrix = np.zeros((nodes, nodes))
    for wire in wires:
        _stamp(matrix, wire.one, wire.other, wire.siemens if wire.drop is None else 1e-9)
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def powered(circuit: Circuit) -> tuple[Floats, dict[int, float]]:
    """Return the volts of nodes, and the amperes of sources by their node."""
    volts = circuit.nominal.copy()
    base = np.zeros((len(volts), len(volts)))
    base[np.diag_indices_from(base)] += 1e-7
    for wire in circuit.wires:
        if wire.drop is None:
            _stamp(base, wire.one, wire.other, wire.siemens)
    for turn in range(_ROUNDS):
        matrix, into = base.copy(), np.zeros(len(volts))
        _add_diodes(circuit, matrix, into, volts)
        _add_loads(circuit, matrix, volts)
        for hold in circuit.holds:
            matrix[hold.node, hold.node] += hold.siemens
            into[hold.node] += hold.siemens * hold.share * (volts[hold.feeder] if hold.feeder >= 0 else 3.3)
        _add_active(circuit, matrix, into, volts)
        fresh = np.asarray(np.linalg.solve(matrix, into), dtype=np.float64)
        moved = float(np.abs(fresh - volts).max())
        volts = fresh if turn == 0 else np.asarray(0.5 * (fresh + volts), dtype=np.float64)
        _bend(circuit, volts)
        if moved < _STILL_VOLT:
            break
    return volts, {one.node: one.siemens * abs(_aim(circuit, one, volts) - volts[one.node]) for one in circuit.sources}


def _aim(circuit: Circuit, one: Source, volts: Floats) -> float:
    lost = one.feeder >= 0 and abs(volts[one.feeder]) < 0.6 * abs(circuit.nominal[one.feeder])
    return 0.0 if lost else float(circuit.nominal[one.node])


def _add_diodes(circuit: Circuit, matrix: Floats, into: Floats, volts: Floats) -> None:
    for wire in circuit.wires:
        if wire.drop is None:
            continue
        across = (volts[wire.one] if wire.one >= 0 else 0.0) - (volts[wire.other] if wire.other >= 0 else 0.0)
        conducts = across > wire.drop
        _stamp(matrix, wire.one, wire.other, wire.siemens if conducts else 1e-8)
        if conducts:  # a straight line from the drop on: i = g (v - drop)
            for node, sign in ((wire.one, 1.0), (wire.other, -1.0)):
                if node >= 0:
                    into[node] += sign * wire.siemens * wire.drop


def _add_loads(circuit: Circuit, matrix: Floats, volts: Floats) -> None:
    for load in circuit.loads:
        level, wanted = abs(volts[load.node]), max(abs(circuit.nominal[load.node]), 0.5)
        drawn = load.ampere if level > 0.6 * wanted else load.ampere * 0.3 * level / wanted
        matrix[load.node, load.node] += drawn / max(level, 0.1)


def _add_active(circuit: Circuit, matrix: Floats, into: Floats, volts: Floats) -> None:
    for source in circuit.sources:
        aim = _aim(circuit, source, volts)
        matrix[source.node, source.node] += source.siemens
        into[source.node] += source.siemens * aim
    for one in circuit.converters:
        one.aim = _target(circuit, one, volts)
        matrix[one.node, one.node] += one.siemens
        into[one.node] += one.siemens * one.aim
        if one.source >= 0:
            matrix[one.source, one.source] += (one.draw + 1e-4) / max(abs(volts[one.source]), 0.4)
            if one.aim == 0.0 and volts[one.node] > volts[one.source] + 0.6:  # the body diode of the pass transistor
                _stamp(matrix, one.node, one.source, 0.5)


def _target(circuit: Circuit, one: Converter, volts: Floats) -> float:
    aim, feed = float(circuit.nominal[one.node]), float(volts[one.source]) if one.source >= 0 else 99.0
    if one.dead or abs(feed) < _UNDER_VOLT or any(volts[node] < _ENABLE_VOLT for node in one.enables):
        return 0.0
    return aim if _raises(circuit, one) else min(aim, max(feed - one.drop, 0.0))


def _raises(circuit: Circuit, one: Converter) -> bool:
    return one.source >= 0 and abs(circuit.nominal[one.node]) > abs(circuit.nominal[one.source])


def _bend(circuit: Circuit, volts: Floats) -> None:
    for source in circuit.sources:
        aim = _aim(circuit, source, volts)
        left = source.limit * (1.0 if abs(volts[source.node]) > 0.6 * abs(aim) else source.fold)
        wanted = min(1 / source.ohm, left / max(abs(aim - volts[source.node]), 1e-3)) if aim else 1e-6
        source.siemens = float(np.sqrt(source.siemens * wanted))
    for one in circuit.converters:
        gap = one.aim - volts[one.node]
        left = one.limit * (1.0 if volts[one.node] > 0.5 * circuit.nominal[one.node] else one.fold)
        wanted = min(15.0, left / max(gap, 1e-3)) if one.aim and gap > -0.02 else _DROPPED_OUT
        one.siemens = float(np.sqrt(one.siemens * wanted))
        given = max(0.0, one.siemens * gap)
        feed = abs(volts[one.source]) if one.source >= 0 else 0.0
        lifted = abs(one.aim) / feed if _raises(circuit, one) and feed > 0.5 else 1.0
        one.draw = 0.5 * (one.draw + min(given, one.limit) * lifted)


def _stamp(matrix: Floats, one: int, other: int, siemens: float) -> None:
    for node, opposite in ((one, other), (other, one)):
        if node >= 0:
            matrix[node, node] += siemens
            if opposite >= 0:
                matrix[node, opposite] -= siemens
