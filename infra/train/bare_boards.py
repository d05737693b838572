"""Drawn pairs of bare boards with known defects: a template, and a tested picture as a line camera would give it.

Between the two lie a shift, a small turn, a board that is not quite rigid, holes that were drilled beside their place,
and the ragged edges of etching and thresholding. A template is a picture of a real board too: some have holes of their
own that the tested board lacks, which is no defect of that one.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.train.bare_defects import spoil
from infra.train.bare_layout import SIDE_PX, draw_layout, spare_px
from processors.vision.bare.kinds import KINDS, Mark

Mask = NDArray[Any]
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Pose:
    """How far a tested picture may lie off its template: turn in degrees, shift and bend in pixels.

    ``holes_shifted`` and ``template_holed`` are shares of the pairs.
    """

    turn_deg: float = 0.6
    shift_px: float = 6.0
    bend_px: float = 1.0
    holes_px: float = 5.0
    holes_shifted: float = 0.08
    template_holed: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPair:
    """Copper of template and tested picture, (640, 640) uint8 each, and the marks in the tested picture."""

    template: Mask
    tested: Mask
    marks: tuple[Mark, ...]


def draw_pair(seed: int, number: int, defects: int | None = None, pose: Pose | None = None) -> DrawnPair:
    """Draw pair ``number`` of ``seed``; with so many defects, or 3 to 12 by chance. The same again for the same."""
    random = np.random.default_rng((seed, number))
    pose = pose or Pose()
    copper, holes = draw_layout(random)
    count = int(random.integers(3, 13)) if defects is None else defects
    kinds = [str(kind) for kind in random.choice(KINDS, count)]
    drilled = copper & (1 - holes)
    spoilt = spoil(drilled, kinds, spare_px() + 16, random)
    # A stream of its own, so that all other chances of a pair stay as they were.
    template = _etched(_holed(drilled, spoilt.copper, pose, np.random.default_rng((seed, number, 1))), random)
    sound = spoilt.copper
    if random.random() < pose.holes_shifted:
        sound = _redrilled(copper, holes, drilled, sound, pose.holes_px, random)
    tested = _etched(sound, random)
    matrix = _turn_and_shift(tested.shape, pose, random)
    tested, marks = _seen(tested, matrix, pose.bend_px, spoilt.marks, random)
    return DrawnPair(_cropped(template), _cropped(tested), _in_crop(marks))


def _holed(drilled: Mask, spoilt: Mask, pose: Pose, random: Random) -> Mask:
    """Return the template's copper, now and then with one to three small holes where the tested board has copper."""
    if random.random() >= pose.template_holed:
        return drilled
    holed = spoil(spoilt, ["pin_hole"] * int(random.integers(1, 4)), spare_px() + 16, random).copper
    template: Mask = drilled & (1 - (spoilt & (1 - holed)))
    return template


def _etched(copper: Mask, random: Random) -> Mask:
    """Return the copper with ragged and slightly grown or shrunk edges, and a little dust."""
    grain = float(random.choice([0.7, 1.2, 2.5]))
    noise = cv2.GaussianBlur(random.normal(0, 1, copper.shape).astype(np.float32), (0, 0), grain) * (2.5 * grain + 1)
    soft = cv2.GaussianBlur(copper * np.float32(1), (0, 0), 1.2)
    level = 0.5 + random.uniform(-0.18, 0.18)
    etched = (soft + float(random.uniform(0.01, 0.05)) * noise * (soft > 0.02) * (soft < 0.98) > level).astype(np.uint8)
    for _ in range(int(random.integers(0, 4))):
        y, x = (int(one) for one in random.integers(0, copper.shape[0] - 3, 2))
        etched[y : y + 2, x : x + 2] ^= 1
    return etched


def _redrilled(copper: Mask, holes: Mask, drilled: Mask, spoilt: Mask, reach: float, random: Random) -> Mask:
    """Return the spoilt board with all holes beside their place; defects at a hole stay as they are."""
    dx, dy = random.uniform(-reach, reach, 2)
    shape = (copper.shape[1], copper.shape[0])
    moved = cv2.warpAffine(holes, np.array([[1, 0, dx], [0, 1, dy]]), shape, flags=cv2.INTER_NEAREST)
    defects = drilled ^ spoilt
    again: Mask = (copper & (1 - moved)) ^ defects
    return again


def _turn_and_shift(shape: tuple[int, ...], pose: Pose, random: Random) -> NDArray[Any]:
    turn = float(random.uniform(-pose.turn_deg, pose.turn_deg))
    middle = (shape[1] / 2, shape[0] / 2)
    matrix: NDArray[Any] = cv2.getRotationMatrix2D(middle, turn, 1.0 + random.uniform(-0.001, 0.001))
    matrix[:, 2] += random.uniform(-pose.shift_px, pose.shift_px, 2)
    return matrix


def _seen(
    copper: Mask, matrix: NDArray[Any], bend_px: float, marks: tuple[Mark, ...], random: Random
) -> tuple[Mask, list[Mark]]:
    """Turn, shift and bend the board; its marks go with it."""
    height, width = copper.shape
    bend = [
        cv2.resize(
            random.uniform(-bend_px, bend_px, (5, 5)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
        for _ in range(2)
    ]
    back = cv2.invertAffineTransform(matrix)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x = (back[0, 0] * columns + back[0, 1] * rows + back[0, 2]).astype(np.float32) + bend[0]
    y = (back[1, 0] * columns + back[1, 1] * rows + back[1, 2]).astype(np.float32) + bend[1]
    grey = cv2.remap(copper * np.uint8(255), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved = []
    for mark in marks:
        middle = np.array([(mark.left + mark.right) / 2, (mark.top + mark.bottom) / 2, 1])
        dx, dy = matrix @ middle - middle[:2]
        moved.append(Mark(mark.kind, mark.left + dx, mark.top + dy, mark.right + dx, mark.bottom + dy))
    return (grey > 127).astype(np.uint8), moved


def _cropped(copper: Mask) -> Mask:
    spare = spare_px()
    return copper[spare : spare + SIDE_PX, spare : spare + SIDE_PX].copy()


def _in_crop(marks: list[Mark]) -> tuple[Mark, ...]:
    spare = spare_px()
    kept = []
    for mark in marks:
        left, top = max(0.0, mark.left - spare), max(0.0, mark.top - spare)
        right, bottom = min(float(SIDE_PX), mark.right - spare), min(float(SIDE_PX), mark.bottom - spare)
        if right - left > 8 and bottom - top > 8:
            kept.append(Mark(mark.kind, left, top, right, bottom))
    return tuple(kept)
