"""Parts that are missing, shifted, turned or wrong, on drawn boards whose places are known from a board file.

Places go through what the command does: the parts are laid over the golden picture by its outline; where that is
refused, by four points as a person would give them. A fault is found when a finding names its part.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.bench.vision.cases import JPEG, Difficulty, Drawn, Say, boards, draw_golden, take
from infra.demo.boards import to_jpeg
from infra.demo.boards_draw import MARGIN, Canvas, draw_board
from infra.demo.boards_layout import Layout, Part
from processors.vision.inspect import inspect
from processors.vision.parts.fit import CannotPlace, Fit, fit_outline, fit_points
from processors.vision.parts.placement import Placement
from processors.vision.parts.places import Places, placed, write_places
from processors.vision.references import Reference
from schemas.inspections import DefectKind, Finding

WIDTH_PX = 2300
KINDS: tuple[DefectKind, ...] = ("missing_part", "shifted_part", "rotated_part", "wrong_part")
_LEVELS: tuple[Difficulty, ...] = ("easy", "medium")
_PURPOSE = 21
_CHIPS = {1.6: "R_0603_1608Metric", 2.0: "R_0805_2012Metric", 3.2: "R_1206_3216Metric"}
_MARKED = frozenset({"soic", "qfp", "diode", "can", "led"})
_LOOSE = frozenset({"chip_r", "chip_c", "soic", "sot23", "diode", "inductor", "qfp"})
_APART_MM = 8.0
_NEAR_MM = 3.0
_CODES = ("103", "472", "220", "101", "334", "1002", "4R7")


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """A board that was drawn with faults, and for each fault its part and kind."""

    drawn: Drawn
    faults: tuple[tuple[Part, DefectKind], ...]


def run(seed: int, quick: bool, say: Say) -> dict[str, Any]:
    """Return components{recall, right_kind, false_per_board, by_kind, photos, not_compared, placed_by_outline}."""
    count, width = (1, 1600) if quick else (12, WIDTH_PX)
    hits: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    named: list[bool] = []
    photos = false = not_compared = by_outline = 0
    for number, (board, rng) in enumerate(boards(seed, _PURPOSE, count)):
        golden = to_jpeg(draw_golden(board, width), 92)
        places, outlined = places_of(board, golden, width)
        by_outline += outlined
        changed = change(board, width, rng)
        for level in _LEVELS:
            shot = take(changed.drawn, level, rng)
            reference = Reference(golden, name="front", places=write_places(places))
            result = inspect([to_jpeg(shot.picture, JPEG[level])], [reference]).photos[0]
            photos += 1
            not_compared += not result.compared
            for part, kind in changed.faults:
                told = [one.kind for one in result.findings if part.refdes in one.references]
                hits[kind].append(bool(told))
                named += [kind in told] if told else []
            false += sum(not _is_of(one, changed) for one in result.findings)
        say(f"components: board {number + 1} of {count}")
    every = [hit for kind in KINDS for hit in hits[kind]]
    return {
        "components": {
            "recall": _share(every), "right_kind": _share(named), "false_per_board": round(false / photos, 4),
            "by_kind": {kind: _share(hits[kind]) for kind in KINDS}, "photos": photos, "faults": len(every),
            "not_compared": not_compared, "placed_by_outline": f"{by_outline} of {count}",
        }
    }  # fmt: skip


def _share(hits: list[bool]) -> float:
    return round(sum(hits) / max(1, len(hits)), 4)


def _is_of(finding: Finding, changed: Changed) -> bool:
    if finding.x_mm is None or finding.y_mm is None:
        return False
    x, y = finding.x_mm, finding.y_mm
    return any(
        part.refdes in finding.references or np.hypot(part.x_mm - x, part.y_mm - y) < _NEAR_MM
        for part, _ in changed.faults
    )


def placements_of(board: Layout) -> tuple[Placement, ...]:
    """Return the places as a board file says them, with the boxes round pads."""
    found = []
    for part in board.parts:
        width, height = part.body_mm
        named = part.kind in {"chip_r", "chip_c", "led"}
        package = _CHIPS[width] if named else f"{part.kind.upper()}-{part.pins}_{width:.1f}x{height:.1f}mm"
        xs, ys = [pad.x_mm for pad in part.pads()], [pad.y_mm for pad in part.pads()]
        box = (min(xs), min(ys), max(xs), max(ys))
        value = part.marking if part.kind == "chip_r" else ""
        found.append(
            Placement(part.refdes, value, package, part.x_mm, part.y_mm, 270.0 if part.turned else 0.0, pads_mm=box)
        )
    # A header's pads lie beside its middle, as a plug's do; its body is known by its place.
    loose = {part.refdes for part in board.parts if part.kind in {"header", "usb", "sot23"}}
    return tuple(replace(one, pads_mm=None) if one.reference in loose else one for one in found)


def places_of(board: Layout, golden: bytes, width_px: int) -> tuple[Places, bool]:
    """Return the places of a drawn board in its golden picture, and whether the outline was enough."""
    picture = cv2.imdecode(np.frombuffer(golden, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "a picture of our own can be decoded"
    parts = placed(placements_of(board), "top")
    pads = np.array([(pad.x_mm, pad.y_mm) for part in board.parts for pad in part.pads()])
    outlined = True
    try:
        fit = fit_outline(picture, parts, pads, (0, 0, board.model.width_mm, board.model.height_mm), "top")
    except CannotPlace:
        fit, outlined = _pointed(board, width_px), False
    map_of = tuple(float(one) for one in fit.to_picture.ravel())
    how = "outline" if outlined else "points"
    return Places("top", "drawn", sha256(golden).hexdigest(), map_of, how, fit.off_mm, parts), outlined  # type: ignore[arg-type]  # nine numbers, one of two words


def _pointed(board: Layout, width_px: int) -> Fit:
    """Four parts far apart, each touched to a pixel."""
    scale, margin = width_px / (board.model.width_mm * (1 + 2 * MARGIN)), width_px * MARGIN / (1 + 2 * MARGIN)
    chosen = [max(board.parts, key=lambda part: sx * part.x_mm + sy * part.y_mm) for sx in (-1, 1) for sy in (-1, 1)]
    return fit_points(
        [(p.x_mm, p.y_mm, round(p.x_mm * scale + margin), round(p.y_mm * scale + margin)) for p in chosen], "top"
    )


def change(board: Layout, width_px: int, rng: np.random.Generator) -> Changed:
    """Draw a board with one fault of each kind, apart from each other where there is room.

    Not more: when parts in three places and more stand beside their own, another photo is asked for.
    """
    faults: list[tuple[Part, DefectKind]] = []
    for kind in KINDS:
        part = _choose(board, kind, [one for one, _ in faults], rng)
        if part is not None:
            faults.append((part, kind))
    sound, _ = draw_board(board, width_px)
    off = frozenset(part.refdes for part, _ in faults if not _keeps(part, kind_of(faults, part)))
    canvas, alpha = draw_board(board, width_px, off)
    others = {part.refdes: other(part, rng) for part, kind in faults if kind == "wrong_part"}
    swapped, _ = draw_board(replace(board, parts=tuple(others.get(p.refdes, p) for p in board.parts)), width_px)
    for part, kind in faults:
        if kind != "missing_part":
            _lay(canvas, swapped if kind == "wrong_part" else sound, part, kind, rng)
    return Changed(Drawn(canvas.picture, alpha, ()), tuple(faults))


def kind_of(faults: list[tuple[Part, DefectKind]], part: Part) -> DefectKind:
    """Return the fault of a part."""
    return next(kind for one, kind in faults if one is part)


def _keeps(part: Part, kind: DefectKind) -> bool:
    """A part that stands the wrong way round is soldered like a right one."""
    return kind == "rotated_part" and part.kind in _MARKED


def other(part: Part, rng: np.random.Generator) -> Part:
    """Return the wrong part: a capacitor for a resistor and the other way round, or another code."""
    if part.kind == "chip_r" and part.body_mm[0] >= 2 and rng.random() < 0.5:
        return replace(part, marking=str(rng.choice([code for code in _CODES if code != part.marking])))
    return replace(part, kind="chip_c" if part.kind == "chip_r" else "chip_r", marking="103")


def _choose(board: Layout, kind: DefectKind, taken: list[Part], rng: np.random.Generator) -> Part | None:
    kinds = {"rotated_part": _MARKED | {"chip_r"}, "wrong_part": frozenset({"chip_r", "chip_c"})}.get(kind, _LOOSE)
    for at in rng.permutation(len(board.parts)):
        part = board.parts[int(at)]
        clear = all(abs(part.x_mm - one.x_mm) + abs(part.y_mm - one.y_mm) > _APART_MM for one in taken)
        if part.kind in kinds and clear:
            return part
    return None


def _lay(canvas: Canvas, source: Canvas, part: Part, kind: DefectKind, rng: np.random.Generator) -> None:
    """Lay a body, cut out of another drawing, on the board: beside its place, turned, or as it is."""
    turn, shift_mm = 0.0, np.zeros(2)
    if kind == "rotated_part":
        turn = 180.0 if part.kind in _MARKED else float(rng.uniform(20, 40) * rng.choice([-1, 1]))
    if kind == "shifted_part":
        way = rng.uniform(0, 2 * np.pi)
        shift_mm = np.array((np.cos(way), np.sin(way))) * rng.uniform(0.45, 0.9)
    scale = source.scale_px_per_mm
    middle = np.array(source.px(part.x_mm, part.y_mm))
    width, height = np.array(part.size(*part.body_mm)) * scale / 2
    corners = middle + np.array([(-width, -height), (width, -height), (width, height), (-width, height)])
    cover: NDArray[Any] = np.zeros(source.picture.shape[:2], np.uint8)
    cv2.fillPoly(cover, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), turn, 1.0)
    matrix = matrix + np.column_stack([np.zeros((2, 2)), shift_mm * scale])
    size = source.picture.shape[1], source.picture.shape[0]
    moved = cv2.warpAffine(source.picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(cover, matrix, size, flags=cv2.INTER_LINEAR)[..., None].astype(np.float32) / 255
    canvas.picture[:] = (canvas.picture * (1 - share) + moved * share + 0.5).astype(np.uint8)
