"""Where parts and nets lie on the board, for pages and the guide at the bench. Pure."""

from collections.abc import Iterable, Sequence

from processors.schematics.answers import no_net, no_part, placed
from processors.schematics.index import Index
from processors.schematics.model import Part, Pin, Place
from processors.schematics.places import points_to_touch
from schemas.design_answers import (
    BoardBox,
    BoardSide,
    Overlay,
    OverlayNet,
    OverlayPad,
    OverlayPart,
    Touch,
)

MARGIN_MM = 0.5
"""How far a body is taken to reach beyond the middles of its pads: boards and boardviews say no outline."""
_FIRST = ("1", "A1", "A", "K")


def overlay(
    index: Index, side: BoardSide = "both", refs: Sequence[str] = (), nets: Sequence[str] = ()
) -> Overlay:  # fmt: skip
    """Return the parts that are asked for, or all of a side when neither parts nor nets are, and the nets' pads.

    Raises:
        LookupError: there is no such part or net; its words name what is like it.
        ValueError: the design says not where anything is.
    """
    board = board_box(index)
    asked = [index.part(ref) or no_part(index, ref) for ref in refs]
    wanted = [index.net(net) or no_net(index, net) for net in nets]
    parts: Iterable[Part] = asked if refs or nets else index.parts.values()
    shown = [part for part in parts if part.place is not None and (refs or on_side(part.place, side))]
    return Overlay(
        source=index.design.source,
        side=side,
        board=board,
        outline=index.design.outline,
        parts=tuple(_part(index, part, part.place) for part in shown if part.place is not None),
        nets=tuple(_net(index, net.name) for net in wanted),
        without_place=tuple(part.ref for part in asked if part.place is None)
        + tuple(net.name for net in wanted if not _pads(index, net.name)),
    )


def on_side(place: Place, side: BoardSide) -> bool:
    """Say whether something shows on a side; what goes through shows on both."""
    return "both" in {side, place.side} or place.side == side


def board_box(index: Index) -> BoardBox:
    """Return the box round the board's edge, or round everything that has a place where no edge is drawn.

    Raises:
        ValueError: nothing has a place.
    """
    design = index.design
    points = [(x, y) for x1, y1, x2, y2 in design.outline for x, y in ((x1, y1), (x2, y2))]
    if not points:
        places = [part.place for part in design.parts] + [pin.place for part in design.parts for pin in part.pins]
        points = [(one.x_mm, one.y_mm) for one in places if one is not None]
        points += [(probe.place.x_mm, probe.place.y_mm) for probe in design.probes]
    if not points:
        raise ValueError(f"{design.source} does not say where anything is; give a board or a boardview beside it")
    return _box(points, 0.0 if design.outline else 2 * MARGIN_MM)


def part_box(part: Part, place: Place) -> BoardBox:
    """Return the box round the pads of a part."""
    points = [(pin.place.x_mm, pin.place.y_mm) for pin in part.pins if pin.place is not None]
    return _box(points or [(place.x_mm, place.y_mm)], MARGIN_MM)


def first_pin(part: Part) -> Pin | None:
    """Return pin 1 of a part, or A1; None where no pin is called so, which is no reason to take another."""
    numbers = {pin.number: pin for pin in part.pins if pin.place is not None}
    return next((numbers[one] for one in _FIRST if one in numbers), None)


def _box(points: Sequence[tuple[float, float]], margin: float) -> BoardBox:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return BoardBox(
        left_mm=round(min(xs) - margin, 4), top_mm=round(min(ys) - margin, 4),
        right_mm=round(max(xs) + margin, 4), bottom_mm=round(max(ys) + margin, 4),
    )  # fmt: skip


def _part(index: Index, part: Part, place: Place) -> OverlayPart:
    first = first_pin(part)
    pads = tuple(
        _pad(index, part.ref, pin, pin.place, pin is first) for pin in part.pins if pin.place is not None
    )  # fmt: skip
    shown = placed(place)
    assert shown is not None
    return OverlayPart(ref=part.ref, value=part.value, place=shown, box=part_box(part, place), pads=pads)


def _pad(index: Index, ref: str, pin: Pin, place: Place, first: bool) -> OverlayPad:
    return OverlayPad(
        ref=ref, number=pin.number, net=index.net_of.get((ref, pin.number)), x_mm=place.x_mm, y_mm=place.y_mm,
        side=place.side, first=first,
    )  # fmt: skip


def _pads(index: Index, net: str) -> tuple[OverlayPad, ...]:
    on_net = set(index.nets[net].pins)
    refs = dict.fromkeys(ref for ref, _ in index.nets[net].pins)
    parts = [index.parts[ref] for ref in refs if ref in index.parts]
    # Several pads may bear one number, as the corners of a shield do; each is a place to touch.
    return tuple(
        _pad(index, part.ref, pin, pin.place, pin is first_pin(part))
        for part in parts for pin in part.pins if pin.place is not None and (part.ref, pin.number) in on_net
    )  # fmt: skip


def _net(index: Index, net: str) -> OverlayNet:
    touch = tuple(Touch(name=one.name, place=placed(one.place)) for one in points_to_touch(index, net))
    return OverlayNet(name=net, pads=_pads(index, net), touch=touch)
