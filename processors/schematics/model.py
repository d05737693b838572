"""One model for every format: parts, pins, nets, places, sheets, where it came from, and what does not agree.

Lengths are millimetres. On a board x runs to the right and y downwards as seen from the top, on both sides alike, as
KiCad draws it. A schematic has no places here: where a symbol stands on paper helps nobody at the bench.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Side = Literal["top", "bottom", "both"]
Line = tuple[float, float, float, float]
"""From x, y to x, y in millimetres."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the board: millimetres, degrees counter-clockwise seen from the top, and the side."""

    x_mm: float
    y_mm: float
    side: Side = "top"
    rotation_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Pin:
    """A pin or pad. ``kind`` is KiCad's electrical type (``power_in``, ``output``, ...) where the file says it."""

    number: str
    name: str = ""
    kind: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part with what its file says about it. ``sheet`` is the path of the sheet of its first unit."""

    ref: str
    value: str = ""
    footprint: str = ""
    library: str = ""
    description: str = ""
    datasheet: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    sheet: str = ""
    place: Place | None = None
    fitted: bool = True
    pins: tuple[Pin, ...] = ()


@dataclass(frozen=True, slots=True)
class Net:
    """A net: its name and its pins as (reference, pin number), sorted.

    ``named`` says that a person gave the name. ``supply`` says that a power symbol stands on the net.
    """

    name: str
    pins: tuple[tuple[str, str], ...]
    named: bool = True
    supply: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One appearance of a sheet: its path of names (``/`` is the root), its file, its title."""

    path: str
    file: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A nail of the maker's test bed: a place where a net can be touched. ``name`` is its number in the file."""

    name: str
    net: str
    place: Place


Matter = Literal[
    "duplicate_reference",
    "missing_sheet",
    "missing_symbol",
    "pin_on_two_nets",
    "encoding",
    "unnumbered_pins",
    "cut_names",
    "no_nets",
    "no_text",
    "nameless_letters",
    "left_out",
]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reader saw and did not decide silently."""

    matter: Matter
    what: str


Difference = Literal["only_in_schematic", "only_on_board", "net_differs", "name_differs", "value_differs"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where a schematic and a board of one project do not say the same. Nobody decides who is right.

    ``refs`` and ``nets`` are what it is about; a net has the name that the joined design gives it.
    """

    matter: Difference
    what: str
    refs: tuple[str, ...] = ()
    nets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextPlace:
    """A word of a drawing: a reference, or what may be a net's label, on a page that counts from 1.

    ``x_mm``, ``y_mm`` is its upper left corner, from that of the page as it is shown, y downwards. ``ref`` and ``net``
    say which part or net it names; both are empty where only a file with nets could tell.
    """

    text: str
    kind: Literal["reference", "label"]
    page: int
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    ref: str = ""
    net: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value measured on a good or bad board of this kind: ``quantity`` is diode, volt, ohm, alert or text."""

    net: str
    quantity: str
    value: str
    condition: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Design:
    """A whole design. ``outline`` is the board's edge, where the file draws it.

    ``sources``: the files that it was joined from, empty for one. ``texts``: places in a PDF.
    """

    source: str
    format: str
    parts: tuple[Part, ...] = ()
    nets: tuple[Net, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    probes: tuple[Probe, ...] = ()
    readings: tuple[Reading, ...] = ()
    notes: str = ""
    outline: tuple[Line, ...] = ()
    remarks: tuple[Remark, ...] = ()
    texts: tuple[TextPlace, ...] = ()
    sources: tuple[str, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
