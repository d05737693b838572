"""Draws small KiCad sheets as text. Lengths are millimetres; y runs downwards on the sheet, upwards in a symbol."""

import itertools
from collections.abc import Mapping, Sequence

from processors.schematics.model import Design
from processors.schematics.read import read_design

Point = tuple[float, float]

LIBRARY = {
    "R": """(symbol "R" (property "Reference" "R") (symbol "R_1_1"
        (pin passive line (at 0 2.54 270) (length 1) (name "~") (number "1"))
        (pin passive line (at 0 -2.54 90) (length 1) (name "~") (number "2"))))""",
    "Q": """(symbol "Q" (property "Reference" "Q") (symbol "Q_1_1"
        (pin input line (at -2.54 0 0) (length 1) (name "B") (number "1"))
        (pin passive line (at 2.54 2.54 270) (length 1) (name "C") (number "2"))
        (pin passive line (at 2.54 -2.54 90) (length 1) (name "E") (number "3"))))""",
    # Two gates drawn alike, and a third unit with the supply. The second body style has its pin elsewhere.
    "G": """(symbol "G" (property "Reference" "U")
        (symbol "G_1_1" (pin input line (at -2.54 0 0) (length 1) (name "A") (number "1")))
        (symbol "G_1_2" (pin input line (at -5.08 0 0) (length 1) (name "A") (number "1")))
        (symbol "G_2_1" (pin input line (at -2.54 0 0) (length 1) (name "A") (number "2")))
        (symbol "G_3_0" (pin power_in line (at 0 2.54 270) (length 1) (name "VCC") (number "14"))))""",
    # Its supply pin is hidden, as of the old logic families.
    "H": """(symbol "H" (property "Reference" "U") (symbol "H_1_1"
        (pin input line (at -2.54 0 0) (length 1) (name "A") (number "1"))
        (pin power_in line (at 0 2.54 270) (length 1) (hide yes) (name "VDD") (number "14"))))""",
    "N": """(symbol "N" (property "Reference" "U") (symbol "N_1_1"
        (pin no_connect line (at 2.54 0 0) (length 1) (name "NC") (number "1"))
        (pin no_connect line (at 2.54 0 0) (length 1) (name "NC") (number "2"))
        (pin input line (at -2.54 0 0) (length 1) (name "IN") (number "3"))))""",
    "VCC": """(symbol "VCC" (power) (property "Reference" "#PWR") (symbol "VCC_1_1"
        (pin power_in line (at 0 0 90) (length 0) (hide yes) (name "VCC") (number "1"))))""",
    "PWR_FLAG": """(symbol "PWR_FLAG" (power) (property "Reference" "#FLG") (symbol "PWR_FLAG_1_0"
        (pin power_out line (at 0 0 90) (length 0) (name "pwr") (number "1"))))""",
}


class Drawing:
    """A sheet in the making; ``text`` is the file."""

    def __init__(self, version: int = 20250114, uuid: str = "top") -> None:
        self.version = version
        self.uuid = uuid
        self.items: list[str] = []
        self.library: dict[str, str] = {}

    @property
    def text(self) -> str:
        library = "\n".join(self.library.values())
        items = "\n".join(self.items)
        return f'(kicad_sch (version {self.version}) (uuid "{self.uuid}")\n(lib_symbols {library})\n{items}\n)\n'

    def symbol(
        self, kind: str, ref: str, at: Point, *, turn: int = 0, mirror: str = "", unit: int = 1, style: int = 1,
        value: str = "", on_board: bool = True, more: str = "",
    ) -> "Drawing":  # fmt: skip
        self.library.setdefault(kind, LIBRARY[kind])
        mirrored = f"(mirror {mirror})" if mirror else ""
        self.items.append(
            f'(symbol (lib_id "{kind}") (at {at[0]} {at[1]} {turn}) {mirrored} (unit {unit}) (convert {style})'
            f' (on_board {"yes" if on_board else "no"}) (uuid "{ref}-{unit}") (property "Reference" "{ref}")'
            f' (property "Value" "{value or kind}") {more})'
        )
        return self

    def power(self, name: str, at: Point) -> "Drawing":
        return self.symbol("VCC", f"#PWR{len(self.items)}", at, value=name)

    def wire(self, *points: Point, kind: str = "wire") -> "Drawing":
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            self.items.append(f"({kind} (pts (xy {x1} {y1}) (xy {x2} {y2})))")
        return self

    def bus(self, *points: Point) -> "Drawing":
        return self.wire(*points, kind="bus")

    def label(self, text: str, at: Point, kind: str = "label") -> "Drawing":
        self.items.append(f'({kind} "{text}" (at {at[0]} {at[1]} 0))')
        return self

    def door(self, text: str, at: Point) -> "Drawing":
        return self.label(text, at, "hierarchical_label")

    def junction(self, at: Point) -> "Drawing":
        self.items.append(f"(junction (at {at[0]} {at[1]}))")
        return self

    def entry(self, at: Point, size: Point = (2.54, 2.54)) -> "Drawing":
        self.items.append(f"(bus_entry (at {at[0]} {at[1]}) (size {size[0]} {size[1]}))")
        return self

    def sheet(self, name: str, file: str, pins: Mapping[str, Point]) -> "Drawing":
        doors = " ".join(f'(pin "{text}" input (at {x} {y} 0))' for text, (x, y) in pins.items())
        self.items.append(
            f'(sheet (uuid "{name}") (property "Sheetname" "{name}") (property "Sheetfile" "{file}") {doors})'
        )
        return self


def read(root: Drawing, /, **others: Drawing) -> Design:
    """Return the design of a sheet; ``others`` are further files by name without ``.kicad_sch``."""
    files = {f"{name}.kicad_sch": one.text.encode() for name, one in others.items()}
    return read_design("root.kicad_sch", root.text.encode(), files.get)


def nets(design: Design) -> dict[str, set[str]]:
    """Return the nets as ``{"GND": {"R1.2"}}``."""
    return {net.name: {f"{ref}.{number}" for ref, number in net.pins} for net in design.nets}


def partition(pins: Sequence[Sequence[tuple[str, str]]]) -> set[frozenset[tuple[str, str]]]:
    """Return what is joined with what, without names."""
    return {frozenset(one) for one in pins}
