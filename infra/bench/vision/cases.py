"""Boards and photos whose truth is known: drawn from a seed, at three levels of difficulty, with things lying on them.

Every board is drawn anew from the seed. Seeds in ``DEVELOPMENT`` are for setting limits, all others for scoring: no
limit in ``processors/vision`` was chosen by looking at a board, a photo or a figure of another seed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from connectors.images.decode import decode
from infra.demo.boards import to_jpeg
from infra.demo.boards_camera import Conditions, conditions, lay_on_bench, shoot
from infra.demo.boards_defects import DefectKind, draw_with_defects
from infra.demo.boards_draw import MARGIN, draw_board
from infra.demo.boards_layout import BoardModel, Layout, PartKind, layout
from processors.vision.frame import project

Picture = NDArray[Any]
Difficulty = Literal["easy", "medium", "hard"]
Say = Callable[[str], None]

DEVELOPMENT = range(9000, 10_000)
LEVELS: tuple[Difficulty, ...] = ("easy", "medium", "hard")
KINDS: tuple[DefectKind, ...] = ("missing_part", "bridge", "open", "residue", "corrosion", "burn", "scratch")

JPEG: dict[Difficulty, int] = {"easy": 92, "medium": 85, "hard": 70}
OCCLUDERS: dict[Difficulty, int] = {"easy": 0, "medium": 2, "hard": 5}

_MIX: tuple[tuple[PartKind, int, int], ...] = (
    ("qfp", 0, 2), ("can", 0, 7), ("inductor", 0, 3), ("soic", 1, 5), ("header", 1, 3), ("usb", 0, 2),
    ("crystal", 0, 2), ("diode", 0, 7), ("sot23", 2, 10), ("led", 0, 6), ("chip_c", 14, 28), ("chip_r", 16, 34),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A photo and what is truly in it. ``homography`` takes pixels of the golden picture to those of the photo."""

    picture: Picture
    homography: NDArray[Any]
    truths: tuple[tuple[DefectKind, tuple[float, float, float, float]], ...] = ()
    """Kind, and left, top, right, bottom in pixels of the photo."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A board (H, W, 3), its alpha (H, W), and for each defect its kind and the mask (H, W) of its pixels."""

    picture: Picture
    alpha: Picture
    painted: tuple[tuple[DefectKind, Picture], ...]


def draw_layout(rng: np.random.Generator) -> Layout:
    """Return a board that nobody has seen: size, colour, parts and tracks by chance."""
    mix = tuple((kind, int(rng.integers(low, high + 1))) for kind, low, high in _MIX)
    number = int(rng.integers(1000, 100_000))
    model = BoardModel(
        f"NZL-B{number}", float(rng.integers(72, 108)), float(rng.integers(52, 74)),
        str(rng.choice(["green", "blue", "black"])), mix, number,  # type: ignore[arg-type]  # one of its literals
    )  # fmt: skip
    return layout(model)


def draw_golden(board: Layout, width_px: int) -> Picture:
    """Return the golden picture (H, W, 3) as a camera on a copy stand and a JPEG file give it."""
    rng = np.random.default_rng((board.model.seed, 1))
    drawn, alpha = draw_board(board, width_px)
    picture, _ = shoot(drawn.picture, alpha, Conditions(blur_px=0.5, noise=1.2), rng)
    return reopened(picture, 92)


def conditions_of(level: Difficulty, rng: np.random.Generator) -> Conditions:
    """Return how one photo was taken. Easy: turned by 8 degrees at most, 2 % perspective, even light. Medium: 45
    degrees, 6 %, light from one side. Hard: 60 to 180 degrees, 12 %, blurred by up to 2.2 px, noise of up to 10 levels.
    """
    seen = conditions(level, rng)
    if level != "hard":
        return seen
    turn = float(rng.uniform(60, 180) * rng.choice([-1, 1]))
    return replace(seen, rotation_deg=turn, blur_px=rng.uniform(0.4, 2.2), noise=rng.uniform(2, 10))


def draw(
    board: Layout, width_px: int, rng: np.random.Generator | None = None, defects: tuple[DefectKind, ...] = ()
) -> Drawn:
    """Draw a board once, with these defects at places by chance; many photos may be taken of it."""
    if not defects or rng is None:
        canvas, alpha = draw_board(board, width_px)
        return Drawn(canvas.picture, alpha, ())
    canvas, alpha, painted = draw_with_defects(board, width_px, defects, rng)
    return Drawn(canvas.picture, alpha, tuple(painted))


def take(drawn: Drawn, level: Difficulty, rng: np.random.Generator, occluders: int = 0) -> Shot:
    """Return a photo of a drawn board, with so many things lying on it."""
    picture, warp = shoot(drawn.picture, drawn.alpha, conditions_of(level, rng), rng)
    cover(picture, occluders, rng)
    truths = tuple((kind, box) for kind, mask in drawn.painted if (box := _box(mask, warp)) is not None)
    return Shot(reopened(picture, JPEG[level]), warp, truths)


def cover(picture: Picture, count: int, rng: np.random.Generator) -> None:
    """Lay cables, screws and tools over a picture, in place."""
    height, width = picture.shape[:2]
    for _ in range(count):
        x, y = rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.85) * height
        turn, reach = rng.uniform(0, np.pi), rng.uniform(0.04, 0.14) * width
        thick = max(2, round(rng.uniform(0.012, 0.035) * width))
        dx, dy = np.cos(turn) * reach, np.sin(turn) * reach
        tone = rng.uniform(20, 230, 3)
        for share, light in ((1.0, 0.7), (0.7, 1.0), (0.25, 1.25)):
            colour = tuple(float(min(255, one * light)) for one in tone)
            ends = (round(x - dx), round(y - dy)), (round(x + dx), round(y + dy))
            cv2.line(picture, *ends, colour, max(1, round(thick * share)), cv2.LINE_AA)


def grid(board: Layout, golden: Picture) -> NDArray[Any]:
    """Return 12 x 12 points (144, 2) all over the board, in pixels of the golden picture."""
    height, width = golden.shape[:2]
    rim = width * (MARGIN / (1 + 2 * MARGIN) + 0.01)
    xs, ys = np.linspace(rim, width - 1 - rim, 12), np.linspace(rim, height - 1 - rim, 12)
    return np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)


def off_px(found: NDArray[Any], true: NDArray[Any], points: NDArray[Any]) -> float:
    """Return the root mean square distance of two homographies over points (N, 2), in pixels of the photo."""
    apart = project(found, points) - project(true, points)
    return float(np.sqrt(np.mean((apart**2).sum(1))))


def reopened(picture: Picture, quality: int) -> Picture:
    """Return the picture as it comes out of a JPEG file."""
    return decode(to_jpeg(picture, quality))


def boards(seed: int, purpose: int, count: int) -> Iterator[tuple[Layout, np.random.Generator]]:
    """Yield so many unseen boards of a seed, each with the chances of its photos; ``purpose`` keeps sections apart."""
    for number in range(count):
        rng = np.random.default_rng((seed, purpose, number))
        yield draw_layout(rng), rng


def bench_scene(rng: np.random.Generator, width_px: int, height_px: int) -> Picture:
    """Return a bench without a board: a mat, perhaps a page of print, perhaps some tools and cables."""
    scene = lay_on_bench(np.zeros((height_px, width_px, 3), np.uint8), np.zeros((height_px, width_px), np.uint8), rng)
    if rng.random() < 0.4:
        _page(scene, rng)
    cover(scene, int(rng.integers(0, 14)), rng)
    noisy = cv2.GaussianBlur(scene, (0, 0), 0.6).astype(np.float32) * float(rng.uniform(0.6, 1.3))
    return levels_of(noisy + rng.standard_normal(scene.shape, np.float32) * 2)


def levels_of(values: NDArray[Any]) -> Picture:
    """Return values as they fit into a picture: 0 to 255."""
    levels: Picture = np.clip(values, 0, 255).astype(np.uint8)
    return levels


def _page(scene: Picture, rng: np.random.Generator) -> None:
    """Lay a printed page on the bench."""
    height, width = scene.shape[:2]
    left, top = round(rng.uniform(0.05, 0.3) * width), round(rng.uniform(0.05, 0.3) * height)
    right, bottom = round(rng.uniform(0.65, 0.95) * width), round(rng.uniform(0.65, 0.95) * height)
    cv2.rectangle(scene, (left, top), (right, bottom), (222, 228, 230), -1)
    size = rng.uniform(0.5, 1.1)
    for y in range(top + 40, bottom - 20, round(34 * size)):
        words = " ".join("".join(rng.choice(list("etaoinshrdlu"), int(rng.integers(2, 10)))) for _ in range(14))
        fits = max(1, round((right - left - 60) / (19 * size)))
        cv2.putText(scene, words[:fits], (left + 30, y), cv2.FONT_HERSHEY_SIMPLEX, size, (60, 60, 60), 2, cv2.LINE_AA)


def _box(mask: Picture, warp: NDArray[Any]) -> tuple[float, float, float, float] | None:
    seen = cv2.warpPerspective(mask, warp, (mask.shape[1], mask.shape[0]), flags=cv2.INTER_NEAREST)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not rows.size:
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
