"""Boardviews of the ASC family: the set ``format.asc``, ``pins.asc``, ``nails.asc``; BDV, the set in one file, its
bytes turned round; and BVR1 (``BVRAW_FORMAT_1``), the same as a table.

Undocumented; the fields are as the open viewers read them. Lengths are inches.
"""

from collections.abc import Callable

from processors.schematics.boardview import BoardView, mils
from processors.schematics.lines import Lines
from processors.schematics.model import Design, Side
from processors.schematics.numbers import finite

BDV_MARK = b"dd:1.3?,r?-=bb"
"""``<<format.asc>>`` in disguise."""
_FIRST_KEY, _LAST_KEY, _AGAIN = 0xA0, 285, 159
_SECTIONS = {
    "<<format.asc>>": "edge", "<<pins.asc>>": "pins", "<<nails.asc>>": "nails",
    "<<Layout>>": "edge", "<<Pin>>": "pins", "<<Nail>>": "nails",
}  # fmt: skip
_MILS_PER_INCH = 1000.0


def read_bdv(name: str, content: bytes) -> Design:
    """Return the design of a BDV file, in disguise or plain.

    Raises:
        DesignError: a line cannot be read.
    """
    return _read(Lines(name, _undisguised(content) if BDV_MARK in content else content), "bdv", _Asc())


def read_asc(name: str, content: bytes, beside: Callable[[str], bytes | None]) -> Design:
    """Return the design of an ASC set, given any of its files; the others are taken from beside it.

    Raises:
        DesignError: a line cannot be read.
    """
    own = name.rpartition("/")[2].lower()
    joined: list[bytes] = []
    for one in ("format.asc", "pins.asc", "nails.asc"):
        found = content if one == own else beside(one) or beside(one.upper())
        joined += [b"<<%s>>" % one.encode(), found or b""]
    return _read(Lines(name, b"\n".join(joined)), "asc", _Asc())


def read_bvr1(name: str, content: bytes) -> Design:
    """Return the design of a BVR1 file.

    Raises:
        DesignError: a line cannot be read.
    """
    return _read(Lines(name, content), "bvr1", _Bvr())


def _undisguised(content: bytes) -> bytes:
    out, key = bytearray(), _FIRST_KEY
    for index, code in enumerate(content):
        if code == 0x0D and content[index + 1 : index + 2] == b"\n":
            key += 1
        out.append(code if code in b"\r\n\0" else (key - code) & 0xFF)
        if key > _LAST_KEY:
            key = _AGAIN
    return bytes(out)


class _Asc:
    """Parts and pins on lines of their own: ``Part R1 (T)``, then ``1 NAME x y layer NET nail``."""

    def __init__(self) -> None:
        self._part = ""
        self._side: Side = "top"

    def pin(self, view: BoardView, fields: list[str]) -> None:
        if fields[0] == "Part":
            self._part, self._side = fields[1], _side(fields[2])
            view.part(self._part, self._side)
            return
        if not self._part:
            raise ValueError("a pin before the first part")
        _pin(view, self._part, self._side, fields)

    def begins(self, fields: list[str]) -> bool:
        return fields[0] == "Part"


class _Bvr:
    """Each pin with its part: ``R1 (T) 1 NAME x y layer NET``."""

    def pin(self, view: BoardView, fields: list[str]) -> None:
        view.part(fields[0], _side(fields[1]))
        _pin(view, fields[0], _side(fields[1]), fields[2:])

    def begins(self, fields: list[str]) -> bool:
        return len(fields) > 2 and fields[1] in {"(T)", "(B)"}


def _pin(view: BoardView, ref: str, side: Side, fields: list[str]) -> None:
    number, name, x, y, _layer, *rest = fields
    int(number)
    where = mils(finite(x) * _MILS_PER_INCH, finite(y) * _MILS_PER_INCH, side)
    # The name is what is printed beside the pin, A1 of a ball grid; the number only counts.
    view.pin(ref, name, where, rest[0] if rest else "")


def _side(text: str) -> Side:
    return "top" if text == "(T)" else "bottom"


def _read(lines: Lines, kind: str, rows: "_Asc | _Bvr") -> Design:
    view = BoardView(kind)
    section, begun = "", False
    for line in lines:
        fields = line.replace(",", " ").split()
        if not fields:
            continue
        if fields[0] in _SECTIONS:
            section, begun = _SECTIONS[fields[0]], False
            continue
        # A section begins with a title and heads of columns, more or fewer; from its first row on, all must be rows.
        begun = begun or _begins(section, fields, rows)
        if not begun:
            continue
        with lines.reading(section):
            if section == "edge":
                view.points.append((finite(fields[0]) * _MILS_PER_INCH, finite(fields[1]) * _MILS_PER_INCH))
            elif section == "pins":
                rows.pin(view, fields)
            elif section == "nails":
                _nail(view, fields)
    return view.design(lines)


def _begins(section: str, fields: list[str], rows: "_Asc | _Bvr") -> bool:
    if section == "pins":
        return rows.begins(fields)
    if section == "edge":
        return len(fields) == 2 and all(_is_number(one) for one in fields)
    return section == "nails" and len(fields) >= 8 and all(_is_number(one) for one in fields[1:3])


def _nail(view: BoardView, fields: list[str]) -> None:
    name, x, y, _kind, _grid, side, _id, net, *_ = fields
    where = mils(finite(x) * _MILS_PER_INCH, finite(y) * _MILS_PER_INCH, _side(side))
    view.nail(name.lstrip("$"), net, where)


def _is_number(text: str) -> bool:
    try:
        finite(text)
    except ValueError:
        return False
    return True
