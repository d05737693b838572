"""A schematic of KiCad 4 or 5 (``.sch``) to the same sheet that newer files give, so that one netlister serves both.

Points are thousandths of an inch. Symbols are not in the file: they come from the ``-cache.lib`` beside it, else from
the libraries that the project keeps beside it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from processors.schematics.errors import DesignError
from processors.schematics.kicad_legacy_library import words_at
from processors.schematics.kicad_sheet import ChildSheet, Label, LibSymbol, Point, SheetFile, SheetPin, Symbol
from processors.schematics.lines import Lines

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_LABELS = {"Label": "label", "GLabel": "global_label", "HLabel": "hierarchical_label"}
_FIELDS = {0: "Reference", 1: "Value", 2: "Footprint", 3: "Datasheet"}


@dataclass(slots=True)
class _Sheet:
    """What was read so far."""

    lines: Lines
    library: Mapping[str, LibSymbol]
    title: str = ""
    symbols: list[Symbol] = field(default_factory=list)
    wires: list[tuple[Point, Point]] = field(default_factory=list)
    buses: list[tuple[Point, Point]] = field(default_factory=list)
    entries: list[tuple[Point, Point]] = field(default_factory=list)
    junctions: list[Point] = field(default_factory=list)
    no_connects: list[Point] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    sheets: list[ChildSheet] = field(default_factory=list)

    def take(self, line: str) -> None:
        words = line.split()
        if line.startswith("$Comp"):
            self._symbol()
        elif line.startswith("$Sheet"):
            self._child()
        elif line.startswith("Title "):
            self.title = _words(line)[1]
        elif words[:1] in (["Wire"], ["Entry"]):
            x1, y1, x2, y2 = (int(one) for one in self.lines.next().split()[:4])
            kind = self.entries if words[0] == "Entry" else self.buses if words[1] == "Bus" else self.wires
            # Wire Notes Line draws a line on paper and joins nothing.
            if words[1] != "Notes":
                kind.append(((x1, y1), (x2, y2)))
        elif words[:1] == ["Connection"]:
            self.junctions.append((int(words[2]), int(words[3])))
        elif words[:1] == ["NoConn"]:
            self.no_connects.append((int(words[2]), int(words[3])))
        elif words[:1] == ["Text"]:
            text = self.lines.next().strip()
            if words[1] in _LABELS:
                self.labels.append(Label(_LABELS[words[1]], text, (int(words[2]), int(words[3]))))

    def _block(self, end: str) -> list[str]:
        """Return the lines up to ``end``."""
        out: list[str] = []
        while (line := self.lines.next()).strip() != end:
            out.append(line)
        return out

    def _symbol(self) -> None:
        library, unit, style, uuid, at = "", 1, 1, "", (0, 0)
        fields: dict[str, str] = {}
        instances: dict[str, tuple[str, int]] = {}
        block = self._block("$EndComp")
        for line in block:
            words = _words(line)
            key = words_at(words, 0)
            if key == "L":
                library = words[1]
                fields["Reference"] = words[2]
            elif key == "U":
                unit, style, uuid = int(words[1]), int(words[2]), words_at(words, 3)
            elif key == "P":
                at = int(words[1]), int(words[2])
            elif key == "AR":
                path, ref, part = (one.partition("=")[2].strip('"') for one in line.split()[1:4])
                instances[path] = (ref, int(part))
            elif key == "F":
                number = int(words[1])
                name = _FIELDS.get(number) or (words[-1] if len(words) > 10 else f"Field{number}")
                fields[name] = "" if words[2] == "~" else words[2]
        a, b, c, d = (int(one) for one in block[-1].split()[:4])
        if not {a, b, c, d} <= {-1, 0, 1}:
            raise ValueError("the symbol is neither turned nor mirrored but bent")
        symbol = Symbol(self._known(library), at, (a, b, c, d), unit, style, uuid, fields, True, True, {}, instances)
        self.symbols.append(symbol)

    def _known(self, library: str) -> str:
        """Return the name under which the library has a symbol: the cache writes ``Device:R`` as ``Device_R``."""
        for one in (library, library.replace(":", "_"), library.rpartition(":")[2]):
            if one in self.library:
                return one
        return library

    def _child(self) -> None:
        line = self.lines.number
        name, file, uuid, pins = "", "", "", list[SheetPin]()
        for text in self._block("$EndSheet"):
            words = _words(text)
            key = words_at(words, 0)
            if key == "U":
                uuid = words[1]
            elif key == "F0":
                name = words[1]
            elif key == "F1":
                file = words[1]
            elif re.fullmatch(r"F\d+", key):
                pins.append(SheetPin(words[1], (int(words[4]), int(words[5]))))
        self.sheets.append(ChildSheet(name, file, uuid, True, tuple(pins), line))


def read_legacy_sheet(content: bytes, file: str, library: Mapping[str, LibSymbol]) -> SheetFile:
    """Return what a ``.sch`` file of KiCad 4 or 5 holds.

    Raises:
        DesignError: a line cannot be read, or the file ends too early.
    """
    lines = Lines(file, content)
    sheet = _Sheet(lines, library)
    ended = False
    for line in lines:
        ended = ended or line.startswith("$EndSCHEMATC")
        with lines.reading("a schematic"):
            sheet.take(line)
    if not ended:
        raise DesignError(file, lines.number, "the file ends before $EndSCHEMATC: it is cut off, fetch it again")
    return SheetFile(
        file, "", 0, sheet.title, library, sheet.symbols, sheet.wires, sheet.buses, sheet.entries, sheet.junctions,
        sheet.no_connects, sheet.labels, sheet.sheets, {}, {},
    )  # fmt: skip


def _words(line: str) -> list[str]:
    return [quoted or bare for quoted, bare in _QUOTED.findall(line)]
