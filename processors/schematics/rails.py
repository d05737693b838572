"""Supply rails: by name where there is one, and by structure where names are hidden or say nothing.

The structure is scored by a logistic model of few features. Its weights were fitted on 20 open designs (104 rails
among 2,000 nets; ridge 0.5); with each design left out in turn it finds rails with F1 0.81 (``noizylab bench
schematic`` measures it again). What it sees are pins and parts, never the name of a net.
"""

import re
from dataclasses import dataclass
from math import exp, log

from processors.schematics import pins
from processors.schematics.index import Index
from processors.schematics.parts import value_of

_BULK_FARAD = (0.9e-6, 1.0)
_SIGNALS = {"input", "output", "bidirectional", "tri_state", "open_collector"}
_NAME = re.compile(
    r"^[+-]?\d+(?:[.,]\d+)?V\d*[A-Z]?$|^[+-]?V(?:CC|DD|EE|BUS|IN|OUT|SYS|BATT?|REF|IO|DC|PP|AA|CORE|PLL|USB|MAIN|REG)"
    r"[A-Z]?\d*[+-]?$|^[ADPX]V(?:DD|CC|BUS)\d*$|^[+-]?BATT?\+?$|^VCCPLL\d$|^HT$|^PP\d*V\w*$"
)
_CONTROL = {
    "EN", "ON", "OFF", "ADJ", "FB", "SENSE", "VSENSE", "PG", "SHDN", "DET", "OK", "FLAG", "OC", "SEL", "CTRL", "MCU",
    "DIV", "ADC", "MEAS", "MUX", "AMUX",
}  # fmt: skip
WEIGHTS = (-3.44, -0.54, 1.75, 0.25, 0.29, -0.49, -1.69, -2.29, 1.26, 1.14, -2.71, 0.34, 0.69, 1.2, 0.49, 1.16, -1.9)
THRESHOLD = 0.45
"""Between the two thresholds, 0.4 and 0.5, at which designs left out were found best."""


@dataclass(frozen=True, slots=True)
class Rail:
    """A rail; ``chance`` is what the structure says, ``by`` what decided: symbol, name or structure."""

    net: str
    by: str
    chance: float


def is_supply_name(name: str) -> bool:
    """Say whether a net's name is that of a supply: ``+3V3``, ``VDD_IO``; not ``VREG_EN``, nor a name out of a pin."""
    if name.startswith(("Net-", "unconnected-")):
        return False
    words = {word for word in re.split(r"[_.\s|]+", name.rpartition("/")[2].upper()) if word}
    return not words & _CONTROL and any(_NAME.match(word) for word in words)


def rails(index: Index, use_names: bool = True) -> tuple[Rail, ...]:
    """Return the rails, ground left out. Without names, only the structure decides."""
    out: list[Rail] = []
    for net in index.design.nets:
        if net.name in index.grounds or len(net.pins) < 2:
            continue
        chance = rail_chance(index, net.name)
        named = use_names and is_supply_name(net.name)
        if use_names and net.supply:
            out.append(Rail(net.name, "symbol", chance))
        elif named or chance > THRESHOLD:
            out.append(Rail(net.name, "name" if named else "structure", chance))
    return tuple(out)


def rail_chance(index: Index, net: str) -> float:
    """Return how likely a net is a rail, 0 to 1, by its structure."""
    score = sum(weight * one for weight, one in zip(WEIGHTS, features(index, net), strict=True))
    return 1 / (1 + exp(-score))


def features(index: Index, net: str) -> tuple[float, ...]:
    """Return what the model sees of a net, in the order of ``WEIGHTS``.

    One; capacitors to ground (at most 3), whether one is of a microfarad or more; pins that take and that give power;
    fuses and coils; shares of resistors and of signal pins; log of the pins; whether a connector is on it; shares of
    chips and of transistors; whether and how many pins are named as supplies; whether a regulator's output is on it;
    decoupled power pins; whether no capacitor is.
    """
    capacitors = bulk = 0
    kinds = [index.kinds.get(ref) for ref in index.refs_on(net)]
    for ref in index.refs_on(net):
        if index.kinds.get(ref) == "capacitor" and index.across(ref, net) in index.grounds:
            capacitors += 1
            farad = value_of(index.parts[ref].value)
            bulk += farad is not None and _BULK_FARAD[0] <= farad < _BULK_FARAD[1]
    terminals = index.nets[net].pins
    taking = giving = signals = named = made = 0
    for one in terminals:
        pin = index.pins.get(one)
        if pin is not None:
            taking += pin.kind == "power_in"
            giving += pin.kind == "power_out"
            signals += pin.kind in _SIGNALS
            named += pins.is_supply(pin.name)
            made += pins.is_output(pin.name) and _has_input(index, one[0])
    count = len(terminals)
    series = sum(kind in {"inductor", "bead", "fuse"} for kind in kinds)
    return (
        1.0, min(capacitors, 3), bulk > 0, min(taking, 3), min(giving, 1), min(series, 2),
        kinds.count("resistor") / count, signals / count, log(count), "connector" in kinds,
        kinds.count("chip") / count, kinds.count("transistor") / count, named > 0, min(named, 3), made > 0,
        capacitors > 0 and taking + giving > 0, capacitors == 0,
    )  # fmt: skip


def _has_input(index: Index, ref: str) -> bool:
    return index.kinds.get(ref) == "chip" and any(
        pin.kind == "power_in" or pins.is_input(pin.name) for pin in index.parts[ref].pins
    )
