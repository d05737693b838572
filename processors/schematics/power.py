"""How rails hang together, and what can short one."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from processors.schematics.index import Index
from processors.schematics.parts import Kind, value_of
from processors.schematics.rails import rails
from processors.schematics.regulators import regulators

_THROUGH: frozenset[Kind] = frozenset({"fuse", "bead", "inductor", "jumper", "diode"})
_SENSE_OHM = 1.0
"""A resistor up to one ohm between rails lets the supply through: a link, a sense resistor."""
_SHORTING: dict[Kind, int] = {"capacitor": 0, "diode": 1, "chip": 2, "transistor": 3}
"""What shorts a rail, the likeliest first: ceramic capacitors crack, surge diodes fail shorted, then chips."""

LinkKind = Literal["regulator", "fuse", "bead", "inductor", "jumper", "diode", "resistor"]


@dataclass(frozen=True, slots=True)
class Link:
    """A part that carries a supply from one rail to another. ``one_way`` is false where current may flow both ways."""

    ref: str
    kind: LinkKind
    from_net: str
    to_net: str
    one_way: bool


@dataclass(frozen=True, slots=True)
class Suspect:
    """A part that can pull a rail down. ``behind`` is the series part between it and the rail, empty when none."""

    ref: str
    kind: Kind
    net: str
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Boost:
    """A step-up stage: ``coil`` from ``source`` to ``node``, ``diode`` on to ``target``, ``switch`` from the node to
    ground, a transistor or the chip that holds one."""

    switch: str
    coil: str
    diode: str
    source: str
    node: str
    target: str


def power_tree(index: Index, names: Iterable[str] | None = None) -> tuple[Link, ...]:
    """Return the links between rails, regulators and step-up stages first. ``names`` are the rails; without them they
    are looked for."""
    known = frozenset(names if names is not None else (rail.net for rail in rails(index)))
    links = [
        Link(one.ref, "regulator", source, target, True)
        for one in regulators(index) for source in one.inputs for target in one.outputs
    ]  # fmt: skip
    made = {(link.ref, link.from_net, link.to_net) for link in links}
    links += [
        Link(one.switch, "regulator", one.source, one.target, True)
        for one in boosts(index, known)
        if (one.switch, one.source, one.target) not in made and one.target in known
    ]
    for ref, kind in index.kinds.items():
        nets = list(dict.fromkeys(index.nets_of(ref).values()))
        if len(nets) != 2 or not set(nets) <= known:
            continue
        ohm = value_of(index.parts[ref].value) if kind == "resistor" else None
        if kind == "diode":
            nets = list(diode_ends(index, ref) or nets)
        if kind in _THROUGH or (ohm is not None and ohm <= _SENSE_OHM):
            links.append(Link(ref, kind, nets[0], nets[1], kind == "diode"))  # type: ignore[arg-type]  # one of these
    return tuple(links)


def diode_ends(index: Index, ref: str) -> tuple[str, str] | None:
    """Return the nets of anode and cathode by the names of pins, None without them. The order says nothing: 1 is K."""
    pins = index.parts[ref].pins
    ends = {pin.name.upper() or pin.number.upper(): index.net_of.get((ref, pin.number)) for pin in pins}
    anode, cathode = ends.get("A"), ends.get("K")
    return (anode, cathode) if anode is not None and cathode is not None else None


def boosts(index: Index, supplies: Container[str]) -> tuple[Boost, ...]:
    """Return the step-up stages that hang on one of some supply nets, found by how their parts are joined.

    A coil from a supply to a node without a capacitor to ground, a switch from there to ground, and a diode on to a net
    that has one (any textbook of switching regulators). A diode back to the supply is that of a relay or a motor.
    """
    found: list[Boost] = []
    for coil, kind in index.kinds.items():
        ends = list(dict.fromkeys(index.nets_of(coil).values())) if kind == "inductor" else []
        for source, node in (ends, ends[::-1]) if len(ends) == 2 else ():
            if source in supplies and node not in index.grounds and not _is_buffered(index, node):
                switch = next(_switches(index, node), "")
                found += [
                    Boost(switch, coil, diode, source, node, target)
                    for diode, target in _onward(index, node) if switch and target != source
                ]  # fmt: skip
    return tuple(found)


def _is_buffered(index: Index, net: str) -> bool:
    return any(
        index.kinds.get(ref) == "capacitor" and index.across(ref, net) in index.grounds for ref in index.refs_on(net)
    )  # fmt: skip


def _switches(index: Index, node: str) -> Iterator[str]:
    """Yield what can pull a node to ground: transistors first, then chips with a ground pin."""
    for wanted in ("transistor", "chip"):
        for ref in index.refs_on(node):
            if index.kinds.get(ref) == wanted and not index.grounds.isdisjoint(index.nets_of(ref).values()):
                yield ref


def _onward(index: Index, node: str) -> Iterator[tuple[str, str]]:
    """Yield the diodes whose anode is at a node, with the net that they charge."""
    for ref in index.refs_on(node):
        poles = diode_ends(index, ref) if index.kinds.get(ref) == "diode" else None
        if poles is not None and poles[0] == node and poles[1] not in index.grounds and _is_buffered(index, poles[1]):
            yield ref, poles[1]


def shorted_rail_candidates(index: Index, net: str) -> tuple[Suspect, ...]:
    """Return what can short a rail to ground: parts on the rail before those behind a series part, likely kinds first.

    Readings on the rail cannot tell them apart: lift the series part, halve the rail, or look for heat.

    Raises:
        KeyError: there is no such net.
    """
    found = [Suspect(ref, kind, net) for ref, kind in _loads(index, net)]
    for step in index.trace(net, hops=1, through={"fuse", "bead", "inductor", "jumper"}).steps:
        found += [Suspect(ref, kind, step.to_net, step.ref) for ref, kind in _loads(index, step.to_net)]
    unique: dict[str, Suspect] = {}
    for one in found:
        unique.setdefault(one.ref, one)
    return tuple(sorted(unique.values(), key=lambda one: (bool(one.behind), _SHORTING[one.kind])))


def _loads(index: Index, net: str) -> Iterable[tuple[str, Kind]]:
    """Yield the parts between a net and ground that can fail shorted."""
    for ref in index.refs_on(net):
        kind = index.kinds.get(ref, "other")
        if kind in _SHORTING and not index.grounds.isdisjoint(index.nets_of(ref).values()):
            yield ref, kind
