"""How good detections are: precision, recall and F as DeepPCB counts them, and average precision.

DeepPCB (Tang et al., arXiv:1902.06197, section 4): a mark and a detection belong together when their boxes overlap by
more than 0.33 (intersection over union), whatever their kinds; then a wrong kind costs precision and recall both.
Average precision is that of Pascal VOC from 2010 on (Everingham et al., 2015): the area under the precision that is
reached at each recall or a greater one, for each kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from processors.vision.bare.kinds import KINDS, Detection, Mark

OVERLAP = 0.33


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares from 0 to 1 and the counts behind them."""

    precision: float
    recall: float
    f: float
    right: int
    found: int
    marked: int


Box = Mark | Detection
Pictures = Sequence[tuple[Sequence[Mark], Sequence[Detection]]]
"""Marks and detections of each picture."""


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union of two boxes."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(one) + _area(other) - shared)


def rates(pictures: Pictures, least: float = OVERLAP) -> Rates:
    """Count: marks in their order take the surest free detection that overlaps by more than ``least``."""
    right = found = marked = 0
    for marks, detections in pictures:
        free = sorted(detections, key=lambda one: -one.confidence)
        found, marked = found + len(free), marked + len(marks)
        for mark in marks:
            taken = next((one for one in free if overlap(mark, one) > least), None)
            if taken is not None:
                free.remove(taken)
                right += taken.kind == mark.kind
    precision, recall = right / max(1, found), right / max(1, marked)
    f = 2 * precision * recall / max(1e-12, precision + recall)
    return Rates(precision, recall, f, right, found, marked)


def average_precision(pictures: Pictures, kind: str, least: float) -> float | None:
    """Return the average precision of a kind; None when no mark is of it."""
    marks = [[mark for mark in marked if mark.kind == kind] for marked, _ in pictures]
    total = sum(len(one) for one in marks)
    if not total:
        return None
    listed = [(one, index) for index, (_, found) in enumerate(pictures) for one in found if one.kind == kind]
    listed.sort(key=lambda pair: -pair[0].confidence)
    taken: set[tuple[int, int]] = set()
    hits = np.zeros(len(listed))
    for row, (one, index) in enumerate(listed):
        overlaps = [overlap(mark, one) for mark in marks[index]]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] > least and (index, best) not in taken:
            taken.add((index, best))
            hits[row] = 1
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(listed) + 1)
    reached = np.maximum.accumulate(precision[::-1])[::-1]
    return float((reached * hits).sum() / total)


def mean_average_precision(pictures: Pictures, least: float) -> float:
    """Return the mean over the kinds that are marked; 0 when nothing is marked."""
    each = [average_precision(pictures, kind, least) for kind in KINDS]
    known = [one for one in each if one is not None]
    return sum(known) / len(known) if known else 0.0


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
