"""The supply of a board as the diagnosis sees it: nets, what carries current between them, what makes a rail, lines.

All of it is taken from the netlist. What a netlist does not say (loads, leakage, limits of sources) is not here: the
diagnosis draws it at random (``predict.py``).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from processors.schematics import pins
from processors.schematics.buses import serial_buses
from processors.schematics.faults.volts import nominal_volts, regulator_volts
from processors.schematics.index import Index
from processors.schematics.parts import Kind, value_of
from processors.schematics.power import Boost, boosts, diode_ends, shorted_rail_candidates
from processors.schematics.rails import rails
from processors.schematics.regulators import Regulator, regulators

_THROUGH: frozenset[Kind] = frozenset({"fuse", "bead", "inductor", "jumper"})
_SENSE_OHM = 1.0
_PULL_OHM = (470.0, 1e6)
"""What is more is leakage, what is less is a series resistor."""
_OPEN_JUMPER = re.compile(r"open|\bNO\b|\bNC_\b|DNP|DNF", re.IGNORECASE)
_ACTIVE_LOW = re.compile(r"^(?:[~/!]|N)\{?_?(?:EN|ENABLE|CE|ON|OE)")
_RESET = re.compile(r"(?:^|[^A-Z])N?(?:RST|RESET|MCLR)(?:_?N|B)?\d*(?:$|[^A-Z])")


@dataclass(frozen=True, slots=True)
class Series:
    """A part that current goes through from one supply net to another; ``one_way`` from anode to cathode."""

    ref: str
    kind: Kind
    from_net: str
    to_net: str
    one_way: bool = False


@dataclass(frozen=True, slots=True)
class Maker:
    """A regulator's output, and the lines that have to be high for it.

    ``through`` are coil and diode of a step-up stage: it needs both, and its output is above its input.
    """

    ref: str
    inputs: tuple[str, ...]
    output: str
    enables: tuple[str, ...]
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line that a resistor or a driver holds high: an enable, a bus line, a reset.

    ``feeder`` is the supply net it gets its level from, empty where none is seen; ``ohm`` the pull-up's value.
    """

    net: str
    feeder: str
    pull_ups: tuple[str, ...]
    ohm: float | None
    drivers: tuple[str, ...]
    enables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Supply:
    """Everything about the supply that the netlist says.

    ``volts`` holds the nominal voltage of the nets that say one; ``shorting`` the parts from a net to ground that can
    short it, likeliest first; ``consumers`` the supply nets and lines that a chip needs, ``sizes`` its count of pins;
    ``bleeders`` resistors (net, other net or empty for ground, ohm); ``sockets`` the nets with a connector.
    """

    nets: tuple[str, ...]
    roots: tuple[str, ...]
    series: tuple[Series, ...]
    makers: tuple[Maker, ...]
    lines: tuple[Line, ...]
    volts: Mapping[str, float]
    shorting: Mapping[str, tuple[str, ...]]
    consumers: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, int]
    bleeders: tuple[tuple[str, str, float], ...]
    sockets: frozenset[str]


def supply_of(index: Index) -> Supply:
    """Return the supply of a design. A design without one rail gives an empty one."""
    made = regulators(index)
    nets = _supply_nets(index, made)
    stages = boosts(index, nets)
    nets |= dict.fromkeys(net for one in stages for net in (one.node, one.target))
    series = tuple(_series(index, nets))
    makers = tuple(_makers(index, made, stages, nets))
    names = tuple(nets)
    lines = tuple(_lines(index, nets, makers))
    consumers = _consumers(index, nets, lines)
    return Supply(
        names, _roots(index, names, series, makers), series, makers, lines,
        _volts(index, names, series, makers), {net: _shorting(index, net) for net in names},
        consumers, {ref: len(index.parts[ref].pins) for ref in consumers}, tuple(_bleeders(index, nets)),
        frozenset(net for net in names if any(index.kinds.get(ref) == "connector" for ref in index.refs_on(net))),
    )  # fmt: skip


def _supply_nets(index: Index, made: tuple[Regulator, ...]) -> dict[str, None]:
    """Return rails, what regulators take and make, and what hangs on those behind series parts, in a fixed order."""
    ends = [net for one in made for net in (*one.inputs, *one.outputs)]
    nets = dict.fromkeys([*(rail.net for rail in rails(index)), *ends])
    for _ in range(2):  # a fuse, then a bead behind it
        for ref, kind in index.kinds.items():
            ends = list(dict.fromkeys(index.nets_of(ref).values()))
            if len(ends) == 2 and index.grounds.isdisjoint(ends) and _carries(index, ref, kind):
                for one, other in (ends, ends[::-1]):
                    if one in nets and _is_fed(index, other):
                        nets.setdefault(other)
    return {net: None for net in nets if net in index.nets and net not in index.grounds}


def _makers(
    index: Index, made: tuple[Regulator, ...], stages: tuple[Boost, ...], nets: Mapping[str, None]
) -> Iterator[Maker]:
    """Yield what makes a rail: regulators, then step-up stages. A regulator makes nothing at the node of its stage."""
    nodes = {one.node for one in stages}
    behind = {(one.switch, one.target): (one.coil, one.diode) for one in stages}
    enabling = {one.ref: _enables(index, one, nets) for one in made}
    for one in made:
        inputs = tuple(net for net in one.inputs if net in nets)
        for output in one.outputs:
            if output in nets and output not in nodes:
                yield Maker(one.ref, inputs, output, enabling[one.ref], behind.pop((one.ref, output), ()))
    for stage in stages:
        through = behind.pop((stage.switch, stage.target), ())
        if through:
            yield Maker(stage.switch, (stage.source,), stage.target, enabling.get(stage.switch, ()), through)


def _carries(index: Index, ref: str, kind: Kind) -> bool:
    part = index.parts[ref]
    if kind == "jumper":
        return not any(_OPEN_JUMPER.search(text) for text in (part.value, part.library, part.footprint))
    ohm = value_of(part.value) if kind == "resistor" else None
    return kind in _THROUGH or (ohm is not None and ohm <= _SENSE_OHM)


def _is_fed(index: Index, net: str) -> bool:
    """Say whether a net behind a series part is a supply: it has a capacitor to ground, a socket, or a power pin."""
    for ref in index.refs_on(net):
        kind = index.kinds.get(ref)
        if kind == "connector" or (kind == "capacitor" and index.across(ref, net) in index.grounds):
            return True
    found = [index.pins[one] for one in index.nets[net].pins if one in index.pins]
    return any(pin.kind == "power_in" or pins.is_output(pin.name) for pin in found)


def _series(index: Index, nets: Mapping[str, None]) -> Iterator[Series]:
    for ref, kind in index.kinds.items():
        ends = list(dict.fromkeys(index.nets_of(ref).values()))
        if len(ends) != 2 or not set(ends) <= set(nets):
            continue
        if kind == "diode":
            poles = diode_ends(index, ref)
            if poles is not None:
                yield Series(ref, kind, *poles, one_way=True)
        elif _carries(index, ref, kind):
            yield Series(ref, kind, ends[0], ends[1])


def _enables(index: Index, one: Regulator, nets: Mapping[str, None]) -> tuple[str, ...]:
    """Return the enable lines that are high when the regulator works; tied to a supply, there is nothing to miss."""
    low = {
        index.net_of.get((one.ref, pin.number)) for pin in index.parts[one.ref].pins
        if pins.is_enable(pin.name) and _ACTIVE_LOW.match(pin.name.upper())
    }  # fmt: skip
    return tuple(net for net in one.enable if net not in nets and net not in low and len(index.nets[net].pins) > 1)


def _lines(index: Index, nets: Mapping[str, None], makers: tuple[Maker, ...]) -> Iterator[Line]:
    wanted = [net for maker in makers for net in maker.enables]
    wanted += [net for bus in serial_buses(index) if bus.kind == "i2c" for net in bus.lines.values()]
    wanted += [net.name for net in index.design.nets if _is_reset(index, net.name)]
    for net in dict.fromkeys(wanted):
        enabled = tuple(dict.fromkeys(maker.ref for maker in makers if net in maker.enables))
        pulls = [
            (ref, to, value_of(index.parts[ref].value)) for ref in index.refs_on(net)
            if index.kinds.get(ref) == "resistor" and (to := index.across(ref, net)) in nets and to is not None
        ]  # fmt: skip
        pulls = [one for one in pulls if one[2] is None or _PULL_OHM[0] <= one[2] <= _PULL_OHM[1]]
        drivers = tuple(
            ref for ref in index.refs_on(net)
            if index.kinds.get(ref) == "chip" and ref not in enabled and _drives(index, ref, net)
        )  # fmt: skip
        feeder = pulls[0][1] if pulls else _feeder(index, drivers, nets)
        if net not in nets and (pulls or (enabled and drivers)):
            yield Line(net, feeder, tuple(ref for ref, _, _ in pulls), pulls[0][2] if pulls else None, drivers, enabled)


def _is_reset(index: Index, net: str) -> bool:
    if net in index.grounds or len(index.nets[net].pins) < 2:
        return False
    said = [net.rpartition("/")[2].upper()] if not net.startswith(("Net-", "unconnected-")) else []
    said += [" ".join(pins.names(index.pins[one].name)) for one in index.nets[net].pins if one in index.pins]
    return sum(bool(_RESET.search(text)) for text in said) >= 1 and any(
        index.kinds.get(ref) == "chip" for ref in index.refs_on(net)
    )


def _drives(index: Index, ref: str, net: str) -> bool:
    kinds = {index.pins[one].kind for one in index.nets[net].pins if one[0] == ref and one in index.pins}
    return bool(kinds & {"output", "bidirectional", "tri_state", "open_collector"})


def _feeder(index: Index, drivers: tuple[str, ...], nets: Mapping[str, None]) -> str:
    """Return the supply of the first driver: a low supply gives no high level."""
    for ref in drivers:
        for number, net in index.nets_of(ref).items():
            if net in nets and index.pins.get((ref, number)) is not None and index.pins[ref, number].kind == "power_in":
                return net
    return ""


def _roots(
    index: Index, nets: tuple[str, ...], series: tuple[Series, ...], makers: tuple[Maker, ...]
) -> tuple[str, ...]:
    """Return, for each group of joined nets that nothing on the board feeds, the net where its supply comes in."""
    group = domains(nets, series)
    fed = {group[maker.output] for maker in makers if any(group[net] != group[maker.output] for net in maker.inputs)}
    fed |= {group[one.to_net] for one in series if one.one_way and group[one.from_net] != group[one.to_net]}

    def rank(net: str) -> tuple[bool, int]:
        return any(index.kinds.get(ref) == "connector" for ref in index.refs_on(net)), len(index.nets[net].pins)

    members: dict[str, list[str]] = {}
    for net in nets:
        members.setdefault(group[net], []).append(net)
    return tuple(max(some, key=rank) for name, some in members.items() if name not in fed)


def domains(nets: tuple[str, ...], series: tuple[Series, ...]) -> dict[str, str]:
    """Return the group of each net: nets joined by parts that carry current both ways are one group."""
    group = {net: net for net in nets}
    for one in series:
        if not one.one_way and group[one.from_net] != group[one.to_net]:
            old, new = group[one.to_net], group[one.from_net]
            group = {net: new if name == old else name for net, name in group.items()}
    return group


def _volts(
    index: Index, nets: tuple[str, ...], series: tuple[Series, ...], makers: tuple[Maker, ...]
) -> dict[str, float]:
    """Return nominal voltages: what a name says holds for the whole group, then what the regulator's number says."""
    group = domains(nets, series)
    said: dict[str, float] = {}
    for net in nets:
        volts = nominal_volts(net)
        if volts is not None:
            said.setdefault(group[net], volts)
    for maker in makers:
        volts = regulator_volts(index.parts[maker.ref].value)
        if volts is not None:
            said.setdefault(group[maker.output], volts)
    return {net: said[group[net]] for net in nets if group[net] in said}


def _shorting(index: Index, net: str) -> tuple[str, ...]:
    return tuple(one.ref for one in shorted_rail_candidates(index, net) if not one.behind)


def _consumers(index: Index, nets: Mapping[str, None], lines: tuple[Line, ...]) -> dict[str, tuple[str, ...]]:
    """Return what each chip needs: its supply nets, and the lines that hold it up."""
    held = {line.net for line in lines}
    found: dict[str, tuple[str, ...]] = {}
    for ref, kind in index.kinds.items():
        needs = tuple(
            dict.fromkeys(net for net in index.nets_of(ref).values() if net in nets or net in held)
        ) if kind == "chip" else ()  # fmt: skip
        if any(net in nets for net in needs):
            found[ref] = needs
    return found


def _bleeders(index: Index, nets: Mapping[str, None]) -> Iterator[tuple[str, str, float]]:
    for ref, kind in index.kinds.items():
        ends = list(dict.fromkeys(index.nets_of(ref).values()))
        ohm = value_of(index.parts[ref].value) if kind == "resistor" else None
        if ohm is None or ohm <= _SENSE_OHM or len(ends) != 2:
            continue
        inside = [net for net in ends if net in nets]
        if len(inside) == 2:
            yield inside[0], inside[1], ohm
        elif inside and not index.grounds.isdisjoint(ends):
            yield inside[0], "", ohm
