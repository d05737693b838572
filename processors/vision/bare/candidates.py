"""What may be a defect: places where tested copper and template differ by more than a ragged edge.

A candidate is of one sign: copper too much or copper missing. Missing copper is background too much, so both are looked
at in the same way, ``figure`` being copper for the one and background for the other.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from processors.vision.bare.kinds import Mask
from processors.vision.bare.locate import Located

MIN_AREA_PX = 8
"""Below this a difference counts as noise. On the development boards 9 of 4,868 marks get no candidate of their own;
with 12 px and a square for the cross below, 22 got none, most of them shallow mouse bites of thin tracks."""
_MARGIN_PX = 24
_LOCAL_REACH_PX = 3
_JOIN_PX = 7
_MOVE_GAIN = 0.85
_RIM_PX = 2

_SQUARE3 = np.ones((3, 3), np.uint8)
_CROSS3 = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_JOIN = np.ones((_JOIN_PX, _JOIN_PX), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One difference with its surroundings.

    Attributes:
        extra: copper too much (else missing).
        box: left, top, right, bottom in pixels of the tested picture; right and bottom are outside.
        window: left and top of the surroundings below in the tested picture.
        blob: the difference, (h, w) uint8.
        before: the figure in the template, (h, w) uint8, brought to the tested picture once more in this window.
        after: the figure in the tested picture, (h, w) uint8.
        known: 1 where the template has something to say, (h, w) uint8.
        moved_px: how far the window's template had to be moved.
    """

    extra: bool
    box: tuple[int, int, int, int]
    window: tuple[int, int]
    blob: Mask
    before: Mask
    after: Mask
    known: Mask
    moved_px: float


def candidates(found: Located) -> list[Candidate]:
    """Return the candidates of a located pair, from left to right within a sign."""
    listed = []
    known = cv2.erode(found.valid, _SQUARE3, iterations=_RIM_PX, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    for extra in (True, False):
        differing = _differing(found, extra) & known
        outlines, _ = cv2.findContours(_joined(differing), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for outline in outlines:
            left, top, width, height = cv2.boundingRect(outline)
            # What else lies in the box may count here; the window below tells the pieces apart.
            if np.count_nonzero(differing[top : top + height, left : left + width]) >= MIN_AREA_PX:
                listed += _settled(found, extra, (left, top, left + width, top + height))
    return _distinct(listed)


def _differing(found: Located, extra: bool) -> Mask:
    """Return the differences of a sign that are wider than a ragged edge or lie clear of the template's edges."""
    before, after = (found.template, found.tested) if extra else (1 - found.template, 1 - found.tested)
    return _wide(before, after)


def _wide(before: Mask, after: Mask) -> Mask:
    more = after & (1 - before)
    clear = after & (1 - cv2.dilate(before, _SQUARE3))
    wide: Mask = cv2.morphologyEx(more, cv2.MORPH_OPEN, _CROSS3) | clear
    return wide


def _joined(differing: Mask) -> Mask:
    joined: Mask = cv2.morphologyEx(differing, cv2.MORPH_CLOSE, _JOIN)
    return joined


def _settled(found: Located, extra: bool, box: tuple[int, int, int, int]) -> list[Candidate]:
    """Move the template once more within the candidate's window, and keep what still differs there."""
    height, width = found.tested.shape
    left, top = max(0, box[0] - _MARGIN_PX), max(0, box[1] - _MARGIN_PX)
    right, bottom = min(width, box[2] + _MARGIN_PX), min(height, box[3] + _MARGIN_PX)
    window = np.s_[top:bottom, left:right]
    template, (dx, dy) = _moved(found, (left, top, right, bottom))
    tested, known = found.tested[window], found.valid[window]
    before, after = (template, tested) if extra else (1 - template, 1 - tested)
    differing = _wide(before, after) & known
    count, labels = cv2.connectedComponents(_joined(differing), connectivity=8)
    core = np.s_[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
    kept = []
    for label in range(1, count):
        blob = ((labels == label) & (differing > 0)).astype(np.uint8)
        if np.count_nonzero(blob[core]) < MIN_AREA_PX:
            continue
        ys, xs = np.nonzero(blob)
        tight = (left + int(xs.min()), top + int(ys.min()), left + int(xs.max()) + 1, top + int(ys.max()) + 1)
        kept.append(Candidate(extra, tight, (left, top), blob, before, after, known, float(np.hypot(dx, dy))))
    return kept


def _moved(found: Located, window: tuple[int, int, int, int]) -> tuple[Mask, tuple[int, int]]:
    """Return the window of the template at the shift (of few pixels) with the least difference; it must be worth it."""
    left, top, right, bottom = window
    reach = _LOCAL_REACH_PX
    area = found.template[max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach]
    lack = max(0, reach - top), max(0, bottom + reach - found.template.shape[0])
    lack_x = max(0, reach - left), max(0, right + reach - found.template.shape[1])
    area = cv2.copyMakeBorder(area, lack[0], lack[1], lack_x[0], lack_x[1], cv2.BORDER_REPLICATE)
    tested = found.tested[top:bottom, left:right]
    scores = cv2.matchTemplate(area, tested, cv2.TM_SQDIFF)
    least, _, (x, y), _ = cv2.minMaxLoc(scores)
    if least > _MOVE_GAIN * scores[reach, reach]:
        x, y = reach, reach
    return area[y : y + bottom - top, x : x + right - left], (x - reach, y - reach)


def _distinct(listed: list[Candidate]) -> list[Candidate]:
    """Leave out what two windows saw alike."""
    seen = set()
    kept = []
    for one in listed:
        key = (one.extra, one.box)
        if key not in seen:
            seen.add(key)
            kept.append(one)
    return kept
