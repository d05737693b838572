"""A side of a board as SVG, one part or net standing out. Pure.

The bottom is drawn as it is seen when the board is turned over like a page: mirrored from left to right. Everything
that comes out of a file is escaped. Each part is a group with ``data-ref``, each pad has ``data-net``, for pages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from processors.schematics.answers import no_net, no_part
from processors.schematics.index import Index
from processors.schematics.model import Part, Place
from processors.schematics.overlay import board_box, first_pin, on_side, part_box
from processors.schematics.places import points_to_touch
from schemas.design_answers import BoardBox

DrawnSide = Literal["top", "bottom"]
_BORDER_MM = 3.0
_ACROSS = 500
"""Strokes and letters are measured in so many parts of the longer edge, so that all boards look alike."""
_PIXELS = 1_000
"""How wide or high a drawing is at first; it may be enlarged."""
_INK = "#333"
_BODY = 'fill="#d5d8dc" stroke="#7b8794"'
_BODY_OUT = 'fill="#ffd54a" stroke="#b00020"'
_PAD = 'fill="#a9895a"'
_PAD_LIT = 'fill="#d3174f" stroke="#7a0010"'
"""Attributes and no style sheet: a page's policy may forbid those, and a drawing is to look alike everywhere."""


@dataclass(frozen=True, slots=True)
class _View:
    """One side: where a point of the board is drawn, and how large strokes and letters are."""

    box: BoardBox
    side: DrawnSide
    unit: float

    def at(self, x_mm: float, y_mm: float) -> tuple[str, str]:
        x = x_mm if self.side == "top" else self.box.left_mm + self.box.right_mm - x_mm
        return f"{x:.3f}", f"{y_mm:.3f}"


def board_svg(index: Index, side: DrawnSide = "top", ref: str = "", net: str = "") -> str:
    """Return a drawing of a side; ``ref`` and ``net`` stand out where they are given, the rest is paler then.

    Raises:
        LookupError: there is no such part or net.
        ValueError: the design says not where anything is.
    """
    box = board_box(index)
    part = (index.part(ref) or no_part(index, ref)) if ref else None
    name = (index.net(net) or no_net(index, net)).name if net else ""
    width, height = box.right_mm - box.left_mm, box.bottom_mm - box.top_mm
    view = _View(box, side, max(max(width, height) / _ACROSS, 0.02))
    line = 12 * view.unit
    legend = list(_legend(index, view, part, name))
    left, top = box.left_mm - _BORDER_MM, box.top_mm - _BORDER_MM
    whole = (width + 2 * _BORDER_MM, height + 2 * _BORDER_MM + line * len(legend))
    scale = _PIXELS / max(whole)
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.3f} {top:.3f} {whole[0]:.3f} {whole[1]:.3f}" ',
            f'width="{whole[0] * scale:.0f}" height="{whole[1] * scale:.0f}" data-side="{side}" ',
            f'font-family="sans-serif" fill="{_INK}">',
            f'<rect x="{left:.3f}" y="{top:.3f}" width="{whole[0]:.3f}" height="{whole[1]:.3f}" fill="#fff"/>',
            *_board(index, view),
            *_parts(index, view, part, name),
            *_nails(index, view, name),
            *(
                f'<text x="{box.left_mm:.3f}" y="{box.bottom_mm + _BORDER_MM + line * (row + 0.4):.3f}" '
                f'font-size="{9 * view.unit:.3f}">{escape(text)}</text>'
                for row, text in enumerate(legend)
            ),
            "</svg>",
        )
    )


def _board(index: Index, view: _View) -> Iterator[str]:
    box = view.box
    yield (
        f'<rect class="board" fill="#f3efe2" x="{box.left_mm:.3f}" y="{box.top_mm:.3f}" '
        f'width="{box.right_mm - box.left_mm:.3f}" height="{box.bottom_mm - box.top_mm:.3f}"/>'
    )
    lines = []
    for x1, y1, x2, y2 in index.design.outline:
        (a, b), (c, d) = view.at(x1, y1), view.at(x2, y2)
        lines.append(f"M{a} {b}L{c} {d}")
    if lines:
        yield (
            '<path class="edge" fill="none" stroke="#222" stroke-linecap="round" '
            f'stroke-width="{view.unit:.3f}" d="{"".join(lines)}"/>'
        )


def _parts(index: Index, view: _View, out: Part | None, net: str) -> Iterator[str]:
    """Yield the parts of the side, what stands out last, so that nothing lies over it."""
    quiet = out is not None or bool(net)
    on_net = {ref for ref, _ in index.nets[net].pins} if net else set()
    shown = [(part, part.place) for part in index.parts.values() if part.place and on_side(part.place, view.side)]
    ordered = sorted(shown, key=lambda one: (one[0] is out, one[0].ref in on_net))
    for part, place in ordered:
        kind = "part out" if part is out else "part quiet" if quiet and part.ref not in on_net else "part"
        yield from _drawn(index, view, part, place, kind, net)


def _drawn(index: Index, view: _View, part: Part, place: Place, kind: str, net: str) -> Iterator[str]:
    box = part_box(part, place)
    (one, y), (other, _) = view.at(box.left_mm, box.top_mm), view.at(box.right_mm, box.top_mm)
    x = min(float(one), float(other))
    width, height = box.right_mm - box.left_mm, box.bottom_mm - box.top_mm
    said = " ".join(filter(None, (part.ref, part.value, part.description)))
    pale = ' opacity=".55"' if "quiet" in kind else ""
    yield f'<g class="{kind}"{pale} data-ref="{escape(part.ref)}"><title>{escape(said)}</title>'
    yield (
        f'<rect class="body" {_BODY_OUT if "out" in kind else _BODY} x="{x:.3f}" y="{y}" '
        f'width="{width:.3f}" height="{height:.3f}" stroke-width="{view.unit * (1.6 if "out" in kind else 0.5):.3f}"/>'
    )
    first = first_pin(part)
    for pin in part.pins:
        if pin.place is None or not on_side(pin.place, view.side):
            continue
        cx, cy = view.at(pin.place.x_mm, pin.place.y_mm)
        on = index.net_of.get((part.ref, pin.number), "")
        lit = bool(net) and on == net
        radius = max(2.4 * view.unit, 0.35) if lit else min(max(view.unit, 0.12), 0.4)
        yield (
            f'<circle class="pad{" net" if lit else ""}" {_PAD_LIT if lit else _PAD} cx="{cx}" cy="{cy}" '
            f'r="{radius:.3f}" stroke-width="{0.5 * view.unit:.3f}" '
            f'data-pin="{escape(pin.number)}" data-net="{escape(on)}"/>'
        )
        if pin is first and "out" in kind:
            yield (
                f'<circle class="first" fill="none" stroke="#0b57d0" cx="{cx}" cy="{cy}" '
                f'r="{radius + 1.6 * view.unit:.3f}" stroke-width="{1.2 * view.unit:.3f}"/>'
            )
    yield from _name(view, part, x + width / 2, box, out="out" in kind)
    yield "</g>"


def _name(view: _View, part: Part, middle: float, box: BoardBox, *, out: bool) -> Iterator[str]:
    """Write the reference where it fits into the body, upright or on its side; what stands out is always named."""
    width, height = box.right_mm - box.left_mm, box.bottom_mm - box.top_mm
    along, across = max(width, height), min(width, height)
    size = min(across * 0.6, along / (0.62 * max(len(part.ref), 1)), 11 * view.unit)
    if out:
        size = max(size, 7 * view.unit)
    elif size < 1.6 * view.unit:
        return
    y = (box.top_mm + box.bottom_mm) / 2
    strong = ' font-weight="bold" fill="#7a0010"' if out else ""
    turn = f' transform="rotate(-90 {middle:.3f} {y:.3f})"' if height > 1.3 * width and not out else ""
    yield (
        f'<text class="name" text-anchor="middle"{strong} x="{middle:.3f}" y="{y + size * 0.35:.3f}" '
        f'font-size="{size:.3f}"{turn}>{escape(part.ref)}</text>'
    )


def _nails(index: Index, view: _View, net: str) -> Iterator[str]:
    for probe in index.design.probes if net else ():
        if probe.net == net and on_side(probe.place, view.side):
            cx, cy = view.at(probe.place.x_mm, probe.place.y_mm)
            yield (
                f'<circle class="nail" fill="none" stroke="#d3174f" cx="{cx}" cy="{cy}" r="{3.4 * view.unit:.3f}" '
                f'stroke-width="{view.unit:.3f}"><title>{escape(probe.name)}</title></circle>'
            )


def _legend(index: Index, view: _View, part: Part | None, net: str) -> Iterator[str]:
    turned = "" if view.side == "top" else ", turned over like a page"
    yield f"{index.design.source}: {view.side}{turned}"
    if part is not None:
        yield _about_part(view, part)
    if net:
        yield _about_net(index, view, net)


def _about_part(view: _View, part: Part) -> str:
    said = " ".join(filter(None, (part.ref, part.value)))
    if part.place is None:
        return f"{said}: the board does not say where it is"
    if not on_side(part.place, view.side):
        return f"{said} is on the other side"
    pin = ", pin 1 ringed" if first_pin(part) is not None else ", no pin is called 1"
    return f"{said} at {part.place.x_mm:.1f}, {part.place.y_mm:.1f} mm{pin}"


def _about_net(index: Index, view: _View, net: str) -> str:
    pads = [index.pins[one].place for one in index.nets[net].pins if one in index.pins]
    here = _on(pads, view.side)
    points = [one.name for one in points_to_touch(index, net) if one.place and on_side(one.place, view.side)]
    touch = f"; touch it at {', '.join(points[:6])}" if points else ""
    return f"net {net}: {here} of {len(index.nets[net].pins)} pads on this side{touch}"


def _on(places: Sequence[Place | None], side: DrawnSide) -> int:
    return sum(place is not None and on_side(place, side) for place in places)
