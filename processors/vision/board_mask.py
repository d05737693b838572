"""Which part of a golden picture is the board, so that another bench under it is no fault."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]

_SIDE_PX = 640
_RING = 0.02
_TOLERANCE = (9.0, 20.0)
_NOISE_FACTOR = 4.5
_MIN_RING_SHARE = 0.8
_RIM_PX = 9
_CUT = 3
_CUT_RING = 2
_SHADOW = 0.5
_MIN_PIECE = 0.003
_AREA = (0.12, 0.97)


def board_mask(golden: Picture) -> Picture:
    """Return a mask (H, W), 255 on the board; everywhere when the picture's border shows no even background.

    The background's colour is a plane over the picture, fitted to its border; what is unlike it, filled to a
    convex shape because connectors stand out over the edge, is the board.
    """
    height, width = golden.shape[:2]
    whole = np.full((height, width), 255, np.uint8)
    scale = _SIDE_PX / max(height, width)
    small = cv2.resize(golden, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    lab = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2LAB), (0, 0), 1.0).astype(np.float32)
    away, tolerance, share = _distance(lab)
    if share < _MIN_RING_SHARE:
        return whole
    # Shadows and uneven light on the bench are unlike it too, but by far less than the board is.
    limit = (
        max(tolerance, _SHADOW * float(np.median(away[away > tolerance]))) if np.any(away > tolerance) else tolerance
    )
    unlike: NDArray[Any] = np.where(away > limit, 255, 0).astype(np.uint8)
    unlike = _cut(small, unlike)
    unlike = cv2.morphologyEx(unlike, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    unlike = cv2.morphologyEx(unlike, cv2.MORPH_CLOSE, np.ones((17, 17), np.uint8))
    outlines, _ = cv2.findContours(unlike, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    # A board may look like its background in places, so that it falls into several pieces.
    pieces = [outline for outline in outlines if cv2.contourArea(outline) > _MIN_PIECE * unlike.size]
    if not pieces:
        return whole
    largest = cv2.convexHull(np.concatenate(pieces))
    covered = cv2.contourArea(largest) / unlike.size
    if not _AREA[0] < covered < _AREA[1]:
        return whole
    mask = cv2.fillPoly(np.zeros(unlike.shape, np.uint8), [largest], 255)
    # The rim itself shows the bench, its shadow or the milled edge, as the camera happens to stand.
    inner = cv2.erode(mask, np.ones((_RIM_PX, _RIM_PX), np.uint8), borderValue=0)
    large = cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)
    _, filled = cv2.threshold(large, 127, 255, cv2.THRESH_BINARY)  # np.where would take eight times the memory
    return filled


def _cut(small: Picture, unlike: Picture) -> Picture:
    """Let GrabCut (Rother et al., 2004) draw the line where colours change, from a guess at quarter scale."""
    size = small.shape[1] // _CUT, small.shape[0] // _CUT
    colours = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    guess = cv2.resize(unlike, size, interpolation=cv2.INTER_AREA)
    marks = np.where(guess > 127, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[:_CUT_RING], marks[-_CUT_RING:], marks[:, :_CUT_RING], marks[:, -_CUT_RING:] = (cv2.GC_BGD,) * 4
    if not np.any(marks == cv2.GC_PR_FGD):
        return unlike
    cv2.setRNGSeed(1)  # its colour clusters start at random
    cv2.grabCut(colours, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    board = np.where((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    return cv2.resize(board, small.shape[1::-1], interpolation=cv2.INTER_LINEAR) // 128 * 255


def _distance(lab: NDArray[Any]) -> tuple[NDArray[Any], float, float]:
    """Return the distance (H, W) from the background, what still is background, and how much of the border is."""
    height, width = lab.shape[:2]
    ys, xs = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    terms = np.stack([np.ones_like(xs), xs, ys], -1).astype(np.float32)
    ring = np.ones((height, width), bool)
    edge = max(2, round(_RING * width))
    ring[edge:-edge, edge:-edge] = False
    a, b = terms[ring], lab[ring]
    weights = np.ones(len(a), np.float32)
    for _ in range(6):
        plane, *_ = np.linalg.lstsq(a * weights[:, None], b * weights[:, None], rcond=None)
        off = np.linalg.norm(b - a @ plane, axis=1)
        weights = (1 / np.maximum(off, 2)).astype(np.float32)
    tolerance = float(np.clip(_NOISE_FACTOR * np.median(off), *_TOLERANCE))
    away = np.linalg.norm(lab - terms @ plane, axis=-1)
    return away, tolerance, float(np.mean(off < tolerance))
