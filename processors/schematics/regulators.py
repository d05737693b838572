"""Regulators: found by their pins and by what hangs on their output; what enables them, what sets their output."""

from dataclasses import dataclass

from processors.schematics import pins
from processors.schematics.index import Index, Terminal
from processors.schematics.model import Part

_SIGNALS = {"output", "bidirectional", "open_collector", "open_emitter", "tri_state"}
_DATA = {"D+", "D-", "D1", "D2", "DP", "DM"}
"""A switch of a socket's supply has data lines beside input and output; it regulates nothing."""


@dataclass(frozen=True, slots=True)
class Regulator:
    """A regulator with the nets of its inputs and outputs. ``enable`` and ``feedback`` are nets too."""

    ref: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    enable: tuple[str, ...]
    feedback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """What acts on an enable or feedback net: resistors to a rail or to ground, and the pins that drive it."""

    net: str
    pulled_to: tuple[tuple[str, str], ...]
    drivers: tuple[Terminal, ...]


def regulators(index: Index) -> tuple[Regulator, ...]:
    """Return the regulators in the order of their references."""
    found = (_regulator(index, part) for part in index.parts.values() if index.kinds[part.ref] == "chip")
    return tuple(one for one in found if one is not None)


def control(index: Index, net: str) -> Control:
    """Return what acts on a net: (resistor, net at its other end), and driving pins.

    Raises:
        KeyError: there is no such net.
    """
    pulled: list[tuple[str, str]] = []
    for ref in index.refs_on(net):
        to = index.across(ref, net) if index.kinds.get(ref) == "resistor" else None
        pulled += [(ref, to)] if to is not None else []
    drivers = [one for one in index.nets[net].pins if one in index.pins and index.pins[one].kind in _SIGNALS]
    return Control(net, tuple(pulled), tuple(drivers))


def _regulator(index: Index, part: Part) -> Regulator | None:
    nets: dict[str, list[str]] = {"in": [], "out": [], "enable": [], "feedback": []}
    plain: set[str] = set()
    for pin in part.pins:
        net = index.net_of.get((part.ref, pin.number))
        plain.update(pins.names(pin.name))
        if net is None or net in index.grounds:
            continue
        if pins.is_input(pin.name) and pin.kind not in _SIGNALS:
            nets["in"].append(net)
        elif pins.is_output(pin.name) and _is_fed(index, part.ref, net):
            nets["out"].append(net)
        elif pins.is_enable(pin.name):
            nets["enable"].append(net)
        elif pins.is_feedback(pin.name):
            nets["feedback"].append(net)
    outputs = [net for net in dict.fromkeys(nets["out"]) if net not in nets["in"]]
    if not nets["in"] or not outputs or plain & _DATA:
        return None
    return Regulator(
        part.ref, tuple(dict.fromkeys(nets["in"])), tuple(outputs), tuple(dict.fromkeys(nets["enable"])),
        tuple(dict.fromkeys(nets["feedback"])),
    )  # fmt: skip


def _is_fed(index: Index, ref: str, net: str) -> bool:
    """Say whether a net is a supply that a part makes: by the pin's type, by a capacitor, or behind a coil."""
    if any(index.pins[one].kind == "power_out" for one in index.nets[net].pins if one[0] == ref and one in index.pins):
        return True
    behind = [
        net,
        *(to for one in index.refs_on(net) if index.kinds.get(one) == "inductor" and (to := index.across(one, net))),
    ]
    return any(
        index.kinds.get(one) == "capacitor" and index.across(one, here) in index.grounds
        for here in behind for one in index.refs_on(here)
    )  # fmt: skip
