"""A design made ready for questions: parts by reference, nets by name, the net of every pin. Plain dictionaries."""

import itertools
import re
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from processors.schematics.model import Design, Net, Part, Pin
from processors.schematics.parts import SERIES, Kind, kind_of

Terminal = tuple[str, str]
"""A pin as (reference, number)."""
_GROUND = re.compile(
    r"^(?:.*/)?(?:[ADPS]|CH|DIG|ANA|USB|PWR|SIG|POWER|CHASSIS)?_?(?:GND|GROUND|VSS|EARTH)[ADPS]?(?:[_A-Z]{0,6}|PWR|REF)?\d*$|^0V$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One part on the way from a net: enter at one pin, leave at the other."""

    ref: str
    from_net: str
    to_net: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What hangs on a net, and on the nets behind its series parts."""

    net: str
    pins: tuple[Terminal, ...]
    steps: tuple[Step, ...]

    @property
    def nets(self) -> tuple[str, ...]:
        """The nets that were reached, the first one first."""
        return (self.net, *dict.fromkeys(step.to_net for step in self.steps))


class Index:
    """The design as dictionaries. Building takes milliseconds; every lookup is one or two dictionary reads."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.parts: dict[str, Part] = {}
        for part in design.parts:
            self.parts.setdefault(part.ref, part)
        self.nets: dict[str, Net] = {net.name: net for net in design.nets}
        self.net_of: dict[Terminal, str] = {pin: net.name for net in design.nets for pin in net.pins}
        self.kinds: dict[str, Kind] = {ref: kind_of(part) for ref, part in self.parts.items()}
        self.pins: dict[Terminal, Pin] = {
            (ref, pin.number): pin for ref, part in self.parts.items() for pin in part.pins
        }
        self._terminals: dict[str, tuple[str, ...]] = {}
        numbers: dict[str, list[str]] = {}
        for ref, number in self.net_of:
            numbers.setdefault(ref, []).append(number)
        self._terminals = {ref: tuple(some) for ref, some in numbers.items()}
        self.grounds = frozenset(self._find_grounds())

    def part(self, ref: str) -> Part | None:
        """Return a part by its reference, in capitals or not."""
        return self.parts.get(ref) or self.parts.get(ref.upper())

    def net(self, name: str) -> Net | None:
        """Return a net by its name; the sheet's path may be left out where only one net ends so."""
        if name in self.nets:
            return self.nets[name]
        found = [net for full, net in self.nets.items() if full.rpartition("/")[2] == name]
        return found[0] if len(found) == 1 else None

    def numbers(self, ref: str) -> tuple[str, ...]:
        """Return the connected pins of a part."""
        return self._terminals.get(ref, ())

    def nets_of(self, ref: str) -> dict[str, str]:
        """Return the net of each connected pin of a part."""
        return {number: self.net_of[ref, number] for number in self.numbers(ref)}

    def across(self, ref: str, net: str) -> str | None:
        """Return the net at the other end of a part of two connected pins; None for other parts and loops."""
        numbers = self.numbers(ref)
        if len(numbers) != 2:
            return None
        one, other = (self.net_of[ref, number] for number in numbers)
        return None if one == other else other if one == net else one

    def refs_on(self, net: str) -> Iterator[str]:
        """Yield the parts on a net, each once."""
        yield from dict.fromkeys(ref for ref, _ in self.nets[net].pins)

    def trace(self, net: str, hops: int = 2, through: Collection[Kind] = SERIES) -> Trace:
        """Follow a net through up to ``hops`` series parts; ground and its far side are no way on.

        Raises:
            KeyError: there is no such net.
        """
        pins, steps, seen = list(self.nets[net].pins), list[Step](), {net}
        edge = [net]
        for _ in range(hops):
            following: list[str] = []
            for here in edge:
                for ref in self.refs_on(here):
                    to = self.across(ref, here) if self.kinds.get(ref) in through else None
                    if to is not None and to not in seen and to not in self.grounds:
                        seen.add(to)
                        steps.append(Step(ref, here, to))
                        following.append(to)
                        pins += self.nets[to].pins
            edge = following
        return Trace(net, tuple(pins), tuple(steps))

    def path(self, start: str, end: str, avoid: Collection[str] = ()) -> tuple[Step, ...] | None:
        """Return the way with the fewest parts between two parts, not through ground nor ``avoid``; None without one.

        Raises:
            KeyError: there is no such part.
        """
        if start not in self.parts or end not in self.parts:
            raise KeyError(start if start not in self.parts else end)
        closed = self.grounds | set(avoid)
        came: dict[str, tuple[str, str] | None] = {start: None}
        queue = deque([start])
        while queue:
            ref = queue.popleft()
            if ref == end:
                return self._walk(came, end)
            for net in dict.fromkeys(self.nets_of(ref).values()):
                if net in closed:
                    continue
                for other in self.refs_on(net):
                    if other not in came:
                        came[other] = (ref, net)
                        queue.append(other)
        return None

    @staticmethod
    def _walk(came: dict[str, tuple[str, str] | None], end: str) -> tuple[Step, ...]:
        """Return the parts between, each with the net before and the net behind it."""
        chain: list[tuple[str, str]] = []
        ref = end
        while (step := came[ref]) is not None:
            chain.append((ref, step[1]))
            ref = step[0]
        chain.reverse()
        # The start has no net before it, the end none behind it: only what lies between are steps.
        return tuple(Step(one[0], one[1], following[1]) for one, following in itertools.pairwise(chain)) or ()

    def _find_grounds(self) -> Iterator[str]:
        named = [net.name for net in self.design.nets if _GROUND.match(net.name)]
        yield from named
        if not named:
            # Names hidden or foreign: on every board that was looked at, ground is the net with most capacitors.
            counts = {
                net.name: sum(self.kinds.get(ref) == "capacitor" for ref in self.refs_on(net.name))
                for net in self.design.nets
            }
            best = max(counts, key=lambda name: (counts[name], len(self.nets[name].pins)), default=None)
            if best is not None and counts[best] >= 2:
                yield best
