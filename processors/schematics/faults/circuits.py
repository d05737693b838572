"""Where the circuits of the catalogue are on a board: for each kind, the nets and parts that it is made of there."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from processors.schematics import pins
from processors.schematics.buses import BusKind, serial_buses
from processors.schematics.faults.catalogue import Circuit
from processors.schematics.faults.supply import Supply
from processors.schematics.index import Index
from processors.schematics.model import Part
from processors.schematics.parts import Kind, value_of
from processors.schematics.power import diode_ends
from processors.schematics.regulators import control, regulators


@dataclass(frozen=True, slots=True)
class CircuitPlace:
    """A place of a circuit on a board; ``net`` may be empty where only parts matter."""

    net: str
    parts: tuple[str, ...]


Finder = Callable[[Index, Supply], Iterator[CircuitPlace]]
_ELECTROLYTIC_FARAD = 2.2e-5
"""From 22 uF on a capacitor with poles is mostly an electrolytic one."""
_SWITCH = re.compile(r"^(?:SW|LX)\d?$")
_LED = re.compile(r"led", re.IGNORECASE)
_CC = re.compile(r"^CC[12]?$")
_BATTERY = re.compile(r"(?:^|[^A-Z])V?(?:BATT?|VBAT)(?:$|[^A-Z])")
_WORDS: Mapping[str, re.Pattern[str]] = {
    one: re.compile(pattern, re.IGNORECASE) for one, pattern in {
        "usb": r"usb", "memory": r"flash|eeprom|25q|25lc|24lc|24c\d|w25|at25|mx25|93c\d", "charger":
        r"charger|bq2[45]|mcp738|tp4056|npm1300|ltc40", "backlight": r"backlight|led.?driver|tps61[01]|lp85",
        "amplifier": r"amplifier|\bamp\b|tda\d|lm386|pam8|max98|tpa\d", "codec": r"codec|\bdac\b|wm8\d|pcm\d|cs42|sgtl",
        "level_shifter": r"level.?(?:shift|trans)|txb01|txs01|lvc\d?t45|8t245|t245", "opamp":
        r"op.?amp|operational|lm358|lm324|tl07|ne5532|mcp600|lmv3|opa\d", "mains":
        r"mains|\biec\b|bridge.?rect|\b(?:230|240|115|120)\s?v|optocoupler.*tny|viper|top2\d\d",
    }.items()
}  # fmt: skip


def find(circuit: Circuit, index: Index, supply: Supply) -> tuple[CircuitPlace, ...]:
    """Return the places of a kind of circuit on a board, each once."""
    return tuple(dict.fromkeys(_FINDERS[circuit](index, supply)))


def _said(part: Part) -> str:
    return " ".join((part.value, part.library, part.description, part.footprint))


def _chips(index: Index, word: str, kinds: tuple[Kind, ...] = ("chip",)) -> Iterator[CircuitPlace]:
    for ref, part in index.parts.items():
        if index.kinds[ref] in kinds and _WORDS[word].search(_said(part)):
            yield CircuitPlace(_supply_pin(index, ref), (ref,))


def _supply_pin(index: Index, ref: str) -> str:
    """Return the net of a chip's first supply pin, empty without one."""
    for number, net in index.nets_of(ref).items():
        pin = index.pins.get((ref, number))
        if net not in index.grounds and pin is not None and (pin.kind == "power_in" or pins.is_supply(pin.name)):
            return net
    return ""


def _rails(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    return (CircuitPlace(net, supply.shorting[net]) for net in supply.nets if supply.shorting[net])


def _regulators(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    return (CircuitPlace(one.output, (one.ref,)) for one in supply.makers)


def _switchers(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    """A coil at a regulator's switch node; a coil behind a linear regulator is a filter."""
    outputs = {
        one.output: one.ref for one in supply.makers for ref, number in index.nets[one.output].pins
        if ref == one.ref and any(_SWITCH.match(name) for name in pins.names(index.pins[ref, number].name))
    }  # fmt: skip
    for part in supply.series:
        if part.kind == "inductor":
            for net in (part.from_net, part.to_net):
                if net in outputs:
                    yield CircuitPlace(net, (part.ref, outputs[net]))


def _enables(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    return (CircuitPlace(one.net, (*one.enables, *one.pull_ups, *one.drivers)) for one in supply.lines if one.enables)


def _resets(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    buses = {net for bus in serial_buses(index) for net in bus.lines.values()}
    return (CircuitPlace(one.net, one.pull_ups) for one in supply.lines if not one.enables and one.net not in buses)


def _feedbacks(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    for one in regulators(index):
        for net in one.feedback:
            resistors = tuple(ref for ref, _ in control(index, net).pulled_to)
            if resistors:
                yield CircuitPlace(net, (*resistors, one.ref))


def _series(kind: Kind) -> Finder:
    def finder(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
        return (CircuitPlace(one.to_net, (one.ref,)) for one in supply.series if one.kind == kind)

    return finder


def _surge_diodes(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    for net in supply.nets:
        for ref in supply.shorting[net]:
            if (
                index.kinds[ref] == "diode"
                and not _is_led(index, ref)
                and (diode_ends(index, ref) or ("", net))[1] == net
            ):
                yield CircuitPlace(net, (ref,))


def _usb(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    return _sockets(index, "VBUS")


def _sockets(index: Index, pin: str) -> Iterator[CircuitPlace]:
    for ref, part in index.parts.items():
        if index.kinds[ref] == "connector" or _WORDS["usb"].search(_said(part)):
            for one in part.pins:
                net = index.net_of.get((ref, one.number))
                if net is not None and pin in pins.names(one.name):
                    yield CircuitPlace(net, (ref,))


def _usb_c(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    for ref, part in index.parts.items():
        for one in part.pins:
            net = index.net_of.get((ref, one.number))
            if net is not None and index.kinds[ref] != "chip" and any(_CC.match(name) for name in pins.names(one.name)):
                resistors = tuple(other for other in index.refs_on(net) if index.kinds.get(other) == "resistor")
                yield CircuitPlace(net, (ref, *resistors))


def _bus(kind: BusKind) -> Finder:
    def finder(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
        for bus in serial_buses(index):
            if bus.kind == kind:
                for role, net in bus.lines.items():
                    yield CircuitPlace(net, (*(one.ref for one in bus.pull_ups[role]), *bus.refs))

    return finder


def _words(word: str) -> Finder:
    return lambda index, supply: _chips(index, word)


def _mains(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    return _chips(index, "mains", ("chip", "connector", "fuse", "diode", "other"))


def _crystals(watch: bool) -> Finder:
    def finder(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
        for ref, kind in index.kinds.items():
            slow = "32.768" in index.parts[ref].value or "32k" in index.parts[ref].value.lower()
            nets = [net for net in index.nets_of(ref).values() if net not in index.grounds]
            if kind == "crystal" and slow == watch and nets:
                yield CircuitPlace(nets[0], (ref,))

    return finder


def _batteries(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    for net in supply.nets:
        if _BATTERY.search(net.upper()):
            holders = tuple(ref for ref in index.refs_on(net) if index.kinds.get(ref) in {"connector", "fuse", "other"})
            yield CircuitPlace(net, holders)


def _leds(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    for ref, kind in index.kinds.items():
        if kind == "diode" and _is_led(index, ref):
            nets = [net for net in index.nets_of(ref).values() if net not in index.grounds]
            yield CircuitPlace(nets[0] if nets else "", (ref,))


def _is_led(index: Index, ref: str) -> bool:
    part = index.parts[ref]
    return bool(_LED.search(f"{ref} {part.library.rpartition(':')[2]} {part.value} {part.description}"))


def _electrolytics(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    for net in supply.nets:
        found = tuple(
            ref for ref in supply.shorting[net]
            if index.kinds[ref] == "capacitor" and (value_of(index.parts[ref].value) or 0.0) >= _ELECTROLYTIC_FARAD
        )  # fmt: skip
        if found:
            yield CircuitPlace(net, found)


def _coil_drivers(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    """A diode to a rail across a coil or connector, with a transistor at its anode."""
    for ref, kind in index.kinds.items():
        poles = diode_ends(index, ref) if kind == "diode" else None
        if poles is not None and poles[1] in supply.nets and poles[0] not in (*supply.nets, *index.grounds):
            switches = [one for one in index.refs_on(poles[0]) if index.kinds.get(one) == "transistor"]
            if switches:
                yield CircuitPlace(poles[0], (switches[0], ref))


def _kind(kind: Kind) -> Finder:
    def finder(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
        for ref, one in index.kinds.items():
            if one == kind and index.numbers(ref):
                nets = [net for net in index.nets_of(ref).values() if net not in index.grounds]
                yield CircuitPlace(nets[0] if nets else "", (ref,))

    return finder


def _inputs(index: Index, supply: Supply) -> Iterator[CircuitPlace]:
    for net in supply.roots:
        if net in supply.sockets:
            yield CircuitPlace(net, tuple(ref for ref in index.refs_on(net) if index.kinds.get(ref) == "connector"))


_FINDERS: Mapping[Circuit, Finder] = {
    "rail": _rails, "regulator": _regulators, "switcher": _switchers, "enable": _enables, "feedback": _feedbacks,
    "fuse": _series("fuse"), "bead": _series("bead"), "sense": _series("resistor"), "series_diode": _series("diode"),
    "surge_diode": _surge_diodes, "usb": _usb, "usb_c": _usb_c, "i2c": _bus("i2c"), "uart": _bus("uart"),
    "memory": _words("memory"), "reset": _resets, "crystal": _crystals(False), "watch_crystal": _crystals(True),
    "battery": _batteries, "charger": _words("charger"), "backlight": _words("backlight"), "led": _leds,
    "amplifier": _words("amplifier"), "codec": _words("codec"), "electrolytic": _electrolytics,
    "coil_driver": _coil_drivers, "level_shifter": _words("level_shifter"), "opamp": _words("opamp"),
    "connector": _kind("connector"), "button": _kind("switch"), "input": _inputs, "mains": _mains,
}  # fmt: skip
