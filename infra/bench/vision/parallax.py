"""Boards whose parts stand off the plane, seen from a place of the camera's choosing.

The tilt of the view is what moves tops against the board: a part of height h appears h tan(tilt) beside its footprint.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.bench.vision.cases import Picture, Shot, conditions_of, reopened
from infra.demo.boards_camera import shoot
from infra.demo.boards_draw import draw_board
from infra.demo.boards_layout import Layout, Part, PartKind

HEIGHT_MM: dict[PartKind, float] = {
    "can": 10.0, "inductor": 5.0, "header": 8.5, "usb": 7.0, "qfp": 1.4, "soic": 1.6, "crystal": 3.5, "diode": 2.2,
    "sot23": 1.1, "chip_r": 0.5, "chip_c": 0.9, "led": 0.7,
}  # fmt: skip
"""Usual heights of the packages."""


def take_tall(board: Layout, width_px: int, tilt_deg: float, rng: np.random.Generator) -> Shot:
    """Return a photo in easy conditions whose camera looks at the board from ``tilt_deg`` off the golden picture's."""
    full, alpha = draw_board(board, width_px)
    turn = rng.uniform(0, 2 * np.pi)
    reach = np.tan(np.deg2rad(tilt_deg)) * full.scale_px_per_mm
    picture = full.picture.copy()
    for part in sorted(board.parts, key=lambda one: HEIGHT_MM[one.kind]):
        away = HEIGHT_MM[part.kind] * reach
        _stand(picture, full.picture, _window(part, full.px), (away * np.cos(turn), away * np.sin(turn)))
    seen, warp = shoot(picture, alpha, conditions_of("easy", rng), rng)
    return Shot(reopened(seen, 90), warp)


def _window(part: Part, px: Any) -> tuple[int, int, int, int]:
    w, h = part.size(*part.body_mm)
    (x0, y0), (x1, y1) = px(part.x_mm - w / 2, part.y_mm - h / 2), px(part.x_mm + w / 2, part.y_mm + h / 2)
    return round(x0), round(y0), round(x1) + 1, round(y1) + 1


def _stand(onto: Picture, full: Picture, box: tuple[int, int, int, int], away: tuple[float, float]) -> None:
    """Draw a part's top beside its foot, and its side between the two, in place."""
    left, top, right, bottom = box
    size = (full.shape[1], full.shape[0])
    side = np.array(cv2.mean(full[top:bottom, left:right])[:3]) * 0.55
    foot = np.array([(left, top), (right - 1, top), (right - 1, bottom - 1), (left, bottom - 1)], np.float32)
    hull = cv2.convexHull(np.concatenate([foot, foot + np.array(away, np.float32)]))
    cv2.fillConvexPoly(onto, hull.round().astype(np.int32), tuple(float(one) for one in side), cv2.LINE_AA)
    reach = 3
    x0, y0 = max(0, round(left + min(0, away[0])) - reach), max(0, round(top + min(0, away[1])) - reach)
    x1 = min(size[0], round(right + max(0, away[0])) + reach)
    y1 = min(size[1], round(bottom + max(0, away[1])) + reach)
    move: NDArray[Any] = np.array([[1, 0, left + away[0] - x0], [0, 1, top + away[1] - y0]])
    crop = full[top:bottom, left:right]
    moved = cv2.warpAffine(crop, move, (x1 - x0, y1 - y0))
    cover = cv2.warpAffine(np.ones(crop.shape[:2], np.float32), move, (x1 - x0, y1 - y0))[..., None]
    window = onto[y0:y1, x0:x1]
    window[:] = (window * (1 - cover) + moved * np.minimum(cover, 1)).clip(0, 255).astype(np.uint8)
