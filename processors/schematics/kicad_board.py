"""A KiCad board, version 5 to 10: footprints with their pads, nets and places, and the edge of the board.

Only footprints and the few lines of the edge are looked at. Tracks, zones and fills are most of a large file and are
never taken apart: a footprint is found by its opening word and ends where its parentheses close, however it is
indented.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from math import cos, hypot, pi, radians, sin

from processors.schematics.errors import DesignError
from processors.schematics.model import Design, Line, Part, Pin, Place, Side
from processors.schematics.nets import NetTable
from processors.schematics.numbers import finite
from processors.schematics.sexpr import Node, child, children, first, head, value, word
from processors.schematics.text import check_size

_OPENING = re.compile(rb"\((?:footprint|module)\s+[^\s()\\]|\(gr_(?:line|arc|rect|circle|poly)\b")
_TRACK = re.compile(rb"\((?:segment|via|zone|arc)\b")
"""What most likely follows the last footprint of many: where to look no further at first."""
_VAIN_BYTES = 1 << 24
_FIRST_TRY_BYTES = 1 << 16
_SLIP = (b")filter_ratio", b")(filter_ratio")
"""KiCad 9 forgets this parenthesis when it writes teardrops, and reads its own file none the less."""
_DRAWING = re.compile(
    rb"\((?:fp_(?:line|arc|circle|rect)|effects|stroke)\b"
    rb"(?:\s*\((?:start|mid|end|center|stroke|layer|uuid|tstamp|width|fill|type|font|justify|hide)\b"
    rb"[^()]*+(?:\([^()]*+\)[^()]*+)*+\))*+\s*\)"
)
"""Lines of a footprint's drawing and looks of its texts: most of a footprint, dropped before it is taken apart. What
does not look exactly like this stays and costs time alone."""
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_ARC_STEPS = 8


def read_kicad_board(name: str, content: bytes) -> Design:
    """Return the parts, pads and nets of a ``.kicad_pcb`` file.

    Raises:
        DesignError: it is no such file, is cut off, or a footprint cannot be read; names the line.
    """
    check_size(content, name)
    if not re.match(rb"(?:\xef\xbb\xbf)?\s*\(kicad_pcb\b", content):
        raise DesignError(name, 1, "no KiCad board begins here; name the .kicad_pcb file")
    if _is_cut_off(content):
        line = content.rstrip().count(b"\n") + 1
        raise DesignError(name, line, "the file ends in the middle: it is cut off, fetch it again")
    parts: list[Part] = []
    edge: list[Line] = []
    nets = NetTable()
    for offset, block in _blocks(name, content):
        try:
            if child(block, "layer") is None:
                continue  # a word in a text
            if head(block) in {"footprint", "module"}:
                parts.append(_footprint(block, nets))
            elif "Edge.Cuts" in (child(block, "layer") or []):
                edge.extend(_edge(block))
        except (ValueError, IndexError, OverflowError) as error:
            what = f"this {head(block)} cannot be read ({error}); save the board anew in KiCad"
            raise DesignError(name, _line(content, offset), what) from error
    return nets.design(name, "kicad_pcb", parts, edge)


def _is_cut_off(content: bytes) -> bool:
    """Say whether more parentheses open than close. What texts hold counts only where the plain count is not even."""
    slips = content.count(_SLIP[0])
    if content.count(b"(") == content.count(b")") - slips:
        return False
    bare = _TEXT.sub(b"", content)
    return bare.count(b"(") > bare.count(b")") - slips or b'"' in bare


def _line(content: bytes, offset: int) -> int:
    return content.count(b"\n", 0, offset) + 1


def _blocks(name: str, content: bytes) -> Iterator[tuple[int, Node]]:
    """Yield every footprint and drawn line of the board, with the offset at which it begins."""
    starts = [found.start() for found in _OPENING.finditer(content)]
    # Openings inside texts are looked at in vain. There are few; a file of nothing else is no board.
    patience = 4 * len(content) + _VAIN_BYTES
    for start, following in pairwise([*starts, len(content)]):
        stop = min(following, start + _FIRST_TRY_BYTES)
        track = _TRACK.search(content, start, stop)
        stop = track.start() if track is not None else stop
        while True:
            chunk = content[start:stop]
            if chunk.startswith(b"(gr_") and b"Edge.Cuts" not in chunk:
                break
            try:
                block = first(_DRAWING.sub(b"", chunk.replace(*_SLIP)).decode("utf-8", "replace"))
            except ValueError as error:
                raise DesignError(name, _line(content, start), str(error)) from error
            if block is not None:
                yield start, block
                break
            patience -= stop - start
            if stop >= len(content) or patience < 0:
                what = "what begins here never ends: the file is cut off, fetch it again"
                raise DesignError(name, _line(content, start), what)
            # A large one, or one with the opening word in a text of its own: look further.
            stop = min(len(content), start + 4 * max(stop - start, _FIRST_TRY_BYTES))


def _footprint(block: Node, nets: NetTable) -> Part:
    fields = {word(one): word(one, 2) for one in children(block, "property")}
    # Before version 8 the reference and the value were texts of the drawing.
    fields |= {word(one).capitalize(): word(one, 2) for one in children(block, "fp_text") if word(one) != "user"}
    ref = fields.pop("Reference", "")
    at = child(block, "at") or []
    x, y = finite(at[1]), finite(at[2])
    degrees = finite(at[3]) if len(at) > 3 else 0.0
    side: Side = "bottom" if value(block, "layer") == "B.Cu" else "top"
    turn = (cos(radians(degrees)), sin(radians(degrees)))
    pins = tuple(_pad(pad, ref, (x, y), turn, nets) for pad in children(block, "pad"))
    return Part(
        ref, fields.pop("Value", ""), word(block), "", fields.pop("Description", "") or value(block, "descr"),
        fields.pop("Datasheet", ""), fields, value(block, "sheetname"), Place(x, y, side, degrees),
        "dnp" not in (child(block, "attr") or []), pins,
    )  # fmt: skip


def _pad(pad: Node, ref: str, origin: tuple[float, float], turn: tuple[float, float], nets: NetTable) -> Pin:
    at = child(pad, "at") or []
    x, y = finite(at[1]), finite(at[2])
    net = child(pad, "net")
    # Before version 10 a number stood before the name.
    nets.add(word(net, len(net) - 1) if net is not None else "", ref, word(pad))
    layers = child(pad, "layers") or []
    through = word(pad, 2) in {"thru_hole", "np_thru_hole"} or "*.Cu" in layers
    side: Side = "both" if through else "bottom" if "B.Cu" in layers else "top"
    place = Place(
        round(origin[0] + x * turn[0] + y * turn[1], 6), round(origin[1] - x * turn[1] + y * turn[0], 6), side,
        finite(at[3]) if len(at) > 3 else 0.0,
    )  # fmt: skip
    return Pin(word(pad), value(pad, "pinfunction"), value(pad, "pintype"), place)


def _edge(block: Node) -> Iterator[Line]:
    """Yield the lines of what is drawn; round shapes in short pieces."""
    kind = head(block)
    if kind == "gr_poly":
        points = [_xy(one) for one in children(child(block, "pts") or [], "xy")]
        yield from ((*one, *other) for one, other in zip(points, [*points[1:], *points[:1]], strict=True))
        return
    named = {name: _xy(found) for name in ("start", "mid", "end", "center") if (found := child(block, name))}
    if kind == "gr_rect":
        (x1, y1), (x2, y2) = named["start"], named["end"]
        yield from ((x1, y1, x2, y1), (x2, y1, x2, y2), (x2, y2, x1, y2), (x1, y2, x1, y1))
    elif kind == "gr_circle":
        (x, y), (px, py) = named["center"], named["end"]
        radius = hypot(px - x, py - y)
        corners = [2 * pi * step / (4 * _ARC_STEPS) for step in range(4 * _ARC_STEPS + 1)]
        points = [(x + radius * cos(angle), y + radius * sin(angle)) for angle in corners]
        yield from ((*one, *other) for one, other in pairwise(points))
    elif "start" in named and "end" in named:
        points = [named["start"], *([named["mid"]] if "mid" in named else []), named["end"]]
        yield from ((*one, *other) for one, other in pairwise(points))


def _xy(node: Node) -> tuple[float, float]:
    return finite(node[1]), finite(node[2])
