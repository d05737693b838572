"""Faults painted onto a made-up board, each with the mask of the pixels it changed."""

from itertools import pairwise
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.demo.boards_draw import Canvas, draw_board
from infra.demo.boards_layout import Layout, Pad, Part

DefectKind = Literal["missing_part", "bridge", "open", "residue", "corrosion", "burn", "scratch"]
Mask = NDArray[Any]

_REMOVABLE = frozenset({"chip_r", "chip_c", "soic", "sot23", "diode", "can", "inductor", "led", "crystal", "qfp"})


def draw_with_defects(
    layout: Layout, width_px: int, defects: tuple[DefectKind, ...], rng: np.random.Generator
) -> tuple[Canvas, Mask, list[tuple[DefectKind, Mask]]]:
    """Draw a board with these defects, clear of each other where there is room.

    Returns:
        Canvas, alpha of the board, and for each defect its kind and the mask (H, W) of its pixels (0 or 255).
    """
    taken: list[tuple[float, float]] = []
    lost = [_removed(layout, taken, rng) for kind in defects if kind == "missing_part"]
    canvas, alpha = draw_board(layout, width_px, frozenset(part.refdes for part in lost))
    found: list[tuple[DefectKind, Mask]] = [("missing_part", _body_mask(canvas, part)) for part in lost]
    for kind in (kind for kind in defects if kind != "missing_part"):
        before = canvas.picture.copy()
        if _PAINT[kind](canvas, layout, taken, rng):
            blue, green, red = cv2.split(cv2.absdiff(before, canvas.picture))
            changed = cv2.max(cv2.max(blue, green), red)
            found.append((kind, np.where(changed > 10, 255, 0).astype(np.uint8)))
    return canvas, alpha, found


def _far(x: float, y: float, taken: list[tuple[float, float]], reach_mm: float = 9) -> bool:
    return all(abs(x - a) + abs(y - b) > reach_mm for a, b in taken)


def _removed(layout: Layout, taken: list[tuple[float, float]], rng: np.random.Generator) -> Part:
    parts = [part for part in layout.parts if part.kind in _REMOVABLE]
    order = [parts[int(i)] for i in rng.permutation(len(parts))]
    part = next((part for part in order if _far(part.x_mm, part.y_mm, taken)), order[0])
    taken.append((part.x_mm, part.y_mm))
    return part


def _body_mask(canvas: Canvas, part: Part) -> Mask:
    mask = np.zeros(canvas.picture.shape[:2], np.uint8)
    w, h = part.size(*part.body_mm)
    x0, y0 = canvas.px(part.x_mm - w / 2, part.y_mm - h / 2)
    x1, y1 = canvas.px(part.x_mm + w / 2, part.y_mm + h / 2)
    cv2.rectangle(mask, (round(x0), round(y0)), (round(x1), round(y1)), 255, -1)
    return mask


def _bridge(canvas: Canvas, layout: Layout, taken: list[tuple[float, float]], rng: np.random.Generator) -> bool:
    """A blob of solder from one pad to its neighbour."""
    pairs = [pair for part in layout.parts if part.kind in {"soic", "qfp", "sot23"} for pair in _neighbours(part)]
    pairs += [
        (Pad(*a, 1.6, 1.6), Pad(*b, 1.6, 1.6))
        for a, b in pairwise(layout.joints_mm)
        if abs(a[0] - b[0]) + abs(a[1] - b[1]) < 3
    ]
    for i in rng.permutation(len(pairs)):
        a, b = pairs[int(i)]
        x, y = (a.x_mm + b.x_mm) / 2, (a.y_mm + b.y_mm) / 2
        if not _far(x, y, taken):
            continue
        taken.append((x, y))
        across_x = abs(a.x_mm - b.x_mm) > abs(a.y_mm - b.y_mm)
        pitch = abs(a.x_mm - b.x_mm) + abs(a.y_mm - b.y_mm)
        thick = (a.height_mm if across_x else a.width_mm) * rng.uniform(0.3, 0.55)
        points = _wobble(x, y, (pitch * 0.62, thick) if across_x else (thick, pitch * 0.62), rng)
        canvas.polygon(points, (160, 166, 168))
        canvas.polygon([(x + (px - x) * 0.72, y + (py - y) * 0.66) for px, py in points], (200, 206, 208))
        canvas.disc(x - 0.1, y - thick * 0.2, thick * 0.2, (240, 243, 244))
        return True
    return False


def _neighbours(part: Part) -> list[tuple[Pad, Pad]]:
    pads = part.pads()
    return [
        (a, b)
        for a, b in pairwise(pads)
        if abs(a.x_mm - b.x_mm) + abs(a.y_mm - b.y_mm) < part.pitch_mm * 1.1 and a.width_mm == b.width_mm
    ]


def _wobble(x: float, y: float, half_mm: tuple[float, float], rng: np.random.Generator) -> list[tuple[float, float]]:
    turns = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    reach = rng.uniform(0.85, 1.12, 14)
    return [(x + half_mm[0] * r * np.cos(t), y + half_mm[1] * r * np.sin(t)) for t, r in zip(turns, reach, strict=True)]


def _open(canvas: Canvas, layout: Layout, taken: list[tuple[float, float]], rng: np.random.Generator) -> bool:
    """A cut through a track, down to the laminate."""
    spots = [
        (trace.width_mm, a, b)
        for trace in layout.traces
        for a, b in pairwise(trace.points_mm)
        if np.hypot(b[0] - a[0], b[1] - a[1]) > 2.5
    ]
    for i in rng.permutation(len(spots)):
        width, a, b = spots[int(i)]
        share = rng.uniform(0.35, 0.65)
        x, y = a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
        if not _far(x, y, taken) or _under_part(x, y, layout):
            continue
        taken.append((x, y))
        length = float(np.hypot(b[0] - a[0], b[1] - a[1]))
        ux, uy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
        half, reach = rng.uniform(0.4, 0.8), width * 0.5 + 0.22
        corners = [(-half, -reach), (half, -reach), (half, reach), (-half, reach)]
        points = [(x + ux * p - uy * q, y + uy * p + ux * q) for p, q in corners]
        canvas.polygon(points, (104, 146, 158))
        canvas.polygon([(x + (px - x) * 0.7, y + (py - y) * 0.7) for px, py in points], (70, 104, 116))
        return True
    return False


def _under_part(x: float, y: float, layout: Layout) -> bool:
    for part in layout.parts:
        left, top, right, bottom = part.outline()
        if left - 1 < x < right + 1 and top - 1.8 < y < bottom + 1:
            return True
    return False


def _stain(
    canvas: Canvas, layout: Layout, taken: list[tuple[float, float]], rng: np.random.Generator, radius_mm: float
) -> NDArray[Any] | None:
    """Choose a clear spot and return a ragged stain there, 0 to 1, or None without room."""
    for _ in range(200):
        x = rng.uniform(6, layout.model.width_mm - 6)
        y = rng.uniform(6, layout.model.height_mm - 6)
        if _far(x, y, taken, 7 + radius_mm):
            break
    else:
        return None
    taken.append((x, y))
    shape = canvas.picture.shape[:2]
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    cx, cy = canvas.px(x, y)
    away = np.hypot(xs - np.float32(cx), (ys - np.float32(cy)) * np.float32(rng.uniform(0.8, 1.3)))
    away /= np.float32(radius_mm * canvas.scale_px_per_mm)
    ragged = np.zeros(shape, np.float32)
    for size_mm, strength in ((radius_mm * 0.6, 0.22), (radius_mm * 0.2, 0.12)):
        size = max(2.0, size_mm * canvas.scale_px_per_mm)
        small = rng.standard_normal((max(2, round(shape[0] / size)), max(2, round(shape[1] / size)))).astype(np.float32)
        ragged += cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC) * np.float32(strength)
    stain: NDArray[Any] = np.clip((1 - away + ragged) * 2.6, 0, 1).astype(np.float32)
    return stain


def _blend(canvas: Canvas, alpha: NDArray[Any], colour: tuple[float, float, float], grain: float) -> None:
    noise = canvas.rng.standard_normal(alpha.shape).astype(np.float32) * np.float32(grain)
    paint = np.array(colour, np.float32) + cv2.GaussianBlur(noise, (0, 0), 1.2)[..., None] * 2
    cover = alpha[..., None]
    canvas.picture[:] = np.clip(canvas.picture * (1 - cover) + paint * cover, 0, 255).astype(np.uint8)


def _residue(canvas: Canvas, layout: Layout, taken: list[tuple[float, float]], rng: np.random.Generator) -> bool:
    """Dried flux or liquid: a white or green film that lets the board shine through."""
    stain = _stain(canvas, layout, taken, rng, rng.uniform(2.0, 4.5))
    if stain is None:
        return False
    white = rng.random() < 0.5
    colour = (214, 222, 224) if white else (150, 186, 84)
    _blend(canvas, stain * np.float32(rng.uniform(0.45, 0.8)), colour, 10)
    return True


def _corrosion(canvas: Canvas, layout: Layout, taken: list[tuple[float, float]], rng: np.random.Generator) -> bool:
    """Rust: a brown-red crust."""
    stain = _stain(canvas, layout, taken, rng, rng.uniform(1.8, 3.6))
    if stain is None:
        return False
    _blend(canvas, stain * np.float32(rng.uniform(0.6, 0.85)), (34, 78, 156), 14)
    return True


def _burn(canvas: Canvas, layout: Layout, taken: list[tuple[float, float]], rng: np.random.Generator) -> bool:
    """Scorched mask: a brown halo with a black heart."""
    stain = _stain(canvas, layout, taken, rng, rng.uniform(2.2, 4.8))
    if stain is None:
        return False
    _blend(canvas, stain * np.float32(0.7), (20, 34, 52), 4)
    _blend(canvas, np.clip(stain * 2 - 1, 0, 1) * np.float32(0.85), (12, 14, 16), 4)
    return True


def _scratch(canvas: Canvas, layout: Layout, taken: list[tuple[float, float]], rng: np.random.Generator) -> bool:
    """A long thin line down to copper or laminate."""
    for _ in range(200):
        x, y = rng.uniform(12, layout.model.width_mm - 12), rng.uniform(10, layout.model.height_mm - 10)
        if _far(x, y, taken, 16):
            break
    else:
        return False
    taken.append((x, y))
    turn, half = rng.uniform(0, np.pi), rng.uniform(4.5, 8)
    steps = np.linspace(-half, half, 7)
    bend = rng.uniform(-0.012, 0.012)
    points = [
        (x + s * np.cos(turn) - bend * s * s * np.sin(turn), y + s * np.sin(turn) + bend * s * s * np.cos(turn))
        for s in steps
    ]
    canvas.line(points, 0.22, (140, 186, 200))
    return True


_PAINT = {
    "bridge": _bridge, "open": _open, "residue": _residue, "corrosion": _corrosion, "burn": _burn, "scratch": _scratch,
}  # fmt: skip
