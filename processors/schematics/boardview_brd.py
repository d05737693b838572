"""Boardviews named ``.brd``: the Landrex form, plain or with rotated bytes, and the form that begins with BRDOUT.

Neither is documented by its makers; the fields are as the open viewers read them and as the free sample shows.
"""

from processors.schematics.boardview import BoardView, mils
from processors.schematics.errors import DesignError
from processors.schematics.lines import Lines
from processors.schematics.model import Design, Place, Side
from processors.schematics.numbers import finite

ROTATED = bytes((0x23, 0xE2, 0x63, 0x28))
"""How a file of rotated bytes begins: ``str_`` in disguise."""
_KEPT = b"\r\n\0"
_PLAIN = bytes(code if code in _KEPT else ~((code >> 6 & 3) | (code << 2)) & 0xFF for code in range(256))
_HEADS = {
    "str_length:": "", "var_data:": "counts", "Format:": "edge", "format:": "edge", "Parts:": "parts",
    "Pins1:": "parts", "Pins:": "pins", "Pins2:": "pins", "Nails:": "nails",
}  # fmt: skip
_PIN_SIDES: dict[int, Side] = {0: "both", 1: "top", 2: "bottom"}


def read_brd(name: str, content: bytes) -> Design:
    """Return the design of a Landrex boardview. A pin's number is its place in the part: the file has none.

    Raises:
        DesignError: a line cannot be read, or a pin belongs to no part.
    """
    lines = Lines(name, content.translate(_PLAIN) if content.startswith(ROTATED) else content)
    view = BoardView("brd")
    section = ""
    parts: list[str] = []
    pins: list[list[str]] = []
    nets: dict[str, str] = {}
    for line in lines:
        fields = line.split()
        if not fields:
            continue
        if fields[0] in _HEADS:
            section = _HEADS[fields[0]]
            continue
        with lines.reading(section or "the head"):
            if section == "edge":
                view.points.append((finite(fields[0]), finite(fields[1])))
            elif section == "parts":
                kind = int(fields[1])
                parts.append(fields[0])
                view.part(fields[0], "bottom" if kind == 2 or kind >= 8 else "top")
            elif section == "pins":
                # A field may be missing at the end: the net then follows from the nail.
                pins.append([*fields, ""][:5])
                finite(fields[0]), finite(fields[1]), parts[_index(fields[3], len(parts))]
            elif section == "nails":
                side: Side = "top" if int(fields[3]) == 1 else "bottom"
                net = fields[4] if len(fields) > 4 else ""
                nets[fields[0]] = net
                view.nail(fields[0], net, mils(finite(fields[1]), finite(fields[2]), side))
    for x, y, probe, part, net in pins:
        place = mils(float(x), float(y), "top")
        view.pin(parts[int(part) - 1], "", place, net or nets.get(probe, ""))
    return view.design(lines)


def _index(text: str, count: int) -> int:
    number = int(text)
    if not 1 <= number <= count:
        raise ValueError(f"part {text[:20]} of {count}")
    return number - 1


def read_brd2(name: str, content: bytes) -> Design:
    """Return the design of a boardview that begins with BRDOUT. On the bottom, y counts from the other edge.

    Raises:
        DesignError: a line cannot be read, or a section is shorter than it says.
    """
    lines = Lines(name, content)
    view = BoardView("brd2")
    rows: dict[str, list[list[str]]] = {"BRDOUT": [], "NETS": [], "PARTS": [], "PINS": [], "NAILS": []}
    counts: dict[str, int] = {}
    height, section = 0.0, ""
    for line in lines:
        head, colon, rest = line.partition(":")
        with lines.reading("a boardview"):
            if colon and head.strip() in rows:
                section = head.strip()
                counts[section] = int(rest.split()[0])
                height = finite(rest.split()[2]) if section == "BRDOUT" else height
            elif line.strip() and section:
                fields = line.split()
                _check_row(section, fields)
                rows[section].append(fields)
    for section, count in counts.items():
        if len(rows[section]) != count:
            what = f"{section} holds {len(rows[section])} lines and says {count}: the file is cut off, fetch it again"
            raise DesignError(name, lines.number, what)
    nets = {fields[0]: fields[1] for fields in rows["NETS"]}
    view.points = [(float(x), float(y)) for x, y, *_ in rows["BRDOUT"]]
    starts = [int(fields[5]) for fields in rows["PARTS"]] + [len(rows["PINS"])]
    for fields, start, stop in zip(rows["PARTS"], starts, starts[1:], strict=False):
        view.part(fields[0], _PIN_SIDES.get(int(fields[6]), "top"))
        for x, y, net, side, *_ in rows["PINS"][start:stop]:
            where = _PIN_SIDES.get(int(side), "both")
            view.pin(fields[0], "", _flipped(x, y, where, height), nets.get(net, ""))
    for probe, x, y, net, side, *_ in rows["NAILS"]:
        where = "top" if side == "1" else "bottom"
        view.nail(probe, nets.get(net, ""), _flipped(x, y, where, height))
    return view.design(lines)


_ROW = {"BRDOUT": (2, 2), "NETS": (2, 1), "PARTS": (7, 7), "PINS": (4, 4), "NAILS": (5, 5)}
"""How many fields a row has, and how many of them are numbers (a part's first field is its name)."""


def _check_row(section: str, fields: list[str]) -> None:
    least, numbers = _ROW[section]
    if len(fields) < least:
        raise IndexError
    for one in fields[1 if section == "PARTS" else 0 : numbers]:
        int(one)


def _flipped(x: str, y: str, side: Side, height: float) -> Place:
    # Pins that go through are counted from the same edge as the bottom: only the top has y as drawn.
    return mils(float(x), float(y) if side == "top" else height - float(y), side)
