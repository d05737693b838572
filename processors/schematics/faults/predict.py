"""What every measurement would say under every hypothesis: one DC solve of the supply for each and each drawn board.

Nodal analysis (any textbook of circuits): conductances into a matrix, sources into a vector. What bends (limits,
diodes, regulators) becomes a conductance between two points of its curve and is solved again until it stands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.draws import Draws, consumer_table, draw, samples_for
from processors.schematics.faults.hypotheses import Hypothesis
from processors.schematics.faults.network import Network, Resistances
from processors.schematics.faults.readings import OVER_LIMIT_OHM, Floats, Spot
from processors.schematics.faults.supply import Supply

_ROUNDS = 14
_TINY = 1e-9
_METER_AMP = 0.001
"""What a meter sends in diode mode, about 1 mA."""
_NO_JUNCTION_VOLT = 3.0
_BACKFEED_OHM = 300.0
_ENABLE_VOLT = 0.9
_LOW = 0.75
"""Below this share of its voltage a rail is down for what hangs on it."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Hypotheses as tables of what each changes: (hypothesis, net), (hypothesis, series part), ..."""

    short: Floats
    opened: NDArray[np.bool_]
    dead: NDArray[np.bool_]
    released: NDArray[np.bool_]
    unfed: NDArray[np.bool_]

    @staticmethod
    def of(supply: Supply, some: tuple[Hypothesis, ...]) -> "Faults":
        """Return the tables of some hypotheses."""

        def table(kinds: set[str], keys: list[str]) -> NDArray[np.bool_]:
            found = [[one.kind in kinds and one.key == key for key in keys] for one in some]
            return np.array(found, dtype=np.bool_).reshape(len(some), len(keys))

        return Faults(
            table({"short"}, list(supply.nets)).astype(np.float64),
            table({"open"}, [one.ref for one in supply.series]),
            table({"dead_regulator"}, [f"{one.ref}:{one.output}" for one in supply.makers]),
            table({"no_enable", "no_pull_up"}, [one.net for one in supply.lines]),
            table({"no_source"}, list(supply.roots)),
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """``volts``, ``line_volts``, ``amps``: (hypothesis, sample, place); ``ohms`` without power.

    Nodes are the supply nets and, behind them, the lines. ``affected`` is 1 where a chip does not work, and
    ``line_down`` where lines are down while every rail is up.
    """

    supply: Supply
    draws: Draws
    faults: Faults
    volts: Floats
    line_volts: Floats
    amps: Floats
    ohms: Resistances
    refs: tuple[str, ...]
    affected: Floats
    line_down: Floats

    def readings(self, spot: Spot) -> Floats | None:
        """Return what a measurement says, (hypothesis, sample); None where the model does not know the place."""
        nodes = {name: at for at, name in enumerate((*self.supply.nets, *(one.net for one in self.supply.lines)))}
        at, other = nodes.get(spot.net), nodes.get(spot.other) if spot.other else None
        if at is None or (spot.other and (other is None or spot.quantity == "amp")):
            return None
        if spot.quantity == "amp":
            return self.amps[:, :, self.supply.roots.index(spot.net)] if spot.net in self.supply.roots else None
        if spot.quantity == "volt":
            there = self._volts_at(at)
            return there if other is None else there - self._volts_at(other)
        ohm = np.clip(self.ohms.between(at, other) + self.draws.lead_ohm[:, None].T, 0.0, OVER_LIMIT_OHM)
        if spot.quantity == "ohm":
            return ohm
        diode = self._junction(spot, at)
        if diode is None:
            return None
        # A resistor and a diode side by side: the lower of the two voltages, rounded where they meet.
        resistive = ohm * _METER_AMP
        return np.asarray((np.maximum(resistive, 1e-4) ** -4.0 + diode**-4.0) ** -0.25, dtype=np.float64)

    def _junction(self, spot: Spot, at: int) -> Floats | None:
        """Return the forward voltage that a diode reading meets: of the chips on a net, or of a series diode."""
        if not spot.other:
            return self.draws.diode_volt[None, :, at] if at < len(self.supply.nets) else None
        for number, one in enumerate(self.supply.series):
            if one.one_way and (one.from_net, one.to_net) == (spot.net, spot.other):
                good = self.draws.series_drop[None, :, number]
                return np.where(self.faults.opened[:, number, None], _NO_JUNCTION_VOLT, good)
        return None

    def _volts_at(self, at: int) -> Floats:
        count = len(self.supply.nets)
        return self.volts[:, :, at] if at < count else self.line_volts[:, :, at - count]


def predict(supply: Supply, some: tuple[Hypothesis, ...], seed: int = 0) -> Prediction:
    """Return the predictions for some hypotheses of a board; the same for the same seed."""
    draws = draw(supply, samples_for(len(some), len(supply.nets) + len(supply.lines)), seed)
    faults = Faults.of(supply, some)
    volts, lines, amps = _powered(supply, draws, faults)
    refs, nets_of, lines_of = consumer_table(supply)
    low = np.abs(volts) < _LOW * np.abs(draws.nominal)[None]
    down = lines < _LOW * _feeding(supply, draws.nominal[None])
    starved = (low @ nets_of.T) | (down @ lines_of.T)
    line_down = down.any(axis=2) & ~low.any(axis=2)
    return Prediction(
        supply, draws, faults, volts, lines, amps, _ohms(supply, draws, faults), refs,
        np.asarray(starved, dtype=np.float64), np.asarray(line_down, dtype=np.float64),
    )  # fmt: skip


class _Places:
    """Where things are in the matrix."""

    def __init__(self, supply: Supply) -> None:
        at = {net: number for number, net in enumerate(supply.nets)}
        line_at = {line.net: number for number, line in enumerate(supply.lines)}
        series_at = {one.ref: number for number, one in enumerate(supply.series)}
        self.series = [(at[one.from_net], at[one.to_net]) for one in supply.series]
        self.one_way = np.array([one.one_way for one in supply.series], dtype=np.bool_)
        self.roots = [at[net] for net in supply.roots]
        self.makers = [
            (
                at[one.inputs[0]] if one.inputs else None, at[one.output],
                [line_at[net] for net in one.enables if net in line_at],
                [series_at[ref] for ref in one.through if ref in series_at],
            )
            for one in supply.makers
        ]  # fmt: skip
        self.bleeders = [(at[a], at[b] if b else None, ohm) for a, b, ohm in supply.bleeders]
        self.feeders = [at.get(line.feeder) for line in supply.lines]


def _linear(supply: Supply, draws: Draws, faults: Faults, ground: Floats, lines: bool) -> tuple[Network, Floats]:
    """Return the network of all that does not bend, and what goes from each net to ground alone, in siemens."""
    places, n = _Places(supply), len(supply.nets)
    to_ground = ground[None] + faults.short[:, None, :] / draws.short_ohm[None, :, None] + _TINY
    edges = [*places.series, *((one, end) for one, end, _ in places.bleeders if end is not None)]
    if lines:
        edges += [(n + number, feeder) for number, feeder in enumerate(places.feeders) if feeder is not None]
    network = Network(n + len(supply.lines) * lines, edges, (to_ground.shape[0], to_ground.shape[1]))
    for node in range(n):
        network.join(node, None, to_ground[..., node])
    for number, (one, other) in enumerate(places.series):
        if not places.one_way[number]:
            network.join(one, other, _series_siemens(draws, faults, number))
    for one, end, ohm in places.bleeders:
        network.join(one, end, 1.0 / ohm)
    return network, to_ground


def _series_siemens(draws: Draws, faults: Faults, number: int) -> Floats:
    good, broken = 1.0 / draws.series_ohm[:, number], 1.0 / draws.open_ohm
    return np.where(faults.opened[:, number, None], broken[None], good[None])


def _ohms(supply: Supply, draws: Draws, faults: Faults) -> Resistances:
    """Return the resistances of the board without power, lines included."""
    network, _ = _linear(supply, draws, faults, 1.0 / draws.idle_ohm, lines=True)
    for number, feeder in enumerate(_Places(supply).feeders):
        node = len(supply.nets) + number
        network.join(node, None, 1.0 / draws.pin_ohm[None, :, number])
        if feeder is not None and supply.lines[number].pull_ups:
            missing = faults.released[:, number, None]
            pull = np.where(missing, 1.0 / draws.open_ohm[None], 1.0 / draws.pull_ohm[None, :, number])
            network.join(node, feeder, pull)
    return network.resistances()


def _powered(supply: Supply, draws: Draws, faults: Faults) -> tuple[Floats, Floats, Floats]:
    """Return volts of nets, volts of lines, and amperes of roots, with the board switched on."""
    places = _Places(supply)
    network, to_ground = _linear(supply, draws, faults, draws.load_siemens, lines=False)
    nominal = draws.nominal[None]
    volts = np.broadcast_to(nominal, to_ground.shape).copy()
    shape = to_ground.shape[:2]
    roots = np.broadcast_to(1.0 / draws.root_ohm[None], (*shape, len(places.roots))).copy()
    makers = np.full((*shape, len(places.makers)), 20.0)
    drawn = np.zeros_like(makers)
    diodes = np.full((*shape, len(places.series)), 1.0)
    lines = _line_volts(supply, draws, faults, volts)
    for _ in range(_ROUNDS):
        now, into = network.copy(), np.zeros(to_ground.shape)
        target = _targets(places, draws, faults, volts, lines)
        for number, node in enumerate(places.roots):
            now.join(node, None, roots[..., number])
            into[..., node] += roots[..., number] * nominal[..., node]
        for number, (source, node, _, _) in enumerate(places.makers):
            now.join(node, None, makers[..., number])
            into[..., node] += makers[..., number] * target[..., number]
            if source is not None:
                now.join(source, None, drawn[..., number])
        for number, (one, other) in enumerate(places.series):
            if places.one_way[number]:
                now.join(one, other, diodes[..., number])
        volts = now.solve(into)
        lines = _line_volts(supply, draws, faults, volts)
        _bend(places, draws, faults, volts, (roots, makers, drawn, diodes), target)
    amps = roots * (nominal[..., places.roots] - volts[..., places.roots])
    # What is not fed is not at zero: protection diodes of chips that are alive leak into it.
    rest = draws.residual[None] * nominal / (1 + _BACKFEED_OHM * (to_ground - _TINY))
    weak = np.abs(volts) < np.abs(rest)
    volts = np.where(weak, rest, volts)
    return volts, _line_volts(supply, draws, faults, volts), amps


def _targets(places: _Places, draws: Draws, faults: Faults, volts: Floats, lines: Floats) -> Floats:
    """Return what each regulator aims at: its voltage, less where the input is low, nothing where it is off."""
    target = np.zeros((*volts.shape[:2], len(places.makers)))
    for number, (source, node, enables, through) in enumerate(places.makers):
        aim = np.broadcast_to(draws.nominal[None, :, node], target.shape[:2])
        alive = ~faults.dead[:, number, None] & np.ones(target.shape[:2], dtype=np.bool_)
        if source is not None:
            feed = volts[..., source]
            higher = np.abs(draws.nominal[None, :, node]) > np.abs(draws.nominal[None, :, source])
            aim = np.where(higher, aim, np.minimum(aim, np.maximum(feed - draws.maker_drop[None, :, number], 0.0)))
            alive &= np.abs(feed) > 1.0
        for line in enables:
            alive &= lines[..., line] > _ENABLE_VOLT
        for part in through:
            alive &= ~faults.opened[:, part, None]
        target[..., number] = np.where(alive, aim, 0.0)
    return target


def _bend(
    places: _Places, draws: Draws, faults: Faults, volts: Floats, state: tuple[Floats, Floats, Floats, Floats],
    target: Floats,
) -> None:  # fmt: skip
    """Move every conductance that bends half way, on a logarithmic scale, to where its curve now is."""
    roots, makers, drawn, diodes = state
    for number, node in enumerate(places.roots):
        gap = np.maximum(np.abs(draws.nominal[None, :, node] - volts[..., node]), 1e-3)
        want = np.minimum(1.0 / draws.root_ohm[None, :, number], draws.root_limit[None, :, number] / gap)
        want = np.where(faults.unfed[:, number, None] | _is_starved(draws, volts, number), _TINY, want)
        roots[..., number] = np.sqrt(roots[..., number] * want)
    for number, (source, node, _, _) in enumerate(places.makers):
        gap = target[..., number] - volts[..., node]
        limit = np.minimum(20.0, draws.maker_limit[None, :, number] / np.maximum(np.abs(gap), 1e-3))
        off = (gap * np.sign(draws.nominal[None, :, node]) < -0.02) | (target[..., number] == 0)
        makers[..., number] = np.sqrt(makers[..., number] * np.where(off, 1e-6, limit))
        if source is not None:
            amps = np.maximum(makers[..., number] * np.abs(gap), 0.0) * (target[..., number] != 0)
            drawn[..., number] = 0.5 * (drawn[..., number] + amps / np.maximum(np.abs(volts[..., source]), 0.3))
    for number, (one, other) in enumerate(places.series):
        if places.one_way[number]:
            across = volts[..., one] - volts[..., other]
            over = across - draws.series_drop[None, :, number]
            good = np.where(over > 0, over / np.maximum(across, 1e-3) / draws.series_ohm[None, :, number], 1e-7)
            good = np.where(faults.opened[:, number, None], 1.0 / draws.open_ohm[None], good)
            diodes[..., number] = np.sqrt(diodes[..., number] * np.maximum(good, 1e-7))


def _is_starved(draws: Draws, volts: Floats, root: int) -> NDArray[np.bool_]:
    """Say where what the source of a root hangs on is down."""
    feeder = draws.root_feeder[:, root]
    rows = np.arange(len(feeder))
    level, wanted = np.abs(volts[:, rows, feeder]), np.abs(draws.nominal[rows, feeder])
    return np.asarray((feeder >= 0) & (level < _LOW * wanted), dtype=np.bool_)


def _feeding(supply: Supply, volts: Floats) -> Floats:
    """Return the voltage that each line is held up by: its feeder's, or 3.3 V where none is seen."""
    feeders = _Places(supply).feeders
    columns = [volts[..., one] if one is not None else np.full(volts.shape[:2], 3.3) for one in feeders]
    return np.stack(columns, axis=-1) if columns else np.zeros((*volts.shape[:2], 0))


def _line_volts(supply: Supply, draws: Draws, faults: Faults, volts: Floats) -> Floats:
    share = np.where(faults.released[:, None, :], draws.floating[None], draws.level[None])
    return np.asarray(share * _feeding(supply, volts), dtype=np.float64)
