"""One ``.kicad_sch`` file: symbols, wires, labels and sheets, as they stand, before anything is connected.

Points are whole ten-thousandths of a millimetre, KiCad's own grid, so that ends that meet are equal. What a newer
KiCad adds is passed over.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from processors.schematics.errors import DesignError
from processors.schematics.sexpr import Node, child, children, flag, head, lines_of_children, parse, value, word

Point = tuple[int, int]
Transform = tuple[int, int, int, int]
"""x' = a x + b y, y' = c x + d y, from the library's axes (y up) to the sheet's (y down)."""

UNITS_PER_MM = 10_000
VALUE_NAMES_POWER = 20230221
"""From this format on, a power symbol's value names the net; before, its pin's name did."""
_RANGE = re.compile(r"^\s*([A-Za-z]*)(\d{1,4})(?:\s*-\s*[A-Za-z]*(\d{1,4}))?\s*$")
_ROTATIONS: dict[int, Transform] = {0: (1, 0, 0, -1), 90: (0, -1, -1, 0), 180: (-1, 0, 0, 1), 270: (0, 1, 1, 0)}


@dataclass(frozen=True, slots=True)
class LibPin:
    """A pin of a library symbol. ``unit`` and ``style`` 0 mean all of them."""

    number: str
    name: str
    kind: str
    hidden: bool
    at: Point
    unit: int
    style: int
    alternates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LibSymbol:
    """A symbol of the sheet's own library. ``power`` is ``global``, ``local`` or empty."""

    name: str
    power: str
    units: int
    pins: tuple[LibPin, ...]
    virtual: bool
    description: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A placed symbol (one unit). ``instances`` maps a sheet path of ids to (reference, unit)."""

    library: str
    at: Point
    transform: Transform
    unit: int
    style: int
    uuid: str
    fields: Mapping[str, str]
    on_board: bool
    fitted: bool
    alternates: Mapping[str, str]
    instances: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Label:
    """A label; ``kind`` is ``label``, ``global_label`` or ``hierarchical_label``."""

    kind: str
    text: str
    at: Point


@dataclass(frozen=True, slots=True)
class SheetPin:
    """A pin on the frame of a sheet."""

    text: str
    at: Point


@dataclass(frozen=True, slots=True)
class ChildSheet:
    """A sheet drawn on another."""

    name: str
    file: str
    uuid: str
    on_board: bool
    pins: tuple[SheetPin, ...]
    line: int


@dataclass(frozen=True, slots=True)
class SheetFile:
    """What one file holds."""

    file: str
    uuid: str
    version: int
    title: str
    library: Mapping[str, LibSymbol]
    symbols: Sequence[Symbol]
    wires: Sequence[tuple[Point, Point]]
    buses: Sequence[tuple[Point, Point]]
    entries: Sequence[tuple[Point, Point]]
    junctions: Sequence[Point]
    no_connects: Sequence[Point]
    labels: Sequence[Label]
    sheets: Sequence[ChildSheet]
    aliases: Mapping[str, Sequence[str]]
    instances: Mapping[str, tuple[str, int]]


class _Builder:
    """Collects the items of a file by kind."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[int] = []
        self.library: dict[str, LibSymbol] = {}
        self.symbols: list[Symbol] = []
        self.lines: dict[str, list[tuple[Point, Point]]] = {"wire": [], "bus": []}
        self.entries: list[tuple[Point, Point]] = []
        self.points: dict[str, list[Point]] = {"junction": [], "no_connect": []}
        self.labels: list[Label] = []
        self.sheets: list[ChildSheet] = []
        self.aliases: dict[str, list[str]] = {}
        self.instances: dict[str, tuple[str, int]] = {}

    def take(self, item: Node, index: int) -> None:
        kind = head(item)
        if kind in self.lines:
            points = [point(one) for one in children(child(item, "pts") or [], "xy")]
            self.lines[kind].extend(pairwise(points))
        elif kind == "symbol":
            self.symbols.append(_symbol(item))
        elif kind in {"label", "global_label", "hierarchical_label"}:
            self.labels.append(Label(kind, word(item), point(child(item, "at") or [])))
        elif kind in self.points:
            self.points[kind].append(point(child(item, "at") or []))
        elif kind == "bus_entry":
            (x, y), (width, height) = point(child(item, "at") or []), point(child(item, "size") or [])
            self.entries.append(((x, y), (x + width, y + height)))
        elif kind == "sheet":
            self._lines = self._lines or lines_of_children(self._text)
            self.sheets.append(_sheet(item, self._lines[index]))
        elif kind == "lib_symbols":
            for one in children(item, "symbol"):
                self.library[word(one)] = _lib_symbol(one)
        elif kind == "bus_alias":
            self.aliases[word(item)] = [one for one in (child(item, "members") or [])[1:] if isinstance(one, str)]
        elif kind == "symbol_instances":
            for one in children(item, "path"):
                self.instances[word(one)] = (value(one, "reference"), int(value(one, "unit") or 1))


def read_sheet(text: str, file: str) -> SheetFile:
    """Return what a ``.kicad_sch`` file holds.

    Raises:
        DesignError: it is no such file, or an item cannot be read; names the line.
    """
    root = parse(text, file)
    if head(root) != "kicad_sch":
        raise DesignError(
            file, 1, f"this is {head(root) or 'something'!r}, no KiCad schematic; name the .kicad_sch file"
        )
    built = _Builder(text)
    index = -1
    for item in root:
        if not isinstance(item, list):
            continue
        index += 1
        try:
            built.take(item, index)
        except (ValueError, IndexError, OverflowError) as error:
            line = lines_of_children(text)[index]
            raise DesignError(
                file, line, f"this {head(item) or 'item'} cannot be read ({error}); save it anew in KiCad"
            ) from error
    version = value(root, "version")
    return SheetFile(
        file, value(root, "uuid"), int(version) if version.isdigit() and len(version) < 12 else 0,
        value(child(root, "title_block") or [], "title"), built.library, built.symbols, built.lines["wire"],
        built.lines["bus"], built.entries, built.points["junction"], built.points["no_connect"], built.labels,
        built.sheets, built.aliases, built.instances,
    )  # fmt: skip


def point(node: Node) -> Point:
    """Return the point of ``(at x y ...)`` or ``(xy x y)``.

    Raises:
        ValueError: a coordinate is missing, no number, or endless.
    """
    if len(node) < 3:
        raise ValueError("it stands nowhere")
    return round(float(node[1]) * UNITS_PER_MM), round(float(node[2]) * UNITS_PER_MM)


def transform(degrees: float, mirror: str) -> Transform:
    """Return the placing of a symbol: turned first, then mirrored on the sheet, as KiCad does it."""
    a, b, c, d = _ROTATIONS[round(degrees / 90) * 90 % 360]
    if mirror == "x":
        return a, b, -c, -d
    if mirror == "y":
        return -a, -b, c, d
    return a, b, c, d


def placed(symbol: Symbol, pin: LibPin) -> Point:
    """Return where a pin of a placed symbol ends on the sheet."""
    a, b, c, d = symbol.transform
    x, y = pin.at
    return symbol.at[0] + a * x + b * y, symbol.at[1] + c * x + d * y


def kind_of(symbol: Symbol, pin: LibPin) -> str:
    """Return the electrical type of a pin in the function that was chosen for it."""
    return pin.alternates.get(symbol.alternates.get(pin.number, ""), pin.kind)


def name_of(symbol: Symbol, pin: LibPin) -> str:
    """Return the name of a pin in the function that was chosen for it."""
    return symbol.alternates.get(pin.number) or pin.name


def _properties(node: Node) -> dict[str, str]:
    return {word(one): word(one, 2) for one in children(node, "property")}


def _symbol(item: Node) -> Symbol:
    at = child(item, "at") or []
    instances: dict[str, tuple[str, int]] = {}
    for project in children(child(item, "instances") or [], "project"):
        for path in children(project, "path"):
            instances[word(path)] = (value(path, "reference"), int(value(path, "unit") or 1))
    return Symbol(
        # A symbol edited in place keeps its library's name in lib_id and is stored under lib_name.
        library=value(item, "lib_name") or value(item, "lib_id"),
        at=point(at),
        transform=transform(float(at[3]) if len(at) > 3 else 0.0, value(item, "mirror")),
        unit=int(value(item, "unit") or 1),
        style=int(value(item, "body_style") or value(item, "convert") or 1),
        uuid=value(item, "uuid"),
        fields=_properties(item),
        on_board=flag(item, "on_board", default=True),
        fitted=not flag(item, "dnp"),
        alternates={word(pin): value(pin, "alternate") for pin in children(item, "pin") if child(pin, "alternate")},
        instances=instances,
    )


def _sheet(item: Node, line: int) -> ChildSheet:
    fields = _properties(item)
    return ChildSheet(
        name=fields.get("Sheetname", fields.get("Sheet name", "")),
        file=fields.get("Sheetfile", fields.get("Sheet file", "")),
        uuid=value(item, "uuid"),
        on_board=flag(item, "on_board", default=True),
        pins=tuple(SheetPin(word(pin), point(child(pin, "at") or [])) for pin in children(item, "pin")),
        line=line,
    )


def _lib_symbol(item: Node) -> LibSymbol:
    name, fields = word(item), _properties(item)
    pins: list[LibPin] = []
    for part in children(item, "symbol"):
        _, unit, style = word(part).rsplit("_", 2)
        for pin in children(part, "pin"):
            one = _lib_pin(pin, int(unit), int(style))
            pins += [replace(one, number=number) for number in _numbers(one.number)]
    units = max((int(word(part).rsplit("_", 2)[1]) for part in children(item, "symbol")), default=1)
    power = child(item, "power")
    return LibSymbol(
        name=name,
        power="" if power is None else word(power) or "global",
        units=units,
        pins=tuple(pins),
        virtual=fields.get("Reference", "").startswith("#"),
        description=fields.get("Description", fields.get("ki_description", "")),
    )


def _numbers(text: str) -> list[str]:
    """Return the pins of a stack as KiCad 10 writes it, ``[1,A3-A5]``; any other number as it is."""
    ranges = [_RANGE.match(one) for one in text[1:-1].split(",")] if text[:1] + text[-1:] == "[]" else [None]
    out: list[str] = []
    for found in ranges:
        if found is None:
            return [text]
        prefix, first, last = found.groups()
        out += [f"{prefix}{number}" for number in range(int(first), int(last or first) + 1)]
    return out


def _lib_pin(pin: Node, unit: int, style: int) -> LibPin:
    return LibPin(
        number="" if value(pin, "number") == "~" else value(pin, "number"),
        name=value(pin, "name"),
        kind=word(pin),
        hidden=flag(pin, "hide"),
        at=point(child(pin, "at") or []),
        unit=unit,
        style=style,
        alternates={word(one): word(one, 2) for one in children(pin, "alternate")},
    )
