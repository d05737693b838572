"""Where board millimetres lie in a golden picture: by the outline and what the picture shows, or by given points.

By the outline: the board's mask gives a turned rectangle; the parts are drawn into it in each of the four quarter
turns (mirrored for the bottom side), at several scales, and moved to where they agree best with what is unlike the
solder mask. Then every part says for itself where it lies, and RANSAC (Fischler and Bolles, 1981) keeps the map that
most of them agree on. Only in the right turn do many parts agree: that tells it from the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.board_mask import board_mask
from processors.vision.classify import board_colours
from processors.vision.frame import project, scaling
from processors.vision.parts.placement import BoardSide
from processors.vision.parts.places import Placed, box_mm
from processors.vision.parts.votes import Votes, vote

Picture = NDArray[Any]
OutlineBox = tuple[float, float, float, float]

_SIDE_PX = 1000
_UNLIKE = 50.0
"""Distance from the mask's colours, in levels of 8-bit Lab, that is as unlike as can be."""
_RIM_PX = 9
"""What :func:`board_mask` takes off at both sides together, in pixels of 640."""
_SCALES_OUTLINE = np.arange(0.92, 1.05, 0.02)
_SCALES_PARTS = np.arange(0.70, 1.05, 0.02)
"""Parts alone say less than the outline: they may leave up to a third of the board empty."""
_LONGER = 1.25
"""By how much the picture's board may be longer or shorter than the file's, against its width."""
_SOFT_PX = 1.5
_STEPS = ((0.014, 4.0), (0.008, 2.5), (0.005, 1.5))
"""How far a part is looked for (share of the picture's side), and how far off it may be to agree (px of 1000)."""
_LEAST_AGREEING = 8
_LEAST_SHARE = 0.25
_LEAST_CORRELATION = 0.2
"""Of drawn parts with what the picture shows. Right maps of drawn and real boards had 0.29 to 0.75, wrong ones 0.22 at
most, and then few parts agreed.
"""
_TIMES_SECOND = 1.6
_SPREAD = 0.15


class CannotPlace(ValueError):
    """The parts cannot be laid over the golden picture; says what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The map from board millimetres to pixels of the picture (3, 3), and how well it fits.

    ``off_mm``: root mean square distance of the parts, or points, that agree. ``agreeing`` of ``asked`` did.
    """

    to_picture: NDArray[Any]
    off_mm: float
    agreeing: int
    asked: int
    correlation: float = 1.0


def fit_points(points: Sequence[tuple[float, float, float, float]], side: BoardSide) -> Fit:
    """Return the affine map through pairs of x, y in board millimetres and x, y in pixels, by least squares.

    Raises:
        CannotPlace: fewer than three, all on one line, or in the order of the other side.
    """
    if len(points) < 3:
        raise CannotPlace(f"{len(points)} points are too few; give three or more, far apart, not on one line")
    table = np.array(points, np.float64)
    board = np.column_stack([table[:, :2], np.ones(len(table))])
    found, _, rank, spread = np.linalg.lstsq(board - [*board[:, :2].mean(0), 0], table[:, 2:], rcond=None)
    if rank < 3 or spread[1] < 0.02 * spread[0]:
        raise CannotPlace("the points lie on one line; give one that lies far beside it")
    matrix = np.eye(3)
    matrix[:2, :2] = found[:2].T
    matrix[:2, 2] = found[2] - found[:2].T @ board[:, :2].mean(0)
    if (np.linalg.det(matrix) > 0) != (side == "top"):
        other = "bottom" if side == "top" else "top"
        raise CannotPlace(f"these points are those of a mirrored board; say --side {other}, or look for a mix-up")
    off_px = np.linalg.norm(project(matrix, table[:, :2]) - table[:, 2:], axis=1)
    off = float(np.sqrt(np.mean(off_px**2))) / _px_per_mm(matrix)
    return Fit(matrix, round(off, 4), len(points), len(points))


def fit_outline(
    golden: Picture, parts: Sequence[Placed], pads_mm: NDArray[Any], outline_mm: OutlineBox | None, side: BoardSide
) -> Fit:
    """Return the map that lays parts and pads over the golden picture (H, W, 3).

    Args:
        golden: the picture; a bench of one colour round the board helps.
        parts: those of the side that it shows.
        pads_mm: middles of that side's pads (N, 2), where the file knows them.
        outline_mm: left, top, right, bottom of the board's edge; None where the file does not say it.
        side: the side that the picture shows.

    Raises:
        CannotPlace: too few parts agree, or two ways of laying them agree about as well.
    """
    seen = _evidence(golden)
    solid = [one for one in parts if one.size_mm is not None and one.checked]
    if len(solid) + len(pads_mm) < _LEAST_AGREEING:
        raise CannotPlace(f"{len(solid)} parts of known size are too few to be recognised; give points with --at")
    votes = Votes(solid, pads_mm)
    box, scales = (outline_mm, _SCALES_OUTLINE) if outline_mm else (box_mm(parts), _SCALES_PARTS)
    starts = [_start(seen.mask, box, quarter, side, outline_mm is not None) for quarter in range(4)]
    coarse = [_coarse(seen.unlike, votes, start, scales) for start in starts if start is not None]
    found = [_refined(seen.unlike, votes, start) for start in coarse]
    ranked = sorted((one for one in found if one is not None), key=lambda one: -one.agreeing)
    best = ranked[0] if ranked else None
    enough = best is not None and best.agreeing >= max(_LEAST_AGREEING, _LEAST_SHARE * best.asked)
    if best is None or not enough or best.correlation < _LEAST_CORRELATION:
        told = "none" if best is None else f"{best.agreeing} of {best.asked}"
        raise CannotPlace(
            f"the parts do not agree with the picture ({told} do): is it this board and the {side} side? "
            "If so, give three points or more with --at REF=x,y"
        )
    if len(ranked) > 1 and best.agreeing < _TIMES_SECOND * ranked[1].agreeing:
        raise CannotPlace(
            f"two ways of laying the parts agree about as well ({best.agreeing} and {ranked[1].agreeing} of "
            f"{best.asked}); give three points or more with --at REF=x,y"
        )
    return replace(best, to_picture=np.linalg.inv(seen.scaled) @ best.to_picture)


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """``unlike`` (H, W) float32, 0 where the board is bare to 1; ``mask`` (H, W); ``scaled``: to these pixels."""

    unlike: NDArray[Any]
    mask: Picture
    scaled: NDArray[Any]


def _evidence(golden: Picture) -> _Evidence:
    scale = _SIDE_PX / max(golden.shape[:2])
    size = round(golden.shape[1] * scale), round(golden.shape[0] * scale)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    lab = cv2.cvtColor(cv2.resize(golden, size, interpolation=way), cv2.COLOR_BGR2LAB)
    mask = cv2.resize(board_mask(golden), size, interpolation=cv2.INTER_NEAREST)
    unlike: NDArray[Any] = np.full(mask.shape, np.inf, np.float32)
    for colour in board_colours(lab[mask > 0]):
        unlike = np.minimum(unlike, np.linalg.norm(lab.astype(np.float32) - colour, axis=2))
    shown = np.where(mask > 0, np.clip(unlike / _UNLIKE, 0, 1), 0).astype(np.float32)
    whole = round(_RIM_PX * _SIDE_PX / 640)
    return _Evidence(
        cv2.GaussianBlur(shown, (0, 0), 1.0), cv2.dilate(mask, np.ones((whole, whole), np.uint8)),
        scaling(golden.shape, size),
    )  # fmt: skip


def _start(mask: Picture, box: OutlineBox, quarter: int, side: BoardSide, whole: bool) -> NDArray[Any] | None:
    """Return the similarity that lays the board's box into the mask's rectangle; None where their shapes disagree."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    (x, y), (wide, tall), degrees = cv2.minAreaRect(np.concatenate(outlines))
    left, top, right, bottom = box
    width, height = max(right - left, 1e-3), max(bottom - top, 1e-3)
    along, across = (wide, tall) if quarter % 2 == 0 else (tall, wide)
    ratios = along / width, across / height
    if whole and not 1 / _LONGER < ratios[0] / ratios[1] < _LONGER:
        return None
    scale = float(np.sqrt(ratios[0] * ratios[1])) if whole else min(ratios)
    turn = np.deg2rad(degrees + 90 * quarter)
    flip = -1.0 if side == "bottom" else 1.0
    linear = scale * np.array([(np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))]) @ np.diag([flip, 1.0])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.array((x, y)) - linear @ np.array(((left + right) / 2, (top + bottom) / 2))
    return matrix


def _coarse(unlike: NDArray[Any], votes: Votes, start: NDArray[Any], scales: NDArray[Any]) -> NDArray[Any]:
    """Return the start moved and scaled to where parts and picture correlate best, at half scale."""
    half = np.diag([0.5, 0.5, 1.0])
    small = cv2.GaussianBlur(cv2.resize(unlike, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), (0, 0), _SOFT_PX)
    size = small.shape[1], small.shape[0]
    middle = np.array(size) / 2
    best, matrix = -1.0, start
    for scale in scales:
        grown = np.diag([scale, scale, 1.0])
        grown[:2, 2] = middle - scale * middle
        tried = grown @ half @ start
        reach = round((0.06 + (1 - min(scale, 1)) / 2) * max(size))
        drawn = cv2.GaussianBlur(votes.draw(tried, size), (0, 0), _SOFT_PX)
        room = cv2.copyMakeBorder(small, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
        _, value, _, (dx, dy) = cv2.minMaxLoc(cv2.matchTemplate(room, drawn, cv2.TM_CCOEFF_NORMED))
        if value > best:
            moved = np.eye(3)
            moved[:2, 2] = dx - reach, dy - reach
            best, matrix = value, np.linalg.inv(half) @ moved @ tried
    return matrix


def _refined(unlike: NDArray[Any], votes: Votes, start: NDArray[Any]) -> Fit | None:
    """Let every part say where it lies, three times in ever smaller windows; None when hardly any agree."""
    matrix, fit = start, None
    for reach, slack_px in _STEPS:
        source, target = vote(unlike, votes, matrix, round(reach * _SIDE_PX))
        if len(source) < _LEAST_AGREEING:
            return None
        cv2.setRNGSeed(1)
        found, inside = cv2.estimateAffine2D(source, target, method=cv2.RANSAC, ransacReprojThreshold=slack_px)
        if found is None or not 1 - _SPREAD < abs(np.linalg.det(found[:, :2])) < 1 + _SPREAD:
            return None
        change = np.vstack([found, (0, 0, 1)])
        kept = inside.ravel() > 0
        off_px = np.linalg.norm(project(change, source[kept]) - target[kept], axis=1)
        matrix = change @ matrix
        off_mm = float(np.sqrt(np.mean(off_px**2))) / _px_per_mm(matrix)
        fit = Fit(matrix, round(off_mm, 4), int(np.count_nonzero(kept)), len(votes.parts))
    if fit is None:
        return None
    drawn = cv2.GaussianBlur(votes.draw(fit.to_picture, (unlike.shape[1], unlike.shape[0])), (0, 0), 1.0)
    correlation = float(np.corrcoef(drawn.ravel(), unlike.ravel())[0, 1])
    return replace(_tilted(unlike, votes, fit), correlation=round(correlation, 3))


def _tilted(unlike: NDArray[Any], votes: Votes, fit: Fit) -> Fit:
    """Allow for a camera that looked a little from the side, where that makes more parts agree."""
    reach, slack_px = _STEPS[-1]
    source, target = vote(unlike, votes, fit.to_picture, round(reach * _SIDE_PX))
    if len(source) < 3 * _LEAST_AGREEING:
        return fit
    cv2.setRNGSeed(1)
    found, inside = cv2.findHomography(source, target, cv2.RANSAC, slack_px)
    agreeing = 0 if found is None else int(np.count_nonzero(inside))
    if agreeing < max(fit.agreeing, fit.asked // 2):
        return fit
    kept = inside.ravel() > 0
    off_px = np.linalg.norm(project(found, source[kept]) - target[kept], axis=1)
    matrix = found @ fit.to_picture
    off_mm = float(np.sqrt(np.mean(off_px**2))) / _px_per_mm(fit.to_picture)
    return replace(fit, to_picture=matrix / matrix[2, 2], off_mm=round(off_mm, 4), agreeing=agreeing)


def _px_per_mm(matrix: NDArray[Any]) -> float:
    return float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
