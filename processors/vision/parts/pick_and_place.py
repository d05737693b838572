"""Pick-and-place files: KiCad's ``.pos`` and CSV, those of Altium, Eagle, EasyEDA and the assembly houses.

There is no standard. What all have in common is a table with a name, a place and a turn in each row; its columns are
found by what they are called (:mod:`processors.vision.parts.columns`). Files count y upwards, a :class:`Placement`
downwards, as board files do.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from processors.vision.parts.columns import Columns, find_columns
from processors.vision.parts.placement import BoardSide, Placement

LARGEST_BYTES = 16 * 1024 * 1024
MM_PER: dict[str, float] = {"mm": 1.0, "mil": 0.0254, "in": 25.4, "cm": 10.0, "um": 0.001}
_UNIT_NAMES = {
    "mm": "mm", "millimeter": "mm", "millimeters": "mm", "millimetre": "mm", "metric": "mm", "mil": "mil",
    "mils": "mil", "thou": "mil", "in": "in", "inch": "in", "inches": "in", "imperial": "in", "cm": "cm", "um": "um",
    "µm": "um",
}  # fmt: skip
_SAID_UNIT = re.compile(r"\bunits?(?:\s+used)?\s*[:=]\s*\"?([A-Za-zµ]+)", re.IGNORECASE)
_LENGTH = re.compile(r"([-+]?[\d.,' ]*\d[\d.,]*(?:[eE][-+]?\d+)?)\s*(mm|mils?|thou|in|inch|inches|cm|um|µm|\")?")
_TOP = {"top", "t", "toplayer", "topside", "front", "f", "fcu", "component", "componentside", "primary", "1"}
_BOTTOM = {"bottom", "bot", "b", "bottomlayer", "bottomside", "back", "bcu", "solder", "solderside", "secondary", "16"}
_NO = {"dnp", "dnf", "dni", "nofit", "notfitted", "unpopulated", "donotplace", "donotpopulate", "donotfit"}
_YES_WORDS = {"1", "y", "yes", "true", "x", "dnp", "dnf", "dni"}
_LARGEST_BOARD_MM = 1000.0
_MOST_LOOKED_AT = 200
_ENDS = {".mnt": "top", ".mnb": "bottom"}


class PlacementError(ValueError):
    """A file that cannot be read as places of parts. ``line`` counts from 1; ``column`` is a title of the file."""

    def __init__(self, file: str, line: int | None, column: str | None, what: str) -> None:
        where = "" if line is None else f":{line}"
        super().__init__(f"{file}{where}: {'' if column is None else f'column {column!r}: '}{what}")
        self.file, self.line, self.column, self.what = file, line, column, what


@dataclass(frozen=True, slots=True)
class PickAndPlace:
    """The places of a file in its order, and remarks: what was missing, double, or had to be assumed."""

    placements: tuple[Placement, ...]
    remarks: tuple[str, ...] = ()


def read_pick_and_place(name: str, content: bytes, unit: str | None = None) -> PickAndPlace:
    """Return the places in a pick-and-place file.

    Args:
        name: of the file, for messages; ``.mnt`` and ``.mnb`` are Eagle's names for top and bottom.
        content: UTF-8, UTF-16 or Latin-1; separated by comma, semicolon, tab or blanks; decimal point or comma.
        unit: ``mm``, ``mil`` or ``in``, over whatever the file says.

    Raises:
        PlacementError: no table with names and places is found, a number or side cannot be understood, or the places
            are too far apart for a board; names line and column, and says what to do.
    """
    text = _text(name, content)
    lines = text.splitlines()
    columns = _headed(lines) or _unheaded(lines)
    if columns is None:
        what = "no row of titles with a name, an x and a y is found (Ref, PosX, PosY, or Designator, Mid X, Mid Y)"
        raise PlacementError(name, 1, None, f"{what}; export the pick-and-place file with its titles")
    reader = _Reader(name, columns, unit or _said_unit(lines) or None)
    placements = [one for line, row in _rows(lines, columns) if (one := reader.placement(line, row)) is not None]
    if not placements:
        raise PlacementError(name, columns.line, None, "below the titles no row has a place; export the file again")
    placements, unmirrored = _same_way(placements)
    remarks = [*reader.remarks, *unmirrored, *_doubles(placements)]
    _check_size(name, placements, reader.assumed)
    return PickAndPlace(tuple(placements), tuple(remarks))


def _text(name: str, content: bytes) -> str:
    if not content.strip():
        raise PlacementError(name, None, None, "the file is empty; export it again")
    if len(content) > LARGEST_BYTES:
        raise PlacementError(name, None, None, f"{len(content) >> 20} MB are no list of parts; is this the right file?")
    encodings = ["utf-8-sig"]
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        encodings = ["utf-16"]
    elif content[:400].count(0) > len(content[:400]) // 3:
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _said_unit(lines: Sequence[str]) -> str | None:
    found = (_SAID_UNIT.search(line) for line in lines[:_MOST_LOOKED_AT])
    return next((_UNIT_NAMES[one[1].lower()] for one in found if one and one[1].lower() in _UNIT_NAMES), None)


def _headed(lines: Sequence[str]) -> Columns | None:
    """Return the columns of the first row of titles."""
    for number, line in enumerate(lines[:_MOST_LOOKED_AT], 1):
        for separator in (",", ";", "\t", None):
            columns = find_columns(number, _cells(line, separator), separator)
            if columns is not None:
                return columns
    return None


def _unheaded(lines: Sequence[str]) -> Columns | None:
    """Return the columns of Eagle's files without titles: name, x, y, turn, value, package, by blanks."""
    rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith(("#", "*"))]
    fits = [
        len(row) >= 5
        and number_of(row[0]) is None
        and None not in map(number_of, (row[1], row[2], row[3].lstrip("MR")))
        for row in rows
    ]
    if not rows or not all(fits):
        return None
    titles = ("name", "x", "y", "angle", "value", "package")
    return find_columns(0, titles, None)


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.lstrip("#").split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:  # a cell beyond all measure
        return []


def _rows(lines: Sequence[str], columns: Columns) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the titles with their line."""
    for number, line in enumerate(lines[columns.line :], columns.line + 1):
        if not line.strip() or line.lstrip().startswith("#") or set(line.strip()) <= set("-=_* \t"):
            continue
        cells = _cells(line, columns.separator)
        if columns.separator is None and len(cells) > columns.count and columns.value is not None:
            # A value with blanks in it: all that is too much belongs to it.
            at, extra = columns.value, len(cells) - columns.count
            cells[at : at + extra + 1] = [" ".join(cells[at : at + extra + 1])]
        yield number, cells


class _Reader:
    """Makes places of rows, and keeps what is to be remarked."""

    def __init__(self, name: str, columns: Columns, unit: str | None) -> None:
        self._name, self._columns, self._unit = name, columns, unit
        self.remarks: list[str] = []
        self.assumed = False
        """Whether a length had no unit anywhere."""
        self._side: BoardSide = "bottom" if _ENDS.get(name[-4:].lower()) == "bottom" else "top"
        if columns.side is None and name[-4:].lower() not in _ENDS:
            self.remarks.append(f"{name} has no column of sides; all parts are taken to stand on the top side")

    def placement(self, line: int, row: Sequence[str]) -> Placement | None:
        """Return the place of a row; None, with a remark, where it has none."""
        own = self._columns
        reference = self._cell(row, own.reference)
        if not reference:
            if any(cell for cell in row):
                self.remarks.append(f"line {line}: a row without a name is left out: {' '.join(row)[:60]}")
            return None
        texts = self._cell(row, own.x), self._cell(row, own.y)
        if not all(texts):
            self.remarks.append(f"line {line}: {reference} has no place; it is left out")
            return None
        value, package = self._cell(row, own.value), self._cell(row, own.package)
        lacking = [what for what, text in (("value", value), ("package", package)) if not text]
        if lacking:
            self.remarks.append(f"line {line}: {reference} has no {' and no '.join(lacking)}")
        x, y = (self._length(line, at, text) for at, text in zip((own.x, own.y), texts, strict=True))
        return Placement(
            reference, value, package, round(x, 6), round(-y, 6), self._rotation(line, reference, row),
            self._side_of(line, row), self._is_fitted(row),
        )  # fmt: skip

    def _cell(self, row: Sequence[str], at: int | None) -> str:
        return row[at].strip() if at is not None and at < len(row) else ""

    def _length(self, line: int, at: int, text: str) -> float:
        found = _LENGTH.fullmatch(text.strip())
        number = None if found is None else number_of(found[1])
        if found is None or number is None:
            what = f"{text[:40]!r} is no length; write it like 12.5, 12,5 or 12.5mm"
            raise PlacementError(self._name, line, self._columns.titles[at], what)
        own = found[2] and ("in" if found[2] == '"' else _UNIT_NAMES[found[2].lower()])
        unit = own or self._unit or self._columns.unit
        if unit is None and not self.assumed:
            self.assumed = True
            self.remarks.append(f"{self._name} says no unit; lengths are taken for millimetres")
        return number * MM_PER[unit or "mm"]

    def _rotation(self, line: int, reference: str, row: Sequence[str]) -> float:
        at = self._columns.rotation
        text = self._cell(row, at).strip("°").strip()
        if not text or at is None:
            self.remarks.append(f"line {line}: {reference} has no rotation; 0 is taken")
            return 0.0
        number = number_of(text.lstrip("MR") if self._columns.line == 0 else text)
        if number is None:
            what = f"{text[:40]!r} is no angle; write degrees, like 90 or 270.0"
            raise PlacementError(self._name, line, self._columns.titles[at], what)
        return number % 360

    def _side_of(self, line: int, row: Sequence[str]) -> BoardSide:
        at = self._columns.side
        text = self._cell(row, at)
        if at is None or not text:
            return self._side
        word = re.sub(r"[^a-z0-9]", "", text.lower())
        if word in _TOP:
            return "top"
        if word in _BOTTOM:
            return "bottom"
        raise PlacementError(
            self._name, line, self._columns.titles[at], f"{text[:40]!r} is no side; write top or bottom"
        )

    def _is_fitted(self, row: Sequence[str]) -> bool:
        own = self._columns
        said = re.sub(r"[^a-z0-9]", "", self._cell(row, own.unfitted).lower()) if own.unfitted is not None else ""
        word = re.sub(r"[^a-z]", "", self._cell(row, own.value).lower())
        return said not in _YES_WORDS and word not in _NO


def number_of(text: str) -> float | None:
    """Return a number with decimal point or comma, or None. One comma alone is a decimal one: 1,234 is 1.234."""
    plain = re.sub(r"[' ]", "", text)
    if "," in plain and "." in plain:
        groups = "," if plain.rfind(",") < plain.rfind(".") else "."
        plain = plain.replace(groups, "")
    elif plain.count(",") > 1:
        plain = plain.replace(",", "")
    try:
        number = float(plain.replace(",", "."))
    except ValueError:
        return None
    return number if isfinite(number) else None


def _same_way(placements: list[Placement]) -> tuple[list[Placement], list[str]]:
    """Undo the turned sign that KiCad, when it is asked to, gives to x of the bottom side."""
    top, bottom = ([one.x_mm for one in placements if one.side == side] for side in ("top", "bottom"))
    if len(top) < 3 or len(bottom) < 3 or min(top) < 0 or max(bottom) > 0:
        return placements, []
    turned = [replace(one, x_mm=-one.x_mm) if one.side == "bottom" else one for one in placements]
    return turned, ["x of all parts of the bottom side is negative, of none of the top side; their sign is turned"]


def _doubles(placements: Sequence[Placement]) -> list[str]:
    counts = Counter(one.reference for one in placements)
    return [f"{name} is there {count} times; all are kept" for name, count in counts.items() if count > 1]


def _check_size(name: str, placements: Sequence[Placement], assumed: bool) -> None:
    xs, ys = [one.x_mm for one in placements], [one.y_mm for one in placements]
    extent = max(max(xs) - min(xs), max(ys) - min(ys))
    if extent > _LARGEST_BOARD_MM:
        why = "it says no unit, so millimetres were taken" if assumed else "its unit may be wrong"
        what = f"its parts lie {extent:.0f} mm apart, more than a board has; {why}; give --unit mil or --unit in"
        raise PlacementError(name, None, None, what)
