"""I2C, SPI and UART: the nets that carry them, who is on them, and what pulls them up."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from processors.schematics.index import Index
from processors.schematics.pins import names

BusKind = Literal["i2c", "spi", "uart"]
_ROLES: tuple[tuple[BusKind, str, re.Pattern[str]], ...] = (
    ("i2c", "sda", re.compile(r"(?:^|[^A-Z])SDA\d*(?:$|[^A-Z])")),
    ("i2c", "scl", re.compile(r"(?:^|[^A-Z])SCL\d*(?:$|[^A-Z])")),
    ("spi", "sck", re.compile(r"(?:^|[^A-Z])(?:SCK|SCLK|SPICLK)\d*(?:$|[^A-Z])")),
    ("spi", "mosi", re.compile(r"(?:^|[^A-Z])(?:MOSI|COPI|SDI)\d*(?:$|[^A-Z])")),
    ("spi", "miso", re.compile(r"(?:^|[^A-Z])(?:MISO|CIPO|SDO)\d*(?:$|[^A-Z])")),
    ("uart", "tx", re.compile(r"(?:^|[^A-Z])U?(?:TXD?|UARTTX)\d*(?:$|[^A-Z])")),
    ("uart", "rx", re.compile(r"(?:^|[^A-Z])U?(?:RXD?|UARTRX)\d*(?:$|[^A-Z])")),
)
_LEADING: tuple[tuple[BusKind, str], ...] = (("i2c", "sda"), ("spi", "sck"), ("uart", "tx"))


@dataclass(frozen=True, slots=True)
class PullUp:
    """A resistor from a line to a rail."""

    ref: str
    to_net: str
    value: str


@dataclass(frozen=True, slots=True)
class SerialBus:
    """A bus: its lines by role, the chips and connectors on it, and the pull-ups seen by line.

    No pull-up seen is no proof that one is missing: it may be inside a chip or on a module behind a connector.
    """

    kind: BusKind
    lines: dict[str, str]
    refs: tuple[str, ...]
    pull_ups: dict[str, tuple[PullUp, ...]]


def serial_buses(index: Index) -> tuple[SerialBus, ...]:
    """Return the buses. Lines belong together that share most chips; a line alone is no bus."""
    lines: defaultdict[tuple[BusKind, str], list[str]] = defaultdict(list)
    for net in index.design.nets:
        if len(net.pins) > 1 and net.name not in index.grounds:
            for key in _roles(index, net.name):
                lines[key].append(net.name)
    return tuple(
        bus for kind, leading in _LEADING for name in lines[kind, leading]
        if (bus := _around(index, kind, leading, name, lines)) is not None
    )  # fmt: skip


def _around(
    index: Index, kind: BusKind, leading: str, name: str, lines: Mapping[tuple[BusKind, str], list[str]]
) -> SerialBus | None:
    """Return the bus of a leading line with the partners that share most parts with it; None when it has none."""
    found = {leading: name}
    for role in [role for one, role, _ in _ROLES if one == kind and role != leading]:
        partner = _partner(index, name, lines.get((kind, role), []))
        found |= {role: partner} if partner is not None else {}
    return _bus(index, kind, found) if len(found) > 1 else None


def pull_ups(index: Index, net: str) -> tuple[PullUp, ...]:
    """Return the resistors from a line to a net that is fed: with a power pin or a power symbol on it."""
    found: list[PullUp] = []
    for ref in index.refs_on(net):
        to = index.across(ref, net) if index.kinds.get(ref) == "resistor" else None
        if to is not None and to not in index.grounds and _is_fed(index, to):
            found.append(PullUp(ref, to, index.parts[ref].value))
    return tuple(found)


def _is_fed(index: Index, net: str) -> bool:
    return index.nets[net].supply or any(
        index.pins[one].kind in {"power_in", "power_out"} for one in index.nets[net].pins if one in index.pins
    )


def _roles(index: Index, net: str) -> set[tuple[BusKind, str]]:
    """Return the roles of a net, by its own name or by two pins that agree on one."""
    own = net.rpartition("/")[2].upper() if not net.startswith(("Net-", "unconnected-")) else ""
    counts: defaultdict[tuple[BusKind, str], int] = defaultdict(int)
    said = [own, *(" ".join(names(index.pins[one].name)) for one in index.nets[net].pins if one in index.pins)]
    for number, text in enumerate(said):
        for kind, role, pattern in _ROLES:
            if pattern.search(text):
                counts[kind, role] += 2 if number == 0 else 1
    return {key for key, count in counts.items() if count >= 2}


def _partner(index: Index, net: str, candidates: list[str]) -> str | None:
    mine = set(index.refs_on(net))
    shared = {one: len(mine & set(index.refs_on(one))) for one in candidates if one != net}
    best = max(shared, key=lambda one: shared[one], default=None)
    return best if best is not None and shared[best] else None


def _bus(index: Index, kind: BusKind, lines: dict[str, str]) -> SerialBus:
    refs = dict.fromkeys(
        ref for net in lines.values() for ref in index.refs_on(net) if index.kinds.get(ref) in {"chip", "connector"}
    )
    return SerialBus(kind, lines, tuple(refs), {role: pull_ups(index, net) for role, net in lines.items()})
