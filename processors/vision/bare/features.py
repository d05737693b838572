"""What is measured of a candidate for the classifier: size, shape, depth, what it touches, how calm its surroundings.

With ``figure`` for copper (or, where copper is missing, for background), a short joins two figures, a spur touches one,
spurious copper touches none; open, mouse bite and pin hole are the same with the signs exchanged.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.bare.candidates import Candidate
from processors.vision.bare.kinds import Mask
from processors.vision.bare.pieces import pieces

NAMES = (
    "extra", "area", "width", "height", "longer", "shorter", "extent", "thickness", "mean_thickness", "elongation",
    "rim_touch", "depth_max", "depth_mean", "area_clear_2", "area_clear_3", "gap_half", "depth_of_gap", "figure_half",
    "touched_1", "touched_2", "touched_4", "arcs_2", "arcs_4", "arcs_7", "ring_2", "ring_4", "ring_7", "ring_after_4",
    "longest_arc_4", "merged", "merged_small", "figures_change", "grounds_change", "grounds_touched", "holes_closed",
    "noise", "noise_wide", "noise_near", "share_before", "share_after", "moved", "to_border", "unknown",
    "nearest_same", "bigger_near", "alike_near", "largest_touched", "second_touched", "touch_length",
)  # fmt: skip
"""Order of the columns. Lengths in pixels, shares from 0 to 1."""

_NEAR_PX = 32
_FAR_PX = 200.0
_MIN_FIGURE_PX = 6
_DISCS = {
    size: cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1, 2 * size + 1)) for size in (1, 2, 3, 4, 5, 7)
}
_SQUARE3 = np.ones((3, 3), np.uint8)


def features(found: Sequence[Candidate], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return (N, len(NAMES)) float32 of the candidates of one picture of that shape.

    What tells boards apart (how many candidates there are, how well the whole board fits) is left out on purpose: it
    helps on boards that were trained on, and misleads on others.
    """
    table = np.zeros((len(found), len(NAMES)), np.float32)
    for row, one in enumerate(found):
        values = _size(one) | _depth(one) | _surround(one) | _topology(one) | _calm(one)
        values |= _place(one, found, shape)
        table[row] = [values[name] for name in NAMES]
    return table


def _size(one: Candidate) -> dict[str, float]:
    left, top, right, bottom = one.box
    width, height = right - left, bottom - top
    area = int(np.count_nonzero(one.blob))
    thick = cv2.distanceTransform(cv2.copyMakeBorder(one.blob, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)
    ys, xs = np.nonzero(one.blob)
    (_, sides, _) = cv2.minAreaRect(np.stack([xs, ys], 1).astype(np.float32))
    longer, shorter = max(sides) + 1, min(sides) + 1
    return {
        "extra": float(one.extra), "area": area, "width": width, "height": height, "longer": longer,
        "shorter": shorter, "extent": area / (width * height), "thickness": float(thick.max()),
        "mean_thickness": float(thick.sum()) / area, "elongation": longer / shorter,
    }  # fmt: skip


def _depth(one: Candidate) -> dict[str, float]:
    """How far the blob reaches from the figure that was there, and how wide the ground and the figure are about it."""
    away = (
        cv2.distanceTransform(1 - one.before, cv2.DIST_L2, 3)
        if one.before.any()
        else np.full(one.before.shape, _FAR_PX, np.float32)
    )
    into = cv2.distanceTransform(one.before, cv2.DIST_L2, 3)
    inside = one.blob > 0
    near = cv2.dilate(one.blob, _DISCS[5]) > 0
    depth = away[inside]
    gap = float(away[near].max())
    return {
        "depth_max": float(depth.max()), "depth_mean": float(depth.mean()),
        "area_clear_2": float(np.count_nonzero(depth > 2.5)), "area_clear_3": float(np.count_nonzero(depth > 4.0)),
        "gap_half": gap, "depth_of_gap": float(depth.max()) / max(gap, 1.0), "figure_half": float(into[near].max()),
        "rim_touch": float(np.count_nonzero(depth < 1.9)) / len(depth),
    }  # fmt: skip


def _surround(one: Candidate) -> dict[str, float]:
    """Rings about the blob: the share that is figure and the number of its separate arcs."""
    values: dict[str, float] = {}
    for size, inner in ((2, 1), (4, 3), (7, 5)):
        ring: Mask = cv2.subtract(cv2.dilate(one.blob, _DISCS[size]), cv2.dilate(one.blob, _DISCS[inner]))
        total = max(1, int(np.count_nonzero(ring)))
        arcs = pieces(ring & one.before)[1][1:]
        values[f"arcs_{size}"] = float(np.count_nonzero(arcs >= 2))
        values[f"ring_{size}"] = float(arcs.sum()) / total
        if size == 4:
            values["longest_arc_4"] = float(arcs.max(initial=0)) / total
            values["ring_after_4"] = float(np.count_nonzero(ring & one.after)) / total
    return values


def _topology(one: Candidate) -> dict[str, float]:
    """What the blob touches and joins, within the window."""
    before, sizes = pieces(one.before)
    values: dict[str, float] = {}
    for size in (1, 2, 4):
        overlap = _overlap(before, len(sizes), cv2.dilate(one.blob, _DISCS[size]))
        values[f"touched_{size}"] = float(np.count_nonzero((overlap > 0) & (sizes[1:] >= _MIN_FIGURE_PX)))
        if size == 2:
            first, second = (*np.sort(overlap)[::-1], 0, 0)[:2]
            values |= {"largest_touched": float(first), "second_touched": float(second)}
            values["touch_length"] = float(overlap.sum()) / float(np.sqrt(np.count_nonzero(one.blob)))
    after, after_sizes = pieces(one.after)
    own = np.bincount(after[one.blob > 0], minlength=len(after_sizes))
    own[0] = 0
    joined = _overlap(before, len(sizes), (after == int(own.argmax())).astype(np.uint8))
    values["merged"] = float(np.count_nonzero((joined >= 20) & (sizes[1:] >= 20)))
    values["merged_small"] = float(np.count_nonzero(joined >= _MIN_FIGURE_PX))
    values["figures_change"] = float(_large(after_sizes) - _large(sizes))
    return values | _grounds(one)


def _grounds(one: Candidate) -> dict[str, float]:
    """How the ground changes: an added band parts it, an added blob that touches nothing leaves it whole."""
    filled = one.before | one.blob
    labels, sizes = pieces(1 - filled, connectivity=4)
    _, old = pieces(1 - one.before, connectivity=4)
    _, new = pieces(1 - one.after, connectivity=4)
    overlap = _overlap(labels, len(sizes), cv2.dilate(one.blob, _SQUARE3))
    touched = np.count_nonzero((overlap > 1) & (sizes[1:] >= _MIN_FIGURE_PX))
    return {
        "grounds_change": float(_large(new) - _large(old)), "grounds_touched": float(touched),
        "holes_closed": float(_large(sizes) - _large(old)),
    }  # fmt: skip


def _large(sizes: NDArray[Any]) -> int:
    return int(np.count_nonzero(sizes[1:] >= _MIN_FIGURE_PX))


def _overlap(labels: NDArray[Any], count: int, mask: Mask) -> NDArray[Any]:
    return np.bincount(labels[mask > 0], minlength=count)[1:]


def _calm(one: Candidate) -> dict[str, float]:
    """Differences of the window beside the blob: a place where edges do not fit anywhere is no place to trust."""
    outside = (1 - cv2.dilate(one.blob, _DISCS[5])) & one.known
    differing = (one.before ^ one.after) & outside
    total = max(1, int(np.count_nonzero(outside)))
    edges = cv2.morphologyEx(one.before, cv2.MORPH_GRADIENT, _SQUARE3) & outside
    return {
        "noise": float(np.count_nonzero(differing)) / total,
        "noise_wide": float(np.count_nonzero(cv2.morphologyEx(differing, cv2.MORPH_OPEN, _SQUARE3))) / total,
        "noise_near": float(np.count_nonzero(differing)) / max(20, int(np.count_nonzero(edges))),
        "share_before": float(one.before.mean()), "share_after": float(one.after.mean()),
        "moved": one.moved_px, "unknown": 1.0 - float(one.known.mean()),
    }  # fmt: skip


def _place(one: Candidate, found: Sequence[Candidate], shape: tuple[int, ...]) -> dict[str, float]:
    """Where it lies, and what candidates of the same sign are near: it may be a splinter of a larger one."""
    left, top, right, bottom = one.box
    area = float(np.count_nonzero(one.blob))
    nearest, bigger, alike = _FAR_PX, 0.0, 0
    for other in found:
        if other is one or other.extra != one.extra:
            continue
        gap_x = max(0, other.box[0] - right, left - other.box[2])
        gap_y = max(0, other.box[1] - bottom, top - other.box[3])
        gap = float(np.hypot(gap_x, gap_y))
        nearest = min(nearest, gap)
        alike += gap < _NEAR_PX
        if gap < _NEAR_PX / 2:
            bigger = max(bigger, float(np.count_nonzero(other.blob)) / area)
    return {
        "to_border": float(min(left, top, shape[1] - right, shape[0] - bottom)), "nearest_same": nearest,
        "bigger_near": bigger, "alike_near": float(alike),
    }  # fmt: skip
