"""Pictures of made-up boards: golden pictures, photos of sound and of faulty boards, and spoilt photos.

Everything is drawn from a board's name and a seed, so the same call gives the same pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.demo.boards_camera import Conditions, Degradation, Level, conditions, degrade, lay_on_bench, shoot
from infra.demo.boards_defects import DefectKind, draw_with_defects
from infra.demo.boards_draw import draw_board
from infra.demo.boards_layout import BOARDS, Layout, Side, board_model, layout

__all__ = [
    "BOARD_NAMES", "Conditions", "DefectKind", "Degradation", "Level", "Photo", "Truth", "conditions", "degrade",
    "golden", "photo", "to_jpeg",
]  # fmt: skip

Picture = NDArray[Any]

BOARD_NAMES: tuple[str, ...] = tuple(model.name for model in BOARDS)


@dataclass(frozen=True, slots=True)
class Truth:
    """A defect as it was painted: box (left, top, right, bottom) in pixels of the photo, area of the change."""

    kind: DefectKind
    box_px: tuple[float, float, float, float]
    area_px: int


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo with what is truly on it. ``homography`` takes pixels of the golden picture to its own."""

    picture: Picture
    truths: tuple[Truth, ...]
    homography: NDArray[Any]


def golden(board: str, width_px: int = 2300, side: Side = "front") -> Picture:
    """Return the reference picture (H, W, 3) of a sound board, blue-green-red.

    Raises:
        ValueError: no such board.
    """
    drawn, alpha = draw_board(_layout(board, side), width_px)
    return lay_on_bench(drawn.picture, alpha, np.random.default_rng(board_model(board).seed))


def photo(
    board: str,
    seed: int,
    *,
    width_px: int = 2300,
    side: Side = "front",
    level: Level = "easy",
    seen: Conditions | None = None,
    defects: Sequence[DefectKind] = (),
) -> Photo:
    """Return a photo of a board with these defects, taken under ``seen`` or random conditions of a level.

    Raises:
        ValueError: no such board.
    """
    rng = np.random.default_rng((board_model(board).seed, seed))
    drawn, alpha, painted = draw_with_defects(_layout(board, side), width_px, tuple(defects), rng)
    picture, warp = shoot(drawn.picture, alpha, seen or conditions(level, rng), rng)
    truths = [_truth(kind, mask, warp) for kind, mask in painted]
    return Photo(picture, tuple(truth for truth in truths if truth is not None), warp)


def to_jpeg(picture: Picture, quality: int = 90) -> bytes:
    """Return the picture as a JPEG file."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} cannot be written as JPEG")
    return data.tobytes()


@lru_cache(maxsize=32)
def _layout(board: str, side: Side) -> Layout:
    return layout(board_model(board), side)


def _truth(kind: DefectKind, mask: Picture, warp: NDArray[Any]) -> Truth | None:
    seen = cv2.warpPerspective(mask, warp, (mask.shape[1], mask.shape[0]), flags=cv2.INTER_NEAREST)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not rows.size:
        return None
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Truth(kind, box, int(np.count_nonzero(seen)))
