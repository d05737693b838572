"""GenCAD 1.4: parts, pins and nets of a board as test houses get them."""

import re
from math import cos, radians, sin

from processors.schematics.errors import DesignError
from processors.schematics.lines import Lines
from processors.schematics.model import Design, Line, Part, Pin, Place, Side
from processors.schematics.nets import NetTable
from processors.schematics.numbers import MM_PER_INCH, MM_PER_MIL, finite

_WORD = re.compile(r'"([^"]*)"|(\S+)')
_MM_PER_UNIT = {"INCH": MM_PER_INCH, "THOU": MM_PER_MIL, "MM": 1.0, "MM100": 0.01}


class _Component:
    def __init__(self, ref: str) -> None:
        self.ref = ref
        self.device = ""
        self.shape = ""
        self.at = (0.0, 0.0)
        self.side: Side = "top"
        self.degrees = 0.0
        self.mirrored = False


class _Reader:
    """Goes through the sections; a section is everything between ``$NAME`` and ``$ENDNAME``."""

    def __init__(self) -> None:
        self.scale = MM_PER_INCH
        self.components: dict[str, _Component] = {}
        self.shapes: dict[str, list[tuple[str, str, float, float]]] = {}
        self.drilled: set[str] = set()
        self.values: dict[str, str] = {}
        self.packages: dict[str, str] = {}
        self.nets = NetTable()
        self.edge: list[Line] = []
        self._name = ""

    def take(self, section: str, words: list[str]) -> None:
        key = words[0]
        if section == "HEADER" and key == "UNITS":
            self.scale = _MM_PER_UNIT.get(words[1]) or MM_PER_INCH / finite(words[2])
        elif section == "BOARD" and key == "LINE":
            x1, y1, x2, y2 = (finite(one) * self.scale for one in words[1:5])
            self.edge.append((x1, -y1, x2, -y2))
        elif section == "SHAPES":
            if key == "SHAPE":
                self._name = words[1]
                self.shapes[self._name] = []
            elif key == "PIN":
                self.shapes[self._name].append((words[1], words[2], finite(words[3]), finite(words[4])))
        elif section == "PADSTACKS" and key == "PADSTACK" and finite(words[2]) > 0:
            self.drilled.add(words[1])
        elif section == "DEVICES":
            if key == "DEVICE":
                self._name = words[1]
            elif key in {"PART", "PACKAGE"}:
                (self.values if key == "PART" else self.packages)[self._name] = words[1]
        elif section == "SIGNALS":
            if key == "SIGNAL":
                self._name = words[1]
            elif key == "NODE":
                self.nets.add(self._name, words[1], words[2])
        elif section == "COMPONENTS":
            self._component(key, words)

    def _component(self, key: str, words: list[str]) -> None:
        if key == "COMPONENT":
            self._name = words[1]
            self.components[self._name] = _Component(words[1])
            return
        one = self.components[self._name]
        if key == "DEVICE":
            one.device = words[1]
        elif key == "PLACE":
            one.at = finite(words[1]) * self.scale, -finite(words[2]) * self.scale
        elif key == "LAYER":
            one.side = "bottom" if words[1] == "BOTTOM" else "top"
        elif key == "ROTATION":
            one.degrees = finite(words[1])
        elif key == "SHAPE":
            one.shape = words[1]
            one.mirrored = "MIRRORX" in words[2:] or "MIRRORY" in words[2:]

    def part(self, one: _Component) -> Part:
        turn = cos(radians(one.degrees)), sin(radians(one.degrees))
        pins = tuple(
            Pin(number, place=self._place(one, x, y, turn, "both" if stack in self.drilled else one.side))
            for number, stack, x, y in self.shapes.get(one.shape, ())
        )
        return Part(
            one.ref, self.values.get(one.device, ""), self.packages.get(one.device, ""),
            place=Place(one.at[0], one.at[1], one.side, one.degrees), pins=pins,
        )  # fmt: skip

    def _place(self, one: _Component, x: float, y: float, turn: tuple[float, float], side: Side) -> Place:
        x, y = x * self.scale, y * self.scale * (-1 if one.mirrored else 1)
        return Place(
            round(one.at[0] + x * turn[0] - y * turn[1], 6), round(one.at[1] - x * turn[1] - y * turn[0], 6), side
        )


def read_gencad(name: str, content: bytes) -> Design:
    """Return the design of a GenCAD file.

    Raises:
        DesignError: a line cannot be read, or the file ends inside a section.
    """
    lines, reader, section = Lines(name, content), _Reader(), ""
    for line in lines:
        words = [quoted or bare for quoted, bare in _WORD.findall(line)]
        if not words:
            continue
        if words[0].startswith("$"):
            section = "" if words[0].startswith("$END") else words[0][1:]
            continue
        with lines.reading(f"${section}"):
            reader.take(section, words)
    if section:
        raise DesignError(name, lines.number, f"the file ends inside ${section}: it is cut off, fetch it again")
    parts = [reader.part(one) for one in reader.components.values()]
    return reader.nets.design(name, "gencad", parts, reader.edge, lines.remarks)
