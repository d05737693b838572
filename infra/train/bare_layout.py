"""Draws the copper of bare boards: tracks, pads, vias, planes, stripes, letters. Copper is 1, laminate 0."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[Any]
Random = np.random.Generator

SIDE_PX = 640
_SPARE_PX = 48
"""Drawn about the picture, so that a shifted or turned one has no empty rim."""


def draw_layout(random: Random) -> tuple[Mask, Mask]:
    """Return copper and drill holes, both (H, W) uint8 of ``SIDE_PX`` and a spare rim; holes are not yet drilled."""
    side = SIDE_PX + 2 * _SPARE_PX
    copper, holes = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    main = _MAIN[int(random.integers(len(_MAIN)))]
    main(copper, holes, random)
    for extra in _EXTRAS:
        if random.random() < 0.3:
            extra(copper, holes, random)
    if random.random() < 0.15:
        # A film that was exposed the other way round: tracks are gaps in a plane.
        copper = 1 - copper
        holes &= copper
    return (copper, holes) if random.random() < 0.5 else (copper.T.copy(), holes.T.copy())


def spare_px() -> int:
    """Return the width of the spare rim."""
    return _SPARE_PX


def _stripes(copper: Mask, holes: Mask, random: Random) -> None:
    left = int(random.integers(0, 40))
    while left < copper.shape[1]:
        width = int(random.choice([8, 12, 18, 28, 50, 90]) * random.uniform(0.8, 1.2))
        start, end = sorted(random.integers(0, copper.shape[0], 2).tolist())
        if random.random() < 0.6 or end - start < 100:
            start, end = 0, copper.shape[0]
        copper[start:end, left : left + width] = 1
        left += width + int(random.choice([8, 12, 18, 30, 60]) * random.uniform(0.8, 1.3))


def _bus(copper: Mask, holes: Mask, random: Random) -> None:
    """Parallel tracks that bend together, with pads at some ends."""
    for _ in range(int(random.integers(2, 5))):
        width = int(random.choice([random.integers(5, 16), random.integers(7, 11), random.integers(3, 6)]))
        pitch = width + int(random.choice([random.integers(8, 26), random.integers(8, 14)]))
        points = _route(random, copper.shape[0])
        for lane in range(int(random.integers(2, 9))):
            shifted = points + np.array([lane * pitch, lane * pitch * random.choice([0, 1])])
            _line(copper, shifted, width)
            if random.random() < 0.5:
                _pad(copper, holes, shifted[-1], random)


def _route(random: Random, side: int) -> NDArray[Any]:
    """Return a walk in steps along the eight directions of a board, (N, 2) in pixels."""
    at = random.integers(0, side, 2).astype(np.float64)
    heading = int(random.integers(8))
    points = [at]
    for _ in range(int(random.integers(3, 8))):
        angle = heading * np.pi / 4
        at = at + random.uniform(50, 260) * np.array([np.cos(angle), np.sin(angle)])
        points.append(at)
        heading += int(random.choice([-1, 1]))
    return np.array(points)


def _web(copper: Mask, holes: Mask, random: Random) -> None:
    """Pads on a grid, some joined by tracks."""
    pitch = int(random.integers(44, 120))
    radius = int(random.integers(9, max(10, pitch // 3)))
    bore = int(radius * random.uniform(0.3, 0.65)) if random.random() < 0.8 else 0
    width = int(random.integers(5, 15))
    spots = [
        np.array([x, y]) + random.integers(-3, 4, 2)
        for x in range(20, copper.shape[1], pitch)
        for y in range(20, copper.shape[0], pitch)
        if random.random() < 0.75
    ]
    for spot in spots:
        cv2.circle(copper, _whole(spot), radius, 1, -1)
        if bore:
            cv2.circle(holes, _whole(spot), bore, 1, -1)
        if random.random() < 0.5:
            step = np.array([[pitch, 0], [0, pitch], [pitch, pitch], [2 * pitch, 0]])[int(random.integers(4))]
            _line(copper, np.array([spot, spot + step]), width)


def _plane(copper: Mask, holes: Mask, random: Random) -> None:
    """A plane with clearances, slots and isolated pads in it."""
    copper[:] = 1
    for _ in range(int(random.integers(8, 30))):
        spot = random.integers(0, copper.shape[0], 2)
        radius, ring = int(random.integers(12, 34)), int(random.integers(7, 16))
        cv2.circle(copper, _whole(spot), radius + ring, 0, -1)
        cv2.circle(copper, _whole(spot), radius, 1, -1)
        if random.random() < 0.6:
            cv2.circle(holes, _whole(spot), int(radius * random.uniform(0.3, 0.6)), 1, -1)
        if random.random() < 0.4:
            angle = random.integers(4) * np.pi / 2
            end = spot + (radius + ring + 4) * np.array([np.cos(angle), np.sin(angle)])
            _line(copper, np.array([spot, end]), int(random.integers(6, 14)))
    for _ in range(int(random.integers(1, 4))):
        gap = int(random.integers(7, 18))
        route = _route(random, copper.shape[0])
        _line(copper, route, 2 * gap + int(random.integers(7, 16)), value=0)
        if random.random() < 0.7:
            _line(copper, route, int(random.integers(6, 16)))


def _serpentine(copper: Mask, holes: Mask, random: Random) -> None:
    width, gap = int(random.integers(6, 16)), int(random.integers(9, 26))
    top, left = (int(one) for one in random.integers(20, 200, 2))
    reach, pitch = int(random.integers(120, 420)), width + gap
    points = []
    for turn in range(int(random.integers(4, 14))):
        ends = [(left, top + turn * pitch), (left + reach, top + turn * pitch)]
        points += ends if turn % 2 == 0 else ends[::-1]
    _line(copper, np.array(points, np.float64), width)


def _chips(copper: Mask, holes: Mask, random: Random) -> None:
    """Rows of rectangular pads, as under a chip."""
    for _ in range(int(random.integers(2, 6))):
        left, top = (int(one) for one in random.integers(0, copper.shape[0] - 100, 2))
        width, length = int(random.integers(8, 22)), int(random.integers(24, 70))
        pitch = width + int(random.integers(8, 22))
        apart = int(random.integers(60, 200))
        for pin in range(int(random.integers(3, 12))):
            for side in (0, 1):
                x, y = left + pin * pitch, top + side * apart
                copper[y : y + length, x : x + width] = 1
                if random.random() < 0.4:
                    tail = np.array(
                        [(x + width / 2, y + length / 2), (x + width / 2, y + length / 2 + 120 * side - 60)]
                    )
                    _line(copper, tail, max(4, width // 2))


def _discs(copper: Mask, holes: Mask, random: Random) -> None:
    for _ in range(int(random.integers(1, 5))):
        spot = random.integers(0, copper.shape[0], 2)
        radius = int(random.choice([14, 20, 40, 90, 150]) * random.uniform(0.8, 1.2))
        cv2.circle(copper, _whole(spot), radius, 1, -1)
        if random.random() < 0.3:
            cv2.circle(holes, _whole(spot), int(radius * random.uniform(0.2, 0.6)), 1, -1)


def _letters(copper: Mask, holes: Mask, random: Random) -> None:
    spot = random.integers(30, copper.shape[0] - 150, 2)
    text = "".join(random.choice(list("ABCDEFGHJKLMNPRSTUVWXYZ0123456789"), int(random.integers(2, 6))))
    scale = float(random.uniform(0.9, 2.4))
    cv2.putText(copper, text, _whole(spot), cv2.FONT_HERSHEY_SIMPLEX, scale, 1, int(random.integers(3, 7)))


def _joined_pads(copper: Mask, holes: Mask, random: Random) -> None:
    for _ in range(int(random.integers(3, 10))):
        route = _route(random, copper.shape[0])[: int(random.integers(2, 5))]
        _line(copper, route, int(random.integers(5, 18)))
        for end in (route[0], route[-1]):
            _pad(copper, holes, end, random)


_MAIN: tuple[Callable[[Mask, Mask, Random], None], ...] = (
    _stripes,
    _bus,
    _web,
    _plane,
    _serpentine,
    _chips,
    _joined_pads,
)
_EXTRAS: tuple[Callable[[Mask, Mask, Random], None], ...] = (_bus, _serpentine, _chips, _discs, _letters, _joined_pads)


def _pad(copper: Mask, holes: Mask, spot: NDArray[Any], random: Random) -> None:
    radius = int(random.integers(9, 26))
    if random.random() < 0.6:
        cv2.circle(copper, _whole(spot), radius, 1, -1)
    else:
        longer = radius + int(random.integers(0, 14))
        corner = np.array([longer, radius])
        cv2.rectangle(copper, _whole(spot - corner), _whole(spot + corner), 1, -1)
    if random.random() < 0.6:
        cv2.circle(holes, _whole(spot), int(radius * random.uniform(0.3, 0.6)), 1, -1)


def _line(copper: Mask, points: NDArray[Any], width: int, value: int = 1) -> None:
    cv2.polylines(copper, [np.round(points).astype(np.int32).reshape(-1, 1, 2)], False, value, width)


def _whole(spot: NDArray[Any]) -> tuple[int, int]:
    return int(spot[0]), int(spot[1])
