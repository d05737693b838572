"""What every boardview comes to: parts with a side, pins with a place and a net, nails, an edge.

Boardviews count in thousandths of an inch with y upwards; the model in millimetres with y downwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from processors.schematics.lines import Lines
from processors.schematics.model import Design, Line, Part, Pin, Place, Probe, Remark, Side
from processors.schematics.nets import NetTable
from processors.schematics.numbers import MM_PER_MIL

_NO_NET = {"", "(NC)", "NC", "UNCONNECTED", "0"}


@dataclass(slots=True)
class _Part:
    ref: str
    side: Side
    pins: list[Pin] = field(default_factory=list)


class BoardView:
    """Collects a boardview while it is read."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._parts: dict[str, _Part] = {}
        self._nets = NetTable()
        self._probes: list[Probe] = []
        self.points: list[tuple[float, float]] = []
        self.edge: list[Line] = []
        self.unnumbered = False

    def part(self, ref: str, side: Side) -> None:
        """Begin a part, or go on with it."""
        self._parts.setdefault(ref, _Part(ref, side))

    def turn(self, ref: str, side: Side) -> None:
        """Say on which side a part stands, when that comes after its name."""
        self._parts[ref].side = side

    def pin(self, ref: str, number: str, place: Place, net: str, name: str = "") -> None:
        """Put a pin on a part; without a number it counts up."""
        part = self._parts[ref]
        if not number:
            self.unnumbered = True
            number = str(len(part.pins) + 1)
        part.pins.append(Pin(number, "" if name == number else name, "", place))
        self._nets.add("" if net in _NO_NET else net, ref, number)

    def nail(self, name: str, net: str, place: Place) -> None:
        """Note a nail of the test bed."""
        if net not in _NO_NET:
            self._probes.append(Probe(name, net, place))

    def design(self, lines: Lines) -> Design:
        """Return what was collected."""
        remarks = list(lines.remarks)
        if self.unnumbered:
            what = f"{lines.file}: this format numbers no pins; they are counted in the order of the file"
            remarks.append(Remark("unnumbered_pins", what))
        parts = [Part(one.ref, place=_middle(one.pins, one.side), pins=tuple(one.pins)) for one in self._parts.values()]
        edge = [*self.edge, *_polygon(self.points)]
        return self._nets.design(lines.file, self._kind, parts, edge, remarks, self._probes)


def mils(x: float, y: float, side: Side) -> Place:
    """Return a place given in thousandths of an inch, y upwards."""
    return Place(round(x * MM_PER_MIL, 6), round(-y * MM_PER_MIL, 6), side)


def _middle(pins: Sequence[Pin], side: Side) -> Place | None:
    places = [pin.place for pin in pins if pin.place is not None]
    if not places:
        return None
    xs, ys = [one.x_mm for one in places], [one.y_mm for one in places]
    return Place(round((min(xs) + max(xs)) / 2, 6), round((min(ys) + max(ys)) / 2, 6), side)


def _polygon(points: Sequence[tuple[float, float]]) -> list[Line]:
    corners = [mils(x, y, "both") for x, y in points]
    closed = zip(corners, [*corners[1:], *corners[:1]], strict=True)
    return [(one.x_mm, one.y_mm, other.x_mm, other.y_mm) for one, other in closed]
