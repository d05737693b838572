"""Learn a board from photos of sound ones: what it looks like, where sound boards differ, and what is too much.

The golden picture is the median of all photos in the frame and light of the sharpest. The tolerance at a pixel is the
greatest difference that any photo has from it. The lift of the thresholds is calibrated leave-one-out: each photo is
held against the tolerance of the others, and the least lift is taken with which no more than the wanted share has a
finding. Fewer photos than one over that share cannot prove it; the result says what they do prove.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from connectors.errors import Permanent
from processors.vision.align import align
from processors.vision.board_mask import board_mask
from processors.vision.compare import blobs_of, difference
from processors.vision.config import Policy
from processors.vision.gate import judge
from processors.vision.pose import is_same_side
from processors.vision.register import features, register

Picture = NDArray[Any]

FEWEST = 3
_LIFTS = tuple(float(level) for level in range(0, 42, 2))
"""Never below the thresholds as they ship: a few photos that agree do not prove that the next one will."""
_SUSPECT_LIFT = 24.0
"""A photo that needs so much more than the thresholds as they ship shows a board unlike the others."""
_SPREAD_PX = 5
_GAP_PX = 25
"""What differs on both sides of a gap of this size differs in it: the next serial number has its strokes elsewhere."""


class CannotLearn(Permanent):
    """These photos do not give a reference."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A golden picture (H, W, 3), its tolerance (H, W, 3): fine, wide, 0 in levels, and the lift of the thresholds.

    ``refused`` has the photos left out, each with why; ``suspects`` those that differ from all others. Both by name.
    ``false_calls`` is the share of the photos that would fail with this lift, leave-one-out.
    """

    golden: Picture
    tolerance: Picture
    lift: float
    photos: int
    false_calls: float
    refused: dict[str, str]
    suspects: tuple[str, ...]


def learn(photos: dict[str, Picture], false_calls: float, policy: Policy | None = None) -> Learned:
    """Learn from photos (H, W, 3) by name.

    Args:
        photos: of sound boards of one model, one side, all from the same place.
        false_calls: the wanted share (0 to 1) of sound photos with a finding.
        policy: the limits of the comparison in which the reference will be used.

    Raises:
        CannotLearn: fewer than three photos can be used; says what is wrong with the others.
    """
    policy = policy or Policy()
    sharp, refused = _usable(photos, policy)
    frames, base = _in_one_frame(photos, sharp, refused, policy)
    if len(frames) < FEWEST:
        why = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise CannotLearn(f"only {len(frames)} photos can be used, {FEWEST} are needed ({why or 'give more photos'})")
    golden = np.median(np.stack(list(frames.values())), axis=0).astype(np.uint8)
    names, fine, wide = _differences({name: photos[name] for name in frames}, golden, refused, policy)
    if len(names) < FEWEST:
        raise CannotLearn(f"only {len(names)} photos lie on the median of all; is {base} the same side of the board?")
    needed = [_needed(number, fine, wide, policy) for number in range(len(names))]
    suspects = tuple(name for name, lift in zip(names, needed, strict=True) if lift > _SUSPECT_LIFT)
    sound = [number for number, lift in enumerate(needed) if lift <= _SUSPECT_LIFT]
    if len(sound) < FEWEST:
        raise CannotLearn("every photo differs from the others; photograph sound boards of one model from one place")
    lift, share = _calibrated([needed[number] for number in sound], false_calls)
    tolerance = [_grown(plane[sound].max(0)) for plane in (fine, wide)]
    planes = np.stack([*tolerance, np.zeros_like(tolerance[0])], -1)
    return Learned(golden, planes, lift, len(sound), share, refused, suspects)


def _usable(photos: dict[str, Picture], policy: Policy) -> tuple[dict[str, float], dict[str, str]]:
    """Return how sharp each usable photo is, and why the others are not."""
    sharp: dict[str, float] = {}
    refused: dict[str, str] = {}
    for name, picture in photos.items():
        quality = judge(picture, policy.gate)
        if quality.problems:
            refused[name] = f"{quality.problems[0].code}: {quality.problems[0].advice}"
        else:
            sharp[name] = quality.metrics["steep"]
    return sharp, refused


def _in_one_frame(
    photos: dict[str, Picture], sharp: dict[str, float], refused: dict[str, str], policy: Policy
) -> tuple[dict[str, Picture], str]:
    """Return the photos in the frame and the light of the sharpest, and its name; tell which do not fit in."""
    if not sharp:
        return {}, ""
    base = max(sharp, key=lambda name: sharp[name])
    whole = photos[base]
    scale = min(1.0, policy.compare.side_px / max(whole.shape[:2]))
    size = round(whole.shape[1] * scale), round(whole.shape[0] * scale)
    golden = whole if scale == 1.0 else cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    mask = board_mask(golden)
    known = features(golden, mask)
    frames = {base: golden}
    for name in sharp:
        if name == base:
            continue
        found = register(photos[name], golden, mask, known)
        if found is None or not is_same_side(found, policy.pose):
            refused[name] = f"does not show the board as {base} does"
            continue
        aligned = align(photos[name], golden, mask, found.homography, policy.compare.side_px)
        seen = cv2.resize(aligned.photo, size, interpolation=cv2.INTER_LINEAR)
        valid = cv2.resize(aligned.valid.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        frames[name] = np.where(valid[..., None] > 0, seen, golden).astype(np.uint8)
    return frames, base


def _differences(
    photos: dict[str, Picture], golden: Picture, refused: dict[str, str], policy: Policy
) -> tuple[list[str], NDArray[Any], NDArray[Any]]:
    """Return the names of N photos, and their fine and wide difference from the golden picture (N, H, W) uint8."""
    mask = board_mask(golden)
    known = features(golden, mask)
    size = golden.shape[1], golden.shape[0]
    names: list[str] = []
    fine: list[Picture] = []
    wide: list[Picture] = []
    for name, picture in photos.items():
        found = register(picture, golden, mask, known)
        if found is None or not is_same_side(found, policy.pose):
            refused[name] = "does not lie on the median of all photos"
            continue
        aligned = align(picture, golden, mask, found.homography, policy.compare.side_px)
        names.append(name)
        for into, plane in zip((fine, wide), difference(aligned, policy.compare), strict=True):
            into.append(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR).clip(0, 255).astype(np.uint8))
    return names, np.array(fine), np.array(wide)


def _needed(number: int, fine: NDArray[Any], wide: NDArray[Any], policy: Policy) -> float:
    """Return the least lift with which one photo has no finding, held against what the others differ by."""
    own = [plane[number].astype(np.float32) for plane in (fine, wide)]
    others = [_grown(np.delete(plane, number, axis=0).max(0)).astype(np.float32) for plane in (fine, wide)]
    left = [seen - allowed for seen, allowed in zip(own, others, strict=True)]
    clean = bisect_left(_LIFTS, 1, key=lambda lift: int(not blobs_of(left[0], left[1], lift, policy.compare)))
    return _LIFTS[clean] if clean < len(_LIFTS) else float("inf")


def _calibrated(needed: Sequence[float], wanted: float) -> tuple[float, float]:
    """Return the least lift with which no more than the wanted share fails, and the share that does."""
    for lift in _LIFTS:
        share = float(np.mean([one > lift for one in needed]))
        if share <= wanted:
            return lift, round(share, 4)
    return _LIFTS[-1], round(float(np.mean([one > _LIFTS[-1] for one in needed])), 4)


def _grown(plane: Picture) -> Picture:
    """What may differ at a pixel may differ beside it: no two photos lie on each other to the pixel."""
    closed = cv2.morphologyEx(plane, cv2.MORPH_CLOSE, np.ones((_GAP_PX, _GAP_PX), np.uint8))
    grown: Picture = cv2.dilate(closed, np.ones((_SPREAD_PX, _SPREAD_PX), np.uint8))
    return grown
