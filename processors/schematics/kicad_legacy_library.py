"""Symbol libraries of KiCad 4 and 5 (``.lib``): ``DEF ... ENDDEF`` blocks with their pins."""

from processors.schematics.kicad_sheet import LibPin, LibSymbol
from processors.schematics.lines import Lines

_KINDS = {
    "I": "input", "O": "output", "B": "bidirectional", "T": "tri_state", "P": "passive", "U": "unspecified",
    "W": "power_in", "w": "power_out", "C": "open_collector", "E": "open_emitter", "N": "no_connect",
}  # fmt: skip


def read_library(name: str, content: bytes) -> dict[str, LibSymbol]:
    """Return the symbols by name and by alias.

    Raises:
        DesignError: a line cannot be read.
    """
    lines, out = Lines(name, content), dict[str, LibSymbol]()
    head: list[str] = []
    names: list[str] = []
    pins: list[LibPin] = []
    for line in lines:
        words = line.split()
        if not words:
            continue
        with lines.reading("a symbol library"):
            if words[0] == "DEF":
                # A tilde says only that the name is not drawn.
                head, names, pins = words, [words[1].lstrip("~")], []
                int(words[7])
            elif words[0] == "ALIAS":
                names += words[1:]
            elif words[0] == "X" and head:
                pins.append(_pin(words))
            elif words[0] == "ENDDEF" and head:
                for one in names:
                    out[one] = LibSymbol(
                        one, "global" if words_at(head, 9) == "P" else "", int(head[7]), tuple(pins),
                        head[2].startswith("#"), "",
                    )  # fmt: skip
                head = []
    return out


def words_at(words: list[str], index: int) -> str:
    """Return a word, or an empty text behind the last."""
    return words[index] if len(words) > index else ""


def _pin(words: list[str]) -> LibPin:
    """Return the pin of ``X name number x y length orientation size size unit style kind [shape]``."""
    _, name, number, x, y, _length, _turn, _size, _other, unit, style, kind, *shape = words
    hidden = bool(shape) and shape[0].startswith("N")
    return LibPin(
        "" if number == "~" else number, name, _KINDS.get(kind, "unspecified"), hidden, (int(x), int(y)), int(unit),
        int(style),
    )  # fmt: skip
