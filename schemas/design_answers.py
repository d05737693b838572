"""What is answered about a design: parts, nets, ways, rails, buses, and where things are on the board.

Lengths are millimetres. On the board x runs to the right and y downwards as seen from the top, on both sides alike.
What a file does not say is empty or null: nothing here is guessed.
"""

from typing import Literal

from pydantic import Field

from schemas.core.message import Value
from schemas.suspects import BoardQuantity, BoardSuspect

BoardSide = Literal["top", "bottom", "both"]


class BoardPlace(Value):
    """A point on the board, degrees counter-clockwise as seen from the top."""

    x_mm: float
    y_mm: float
    side: BoardSide
    rotation_deg: float = 0.0


class PaperPlace(Value):
    """Where a word stands in the PDF beside the design: page from 1, box from the page's upper left corner."""

    page: int = Field(ge=1)
    x_mm: float
    y_mm: float
    width_mm: float = Field(ge=0)
    height_mm: float = Field(ge=0)


class PartPin(Value):
    """A pin with what it is on. ``net`` is null when it is joined with nothing."""

    number: str
    name: str = ""
    kind: str = ""
    net: str | None = None
    place: BoardPlace | None = None


class PartAnswer(Value):
    """A part with what its files say about it. ``fields`` are those that the designer added, an order number say."""

    ref: str
    kind: str
    value: str = ""
    footprint: str = ""
    library: str = ""
    description: str = ""
    datasheet: str = ""
    fields: dict[str, str] = Field(default_factory=dict)
    sheet: str = ""
    fitted: bool = True
    place: BoardPlace | None = None
    pins: tuple[PartPin, ...] = ()
    papers: tuple[PaperPlace, ...] = ()


class NetPin(Value):
    """A pin on a net."""

    ref: str
    number: str
    name: str = ""


class SeriesStep(Value):
    """A part on the way from one net to the next."""

    ref: str
    from_net: str
    to_net: str


class Touch(Value):
    """A place to touch a net: a test point, or a nail of the maker's test bed."""

    name: str
    place: BoardPlace | None = None


class KnownReading(Value):
    """A value that was measured on a board of this kind: ``quantity`` is diode, volt, ohm, alert or text."""

    quantity: str
    value: str
    condition: str = ""
    comment: str = ""


class NetAnswer(Value):
    """A net, what is on it, and what lies behind its series parts. ``pins_left_out``: pins beyond those listed."""

    name: str
    ground: bool
    pins: tuple[NetPin, ...]
    pins_left_out: int = Field(default=0, ge=0)
    steps: tuple[SeriesStep, ...] = ()
    touch: tuple[Touch, ...] = ()
    readings: tuple[KnownReading, ...] = ()
    papers: tuple[PaperPlace, ...] = ()


class PathAnswer(Value):
    """The way with the fewest parts between two parts, not through ground. ``joined`` is false when there is none."""

    start: str
    end: str
    joined: bool
    steps: tuple[SeriesStep, ...] = ()


class RailFound(Value):
    """A supply rail; ``by`` is what told: a symbol, a name, or the structure, which says so with ``chance``."""

    net: str
    by: Literal["symbol", "name", "structure"]
    chance: float = Field(ge=0, le=1)


class RailLink(Value):
    """A part that carries a supply from one rail to another. ``one_way``: current cannot flow back."""

    ref: str
    kind: str
    from_net: str
    to_net: str
    one_way: bool


class RegulatorFound(Value):
    """A regulator with its nets; ``enable`` switches it, ``feedback`` sets it."""

    ref: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    enable: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()


class RailsAnswer(Value):
    """Rails, how they hang together, and what makes them."""

    rails: tuple[RailFound, ...]
    links: tuple[RailLink, ...]
    regulators: tuple[RegulatorFound, ...]


class PullUpFound(Value):
    """A resistor from a line to a rail."""

    line: str
    ref: str
    to_net: str
    value: str = ""


class BusFound(Value):
    """A serial bus: nets by role, the chips and connectors on it, the pull-ups that were seen. None seen is no proof
    that one is missing: it may be inside a chip.
    """

    kind: Literal["i2c", "spi", "uart"]
    lines: dict[str, str]
    refs: tuple[str, ...] = ()
    pull_ups: tuple[PullUpFound, ...] = ()


class BusesAnswer(Value):
    """The serial buses of a design."""

    buses: tuple[BusFound, ...]


class BoardBox(Value):
    """A box on the board. That of a part is the box round its pads, grown by half a millimetre: no file says more."""

    left_mm: float
    top_mm: float
    right_mm: float
    bottom_mm: float


class OverlayPad(Value):
    """A pad of a part. ``first`` marks pin 1, or A1 of a grid."""

    ref: str
    number: str
    net: str | None = None
    x_mm: float
    y_mm: float
    side: BoardSide
    first: bool = False


class OverlayPart(Value):
    """A part as it lies on the board."""

    ref: str
    value: str = ""
    place: BoardPlace
    box: BoardBox
    pads: tuple[OverlayPad, ...]


class OverlayNet(Value):
    """Where a net can be touched: its pads, and nails of the test bed."""

    name: str
    pads: tuple[OverlayPad, ...]
    touch: tuple[Touch, ...] = ()


class Overlay(Value):
    """What a page or the guide draws over a board: its edge, parts and nets. ``outline`` holds lines from x, y to x, y.

    ``without_place``: what was asked for, is in the design, and has no place in it.
    """

    source: str
    side: BoardSide
    board: BoardBox
    outline: tuple[tuple[float, float, float, float], ...]
    parts: tuple[OverlayPart, ...]
    nets: tuple[OverlayNet, ...] = ()
    without_place: tuple[str, ...] = ()


class BoardMeasurement(Value):
    """What to measure next: ``what`` in words, what a board without a fault shows, and what to mind before it.

    ``expected_bits`` is the doubt among the suspects that the reading is expected to remove.
    """

    quantity: BoardQuantity
    net: str
    other: str = ""
    what: str
    expected: str
    minutes: float = Field(ge=0)
    expected_bits: float = Field(ge=0)
    hazard: str = ""


class DesignDiagnosis(Value):
    """What readings on a board point at, likeliest first, and what to measure next; null where no reading tells more.

    Suspects of less than one in a hundred are left out. ``used`` counts the readings that said something, ``unused``
    has a sentence for each of the others.
    """

    suspects: tuple[BoardSuspect, ...]
    next_measurement: BoardMeasurement | None = None
    used: int = Field(default=0, ge=0)
    unused: tuple[str, ...] = ()
