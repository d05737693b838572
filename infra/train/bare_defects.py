"""Spoils drawn copper with defects of a known kind.

Each kind of missing copper is the mirror of one of extra copper: what a short is to copper, an open is to laminate. So
three ways of spoiling are enough: a blob within the ground, a blob at the figure's edge, a band across the ground.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.bare.kinds import Mark

Mask = NDArray[Any]
Random = np.random.Generator

_WAYS = {
    "spurious_copper": (True, "within"),
    "spur": (True, "edge"),
    "short": (True, "across"),
    "pin_hole": (False, "within"),
    "mouse_bite": (False, "edge"),
    "open": (False, "across"),
}
"""Whether copper is added, and the way."""
_TRIES = 60
_WINDOW_PX = 56
_PADDING_PX = 10
"""What people leave about a defect when they mark it: the median in DeepPCB's development boards."""
_APART_PX = 16


@dataclass(frozen=True, slots=True, eq=False)
class Spoilt:
    """Copper after spoiling, (H, W) uint8, and what was done to it."""

    copper: Mask
    marks: tuple[Mark, ...]


def spoil(copper: Mask, kinds: list[str], rim_px: int, random: Random) -> Spoilt:
    """Put defects of these kinds where each fits, clear of the rim and of each other; those that fit nowhere are left
    out."""
    spoilt = copper.copy()
    taken = np.ones(copper.shape, np.uint8)
    taken[rim_px + 12 : -rim_px - 12, rim_px + 12 : -rim_px - 12] = 0
    marks = []
    for kind in kinds:
        added, way = _WAYS[kind]
        figure = spoilt if added else 1 - spoilt
        change = _place(figure, taken, way, random)
        if change is None:
            continue
        spoilt = spoilt | change if added else spoilt & (1 - change)
        left, top, width, height = cv2.boundingRect(change)
        pads = [_PADDING_PX + float(random.uniform(-3, 3)) for _ in range(4)]
        marks.append(Mark(kind, left - pads[0], top - pads[1], left + width + pads[2], top + height + pads[3]))
        reach = _PADDING_PX + _APART_PX
        taken[max(0, top - reach) : top + height + reach, max(0, left - reach) : left + width + reach] = 1
    return Spoilt(spoilt, tuple(marks))


def _place(figure: Mask, taken: Mask, way: str, random: Random) -> Mask | None:
    """Return what the figure gains, as a mask of the whole picture; None when it fits nowhere."""
    ground = cv2.distanceTransform(1 - figure, cv2.DIST_L2, 5)
    fit = {"within": ground > 7, "edge": (ground > 0) & (ground < 2), "across": (ground > 1.4) & (ground < 16)}[way]
    spots = np.flatnonzero(fit & (taken == 0))
    if not len(spots):
        return None
    for _ in range(_TRIES):
        y, x = (int(one) for one in divmod(int(random.choice(spots)), figure.shape[1]))
        make = {"within": _within, "edge": _at_edge, "across": _across}[way]
        left, top = max(0, x - _WINDOW_PX), max(0, y - _WINDOW_PX)
        window = np.s_[top : y + _WINDOW_PX + 1, left : x + _WINDOW_PX + 1]
        gained = make(figure[window], ground[window], (x - left, y - top), random)
        if gained is not None and not np.any(gained & taken[window]):
            change = np.zeros_like(figure)
            change[window] = gained
            return change
    return None


def _within(figure: Mask, ground: NDArray[Any], spot: tuple[int, int], random: Random) -> Mask | None:
    room = float(ground[spot[1], spot[0]])
    size = min(float(random.uniform(3, 10)), room - 3)
    blob = _blob(figure.shape, spot, size, random) if random.random() < 0.75 else _sliver(figure.shape, spot, random)
    grown = cv2.dilate(blob, np.ones((7, 7), np.uint8))
    return None if np.any(grown & figure) or np.count_nonzero(blob) < 18 else blob


def _sliver(shape: tuple[int, ...], spot: tuple[int, int], random: Random) -> Mask:
    turn, half = float(random.uniform(0, np.pi)), float(random.uniform(6, 18))
    reach = half * np.array([np.cos(turn), np.sin(turn)])
    ends = np.round(np.array([spot - reach, spot + reach])).astype(np.int32)
    sliver = np.zeros(shape, np.uint8)
    cv2.polylines(sliver, [ends.reshape(-1, 1, 2)], False, 1, int(random.integers(4, 10)))
    return _piece_at(_ragged(sliver, random), spot)


def _at_edge(figure: Mask, ground: NDArray[Any], spot: tuple[int, int], random: Random) -> Mask | None:
    """A bump, or a tongue that reaches far into the ground; in either case one that joins nothing and cuts nothing."""
    if random.random() < 0.5:
        shape = _tongue(ground, spot, random)
    else:
        size = float(random.choice([random.uniform(2.8, 6), random.uniform(5, 16)]))
        shape = _blob(figure.shape, spot, size, random)
    gained = _piece_at(shape & (1 - figure), spot)
    inside = gained > 0
    if np.count_nonzero(gained) < 16 or float(ground[inside].max()) < 2.7:
        return None
    touched = _pieces(figure, cv2.dilate(gained, np.ones((3, 3), np.uint8)))
    kept = _pieces(1 - (figure | gained)) == _pieces(1 - figure)
    close = cv2.dilate(gained, np.ones((5, 5), np.uint8))
    return gained if touched == 1 and kept and _arcs(figure, close, gained) == 1 else None


def _tongue(ground: NDArray[Any], spot: tuple[int, int], random: Random) -> Mask:
    along = _away(ground, spot, random, spread=0.6)
    length, width = float(random.uniform(8, 40)), int(random.integers(4, 18))
    bend = random.normal(0, 0.12 * length)
    start = np.array(spot) - 3 * along
    middle = np.array(spot) + 0.5 * length * along + bend * np.array([-along[1], along[0]])
    points = np.array([start, middle, np.array(spot) + length * along])
    tongue = np.zeros(ground.shape, np.uint8)
    cv2.polylines(tongue, [np.round(points).astype(np.int32).reshape(-1, 1, 2)], False, 1, width)
    return _ragged(tongue, random)


def _away(ground: NDArray[Any], spot: tuple[int, int], random: Random, spread: float) -> NDArray[Any]:
    """Return a unit vector that leads away from the figure, turned by chance with that standard deviation (radians)."""
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(ground, (0, 0), 2.0))
    toward = np.array([slope_x[spot[1], spot[0]], slope_y[spot[1], spot[0]]])
    if np.linalg.norm(toward) < 0.05:
        toward = random.normal(size=2)
    turn = random.normal(0, spread)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ toward
    along: NDArray[Any] = turned / max(1e-9, float(np.linalg.norm(turned)))
    return along


def _across(figure: Mask, ground: NDArray[Any], spot: tuple[int, int], random: Random) -> Mask | None:
    """A band from the nearest figure to what lies opposite."""
    middle = np.array(spot, np.float64)
    along = _away(ground, spot, random, spread=0.35)
    reach = 40
    steps = np.linspace(-reach, reach, 9)
    bent = np.cumsum(random.normal(0, 1.2, len(steps)))
    points = middle + np.outer(steps, along) + np.outer(bent - bent[4], [-along[1], along[0]])
    band = np.zeros_like(figure)
    cv2.polylines(band, [np.round(points).astype(np.int32).reshape(-1, 1, 2)], False, 1, int(random.integers(3, 13)))
    band = _ragged(band, random)
    gained = _piece_at(band & (1 - figure), spot)
    ends = np.zeros_like(gained)
    for end in np.round(points[[0, -1]]).astype(int):
        cv2.circle(ends, (int(end[0]), int(end[1])), 8, 1, -1)
    if np.count_nonzero(gained) < 16 or np.any(gained & ends):
        return None
    parted = _pieces(1 - (figure | gained)) > _pieces(1 - figure)
    joined = _pieces(figure | gained) < _pieces(figure)
    close = cv2.dilate(gained, np.ones((5, 5), np.uint8))
    return gained if (parted or joined) and _arcs(figure, close, gained) == 2 else None


def _blob(shape: tuple[int, ...], spot: tuple[int, int], size: float, random: Random) -> Mask:
    """A ragged, somewhat stretched disc of about that radius."""
    corners = int(random.integers(7, 13))
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    radii = size * random.uniform(0.6, 1.25, corners)
    stretch, turn = float(random.uniform(0.45, 1.0)), float(random.uniform(0, np.pi))
    x, y = radii * np.cos(angles), stretch * radii * np.sin(angles)
    points = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1) + np.array(spot)
    blob = np.zeros(shape, np.uint8)
    cv2.fillPoly(blob, [np.round(points).astype(np.int32).reshape(-1, 1, 2)], 1)
    return _piece_at(_ragged(blob, random), spot)


def _ragged(mask: Mask, random: Random) -> Mask:
    noise = cv2.GaussianBlur(random.normal(0, 1, mask.shape).astype(np.float32), (0, 0), 1.6) * 5.6
    soft = cv2.GaussianBlur(mask * np.float32(1), (0, 0), 1.0) + 0.10 * noise * cv2.dilate(
        mask, np.ones((3, 3), np.uint8)
    )
    ragged = (soft > 0.5).astype(np.uint8)
    if random.random() < 0.25:
        # Specks: what is left of the film after a poor exposure.
        ragged &= (random.random(mask.shape) > random.uniform(0.02, 0.12)).astype(np.uint8)
    return ragged


def _piece_at(mask: Mask, spot: tuple[int, int]) -> Mask:
    """Return the connected piece nearest the spot."""
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    if count <= 1:
        return mask
    ys, xs = np.nonzero(mask)
    nearest = int(np.argmin((xs - spot[0]) ** 2 + (ys - spot[1]) ** 2))
    piece: Mask = (labels == labels[ys[nearest], xs[nearest]]).astype(np.uint8)
    return piece


def _pieces(mask: Mask, place: Mask | None = None) -> int:
    """Count the connected pieces of at least six pixels (those that ``place`` touches)."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    large = stats[1:count, cv2.CC_STAT_AREA] >= 6
    if place is not None:
        large &= np.bincount(labels[place > 0], minlength=count)[1:] > 0
    return int(np.count_nonzero(large))


def _arcs(figure: Mask, close: Mask, gained: Mask) -> int:
    """Count the separate stretches of the figure about what was gained."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(close & figure & (1 - gained), connectivity=8)
    return int(np.count_nonzero(stats[1:count, cv2.CC_STAT_AREA] >= 3))
