"""What a netlist does not say, drawn at random: loads, leakage, limits, levels. The diagnosis knows no more than this.

Every number is an estimate for small digital and mixed boards, wide on purpose: a posterior that is right in the end
needs a model that admits what it does not know.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.readings import Floats
from processors.schematics.faults.supply import Supply, domains

_USUAL_VOLTS = (1.2, 1.8, 2.5, 3.3, 3.3, 5.0, 5.0, 12.0)
_SERIES_OHM = {"fuse": 0.15, "bead": 0.15, "inductor": 0.2, "jumper": 0.03, "resistor": 0.05, "diode": 0.3}
UNKNOWN_PULL_OHM = 1e4
_RAISED = (1.3, 5.0)
"""By how much a step-up stage raises its input."""
_ANY_VOLTS = (0.9, 20.0)
_ODD_VOLTS = 0.35
"""How often the voltage of a rail is none of the usual ones."""
_HIDDEN_CONVERTER = 0.3
"""How often a rail whose source the netlist does not show is made of what comes in at a socket."""
_BACKFED = 0.15
"""How often a rail without its source is held up by chips that are alive."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Samples in rows, places in columns: nets, series parts, roots, makers, lines."""

    nominal: Floats
    load_siemens: Floats
    idle_ohm: Floats
    residual: Floats
    diode_volt: Floats
    series_ohm: Floats
    series_drop: Floats
    open_ohm: Floats
    short_ohm: Floats
    root_ohm: Floats
    root_limit: Floats
    root_feeder: NDArray[np.intp]
    maker_limit: Floats
    maker_drop: Floats
    level: Floats
    floating: Floats
    pull_ohm: Floats
    pin_ohm: Floats
    lead_ohm: Floats


def draw(supply: Supply, samples: int, seed: int = 0) -> Draws:
    """Return ``samples`` boards that the netlist allows, each drawn independently; the same for the same seed."""
    rng = np.random.default_rng(seed)
    n, series, lines = len(supply.nets), len(supply.series), len(supply.lines)

    def wide(middle: Floats | float, sigma: float, count: int) -> Floats:
        return np.asarray(middle * np.exp(sigma * rng.standard_normal((samples, count))), dtype=np.float64)

    def even(low: float, high: float, count: int) -> Floats:
        return rng.uniform(low, high, (samples, count))

    chips = np.array([_chips(supply, net) for net in supply.nets], dtype=np.float64)
    enabling = np.array([bool(line.enables) for line in supply.lines], dtype=np.bool_)
    nominal = _nominal(supply, samples, rng)
    ohms = np.array([_SERIES_OHM.get(one.kind, 0.1) for one in supply.series], dtype=np.float64)
    diodes = np.array([one.one_way for one in supply.series], dtype=np.bool_)
    return Draws(
        nominal=nominal,
        load_siemens=wide(0.004 * (0.3 + chips), 1.2, n)
        * _seen(chips, even(0, 1, n))
        / np.maximum(np.abs(nominal), 0.5),
        idle_ohm=wide(2e4 / (0.15 + chips), 1.5, n) * np.where(chips > 0, 1.0, wide(1.0, 2.0, n)),
        residual=np.where(even(0, 1, n) < _BACKFED, even(0.1, 0.8, n), even(0.0, 1.0, n) ** 3 * 0.5),
        diode_volt=np.where(chips > 0, even(0.3, 0.75, n), np.where(even(0, 1, n) < 0.5, even(0.3, 0.75, n), 3.0)),
        series_ohm=wide(ohms, 0.7, series),
        series_drop=np.where(diodes, even(0.2, 0.75, series), 0.0),
        open_ohm=10 ** even(4.5, 8.0, 1)[:, 0],
        short_ohm=wide(0.7, 1.3, 1)[:, 0],
        root_ohm=wide(0.1, 0.5, len(supply.roots)),
        root_limit=wide(1.0, 0.7, len(supply.roots)),
        root_feeder=_feeders(supply, samples, rng),
        maker_limit=wide(0.5, 0.7, len(supply.makers)),
        maker_drop=even(0.0, 1.0, len(supply.makers)) * np.minimum(1.2, _room(supply, nominal)),
        level=np.where(even(0, 1, lines) < 0.8, even(0.93, 1.0, lines), even(0.5, 0.95, lines)),
        floating=_floating(even(0, 1, lines), even(0, 1, lines), enabling),
        pull_ohm=wide(np.array([one.ohm or UNKNOWN_PULL_OHM for one in supply.lines], dtype=np.float64), 0.03, lines),
        pin_ohm=wide(5e5, 1.2, lines),
        lead_ohm=even(0.0, 0.4, 1)[:, 0],
    )


def _room(supply: Supply, nominal: Floats) -> Floats:
    """Return the volts between input and output of each regulator: a board that once worked had enough of them."""
    at = {net: number for number, net in enumerate(supply.nets)}
    columns = [
        np.maximum(nominal[:, at[one.inputs[0]]] - nominal[:, at[one.output]], 0.05) if one.inputs else
        np.ones(len(nominal)) for one in supply.makers
    ]  # fmt: skip
    return np.stack(columns, axis=1) if columns else np.zeros((len(nominal), 0))


def _chips(supply: Supply, net: str) -> float:
    """Return how much hangs on a net, in chips of 16 pins: a regulator of five pins leaks and draws little."""
    return sum(min(4.0, size / 16) for ref, size in supply.sizes.items() if net in supply.consumers[ref])


def _seen(chips: Floats, luck: Floats) -> Floats:
    """Return 0.02 for half of the nets without a chip: what they feed, over switches, may be nothing."""
    return np.where((chips == 0) & (luck < 0.5), 0.02, 1.0)


def _floating(luck: Floats, share: Floats, enabling: NDArray[np.bool_]) -> Floats:
    """Return the level of a line that nothing pulls up: held low by a chip, afloat, or, rarely, held up inside one.

    An enable that something else holds up would be no fault.
    """
    low, afloat = 0.03 * share, 0.45 * share
    high = np.where(enabling, afloat, 0.8 + 0.2 * share)
    return np.asarray(np.where(luck < 0.4, low, np.where(luck < 0.85, afloat, high)), dtype=np.float64)


def _feeders(supply: Supply, samples: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the net that the source of each root hangs on, -1 for its own: converters that the netlist hides."""
    inlets = [number for number, net in enumerate(supply.nets) if net in supply.roots and net in supply.sockets]
    table = np.full((samples, len(supply.roots)), -1, dtype=np.intp)
    for number, net in enumerate(supply.roots):
        if inlets and net not in supply.sockets:
            hangs = rng.random(samples) < _HIDDEN_CONVERTER
            table[:, number] = np.where(hangs, rng.choice(inlets, samples), -1)
    return table


def _usual_volts(samples: int, rng: np.random.Generator) -> Floats:
    """Return what a rail may have that says nothing: mostly a usual voltage, else any."""
    any_volts = np.exp(rng.uniform(log(_ANY_VOLTS[0]), log(_ANY_VOLTS[1]), samples))
    return np.where(rng.random(samples) < _ODD_VOLTS, any_volts, rng.choice(_USUAL_VOLTS, samples))


def _nominal(supply: Supply, samples: int, rng: np.random.Generator) -> Floats:
    """Return the voltage of each net: the one it says with the tolerance of a regulator, else a usual one a group."""
    group = domains(supply.nets, supply.series)
    guesses = {name: _usual_volts(samples, rng) for name in dict.fromkeys(group.values())}
    for maker in supply.makers:  # most regulators make less than they get
        if not maker.inputs or maker.through:
            continue
        feed, out = supply.volts.get(maker.inputs[0]), supply.volts.get(maker.output)
        lower = [volts for volts in _USUAL_VOLTS if feed is not None and volts < feed]
        higher = [volts for volts in _USUAL_VOLTS if out is not None and volts > out]
        odd = rng.random(samples) < _ODD_VOLTS
        if out is None and lower and feed is not None:
            any_volts = feed * rng.uniform(0.15, 0.95, samples)
            guesses[group[maker.output]] = np.where(odd, any_volts, rng.choice(lower, samples))
        if feed is None and higher and out is not None:
            any_volts = out * np.exp(rng.uniform(log(_RAISED[0]), log(_RAISED[1]), samples))
            guesses[group[maker.inputs[0]]] = np.where(odd, any_volts, rng.choice(higher, samples))
    for maker in supply.makers:
        if maker.through:
            source, target = maker.inputs[0], maker.output
            times = np.exp(rng.uniform(log(_RAISED[0]), log(_RAISED[1]), samples))
            if target not in supply.volts:
                known = supply.volts.get(source)
                guesses[group[target]] = (guesses[group[source]] if known is None else known) * times
            elif source not in supply.volts:
                guesses[group[source]] = supply.volts[target] / times
    columns = [
        np.full(samples, supply.volts[net]) if net in supply.volts else guesses[group[net]] for net in supply.nets
    ]
    table = np.stack(columns, axis=1) if columns else np.zeros((samples, 0))
    return np.asarray(table * (1 + 0.015 * rng.standard_normal(table.shape)), dtype=np.float64)


def samples_for(hypotheses: int, nets: int) -> int:
    """Return how many boards to draw: fewer for many hypotheses and nets, so that a diagnosis stays about a second."""
    return int(np.clip(8e5 / max(1, hypotheses * nets), 32, 384))


def consumer_table(supply: Supply) -> tuple[tuple[str, ...], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the chips, and which supply nets and which lines each needs."""
    refs = tuple(supply.consumers)
    nets = np.array([[net in supply.consumers[ref] for net in supply.nets] for ref in refs], dtype=np.bool_)
    lines = np.array([[line.net in supply.consumers[ref] for line in supply.lines] for ref in refs], dtype=np.bool_)
    return refs, nets.reshape(len(refs), len(supply.nets)), lines.reshape(len(refs), len(supply.lines))
