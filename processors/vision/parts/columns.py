"""Which column of a pick-and-place file holds what, by what CAD systems and assembly houses call it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_REFERENCE = ("ref", "refdes", "reference", "designator", "referencedesignator", "refdesignator", "name", "component",
              "part", "bezeichner")  # fmt: skip
_VALUE = ("val", "value", "comment", "partvalue", "device", "partnumber", "description", "wert")
_PACKAGE = ("package", "footprint", "pattern", "packagename", "packagereference", "case", "geometry", "bauform")
_X = ("posx", "midx", "centerx", "centrex", "xpos", "xposition", "xcoord", "xcoordinate", "locationx", "xlocation",
      "xcenter", "xmid", "x", "refx", "xloc")  # fmt: skip
_Y = tuple(name.replace("x", "y") for name in _X)
_ROTATION = ("rot", "rotation", "angle", "orientation", "theta", "rotationdeg", "drehung")
_SIDE = ("side", "layer", "boardside", "mountside", "tb", "placementside", "seite", "mountinglayer")
_UNFITTED = ("dnp", "dnf", "dni", "donotplace", "donotpopulate", "donotfit", "excluded")
_UNITS = {"mm": "mm", "mil": "mil", "mils": "mil", "in": "in", "inch": "in", "inches": "in"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Indices of columns from 0; None where a file has no such column.

    ``line`` is that of the titles, from 1, or 0 for a file without titles; ``separator`` is None for blanks; ``unit``
    is what the titles of the places say.
    """

    line: int
    separator: str | None
    titles: tuple[str, ...]
    reference: int
    x: int
    y: int
    value: int | None
    package: int | None
    rotation: int | None
    side: int | None
    unfitted: int | None
    unit: str | None

    @property
    def count(self) -> int:
        """How many columns there are."""
        return len(self.titles)


def find_columns(line: int, titles: Sequence[str], separator: str | None) -> Columns | None:
    """Return what the columns hold, or None where these are no titles: a name, an x and a y must be among them."""
    split = [_split(title) for title in titles]
    words = [word for word, _ in split]
    reference, x, y = (_first(words, names) for names in (_REFERENCE, _X, _Y))
    if reference is None or x is None or y is None:
        return None
    return Columns(
        line, separator, tuple(titles), reference, x, y, _first(words, _VALUE), _first(words, _PACKAGE),
        _first(words, _ROTATION), _first(words, _SIDE), _first(words, _UNFITTED), split[x][1],
    )  # fmt: skip


def _split(title: str) -> tuple[str, str | None]:
    """Return the plain word of a title and its unit: ``Center-X(mil)`` and ``x_mm`` both have one."""
    found = re.fullmatch(r"(.*?)[\s_(\[]+(mm|mils?|in|inch|inches)[)\]]*", title.strip().lower())
    word, unit = (found[1], _UNITS[found[2]]) if found else (title.lower(), None)
    return re.sub(r"[^a-z]", "", word), unit


def _first(words: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the column with the likeliest of several names: ``Mid X`` stands before ``Ref X``."""
    return next((words.index(name) for name in names if name in words), None)
