"""What touches what on one sheet: pieces of wire with the pins, labels and sheet pins on them.

Ends join where they meet. A label joins wherever it lies on a wire. A wire that ends or a pin that stands in the
middle of another wire joins only where a junction says so. Wires and buses are two worlds that share the paper.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from processors.schematics.joining import Joining
from processors.schematics.kicad_buses import Aliases, members
from processors.schematics.kicad_sheet import Label, LibPin, Point, SheetFile, kind_of, placed

Segment = tuple[Point, Point]


@dataclass(slots=True)
class Piece:
    """Things that touch. ``pins`` are (symbol index, pin), ``ports`` (child sheet index, sheet pin text)."""

    no_connect: bool = False
    pins: list[tuple[int, LibPin]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    ports: list[tuple[int, str]] = field(default_factory=list)


def pins_of(sheet: SheetFile, units: Sequence[int]) -> Iterator[tuple[int, LibPin]]:
    """Yield the pins that a sheet really shows, by symbol: those of the placed unit and body style alone."""
    for index, (symbol, unit) in enumerate(zip(sheet.symbols, units, strict=True)):
        library = sheet.library.get(symbol.library)
        for pin in library.pins if library is not None else ():
            if pin.unit in {0, unit} and pin.style in {0, symbol.style}:
                yield index, pin


def pieces(sheet: SheetFile, units: Sequence[int], aliases: Aliases) -> list[Piece]:
    """Return the pieces of a sheet whose symbols show ``units`` (one number a symbol)."""
    table = _Table(sheet)
    made: list[tuple[int, str, object]] = []
    for index, pin in pins_of(sheet, units):
        at = placed(sheet.symbols[index], pin)
        # A pin that must not be connected stays alone, stacked on others or drawn on a wire: so KiCad has it.
        node = table.alone() if kind_of(sheet.symbols[index], pin) == "no_connect" else table.end(at, bus=False)
        made.append((node, "pins", (index, pin)))
    for label in sheet.labels:
        bus = members(label.text, aliases) is not None
        made.append((table.on(label.at, bus), "labels", label))
    for number, child in enumerate(sheet.sheets):
        for port in child.pins:
            bus = members(port.text, aliases) is not None
            made.append((table.end(port.at, bus), "ports", (number, port.text)))
    return table.collect(made, sheet.no_connects)


class _Table:
    """Numbers for points, one world for wires and one for buses, joined along the lines."""

    def __init__(self, sheet: SheetFile) -> None:
        self._joining = Joining()
        self._points: dict[tuple[Point, bool], int] = {}
        self._lines = {False: _Lines(sheet.wires), True: _Lines(sheet.buses)}
        for bus, segments in ((False, sheet.wires), (True, sheet.buses)):
            for first, last in segments:
                self._joining.join(self.end(first, bus), self.end(last, bus))
        for junction in sheet.junctions:
            for bus in (False, True):
                if any(True for _ in self._lines[bus].through(junction)):
                    self.on(junction, bus)
        for first, last in sheet.entries:
            # An entry from bus to bus joins them; one from a bus to a wire names nothing and joins nothing.
            if self._is_bus(first) and self._is_bus(last):
                self._joining.join(self.on(first, True), self.on(last, True))

    def end(self, at: Point, bus: bool) -> int:
        if (at, bus) not in self._points:
            self._points[at, bus] = self._joining.add()
        return self._points[at, bus]

    def alone(self) -> int:
        return self._joining.add()

    def on(self, at: Point, bus: bool) -> int:
        """Return the number of a point, joined with every line through it."""
        number = self.end(at, bus)
        for first, _ in self._lines[bus].through(at):
            self._joining.join(number, self.end(first, bus))
        return number

    def _is_bus(self, at: Point) -> bool:
        return (at, True) in self._points or any(True for _ in self._lines[True].through(at))

    def collect(self, made: Sequence[tuple[int, str, object]], no_connects: Sequence[Point]) -> list[Piece]:
        out: defaultdict[int, Piece] = defaultdict(Piece)
        for number, kind, entry in made:
            getattr(out[self._joining.find(number)], kind).append(entry)
        for at in no_connects:
            root = self._joining.find(self.end(at, bus=False))
            if root in out:
                out[root].no_connect = True
        return list(out.values())


class _Lines:
    """Finds the lines through a point: upright ones by x, level ones by y, the few others one by one."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._level: defaultdict[int, list[tuple[int, int, Segment]]] = defaultdict(list)
        self._upright: defaultdict[int, list[tuple[int, int, Segment]]] = defaultdict(list)
        self._others: list[Segment] = []
        for segment in segments:
            (x1, y1), (x2, y2) = segment
            if y1 == y2:
                self._level[y1].append((max(x1, x2), min(x1, x2), segment))
            elif x1 == x2:
                self._upright[x1].append((max(y1, y2), min(y1, y2), segment))
            else:
                self._others.append(segment)
        for lines in (*self._level.values(), *self._upright.values()):
            lines.sort(key=lambda one: one[:2])

    def through(self, at: Point) -> Iterator[Segment]:
        x, y = at
        for lines, along in ((self._level.get(y, ()), x), (self._upright.get(x, ()), y)):
            for high, low, segment in lines[bisect_left(lines, along, key=lambda one: one[0]) :]:
                if low <= along <= high:
                    yield segment
        for segment in self._others:
            (x1, y1), (x2, y2) = segment
            inside = min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2)
            if inside and (x2 - x1) * (y - y1) == (y2 - y1) * (x - x1):
                yield segment
