"""From the picture of a part to what is printed on it, what that means, and whether it belongs there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.markings.glyphs import ALPHABET, NONE, Glyphs, default_glyphs, patches
from processors.vision.markings.grammar import Kind, Meaning, agrees, meanings, value_of
from processors.vision.markings.line import Line, find_lines

_MOST = 4
_TRIED = 3
_WIDTHS = 0.1, 1.15
"""Narrowest and widest window of one glyph, in heights of the line."""
_UNUSUAL = 3.0
"""How many nats a value that is hardly made costs against a usual one."""
_PER_GLYPH = -2.2
"""Below this mean log share the best reading is called unreadable: what is there is no marking."""
_AMBIGUOUS = 1.5
"""Readings the other way up that are at most so many nats behind are told."""


@dataclass(frozen=True, slots=True)
class Marking:
    """What was read.

    Attributes:
        text: the code as printed.
        confidence: 0 to 1, its share among all readings that are codes, the other way up included.
        turned_deg: 0, 90, 180 or 270: how far clockwise the picture must be turned to read it.
        meaning: its likeliest meaning, or the one that is expected.
        upside_down: what it reads when turned by 180 degrees, where that is nearly as likely; the part's place in the
            board file, or a measurement, decides.
        agrees: whether the expected value is printed; None when none was given or it cannot be understood.
    """

    text: str
    confidence: float
    turned_deg: int
    meaning: Meaning
    upside_down: str | None = None
    agrees: bool | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    text: str
    score: float
    turned_deg: int


def read_marking(
    part: NDArray[Any], kind: Kind = "resistor", expected: str | None = None, glyphs: Glyphs | None = None
) -> Marking | None:
    """Read the code on a part, or return None where none can be read.

    Args:
        part: the part with its ends and little else, (H, W) or (H, W, 3) uint8; either way up, lying or standing.
        kind: what it is; each kind has codes of its own.
        expected: its value as the parts list writes it. It settles which way up an ambiguous marking stands, and
            nothing else: a wrong part is not read as the right one.
        glyphs: the trained part; the shipped one by default.
    """
    lying = part if part.shape[1] >= part.shape[0] else cv2.rotate(part, cv2.ROTATE_90_CLOCKWISE)
    first = 0 if lying is part else 90
    known = glyphs or default_glyphs()
    for line in find_lines(lying):
        up, down = (
            _readings(one, (first + turn) % 360, kind, known) for one, turn in ((line, 0), (line.turned(), 180))
        )
        every = _best_of_each(up + down)
        # The other tone is looked at only when this one says nothing: the hole of a nought is a nought too.
        if every and every[0].score / len(every[0].text) >= _PER_GLYPH:
            return _told(every, kind, expected)
    return None


def _told(every: list[_Reading], kind: Kind, expected: str | None) -> Marking:
    wanted = None if expected is None else value_of(expected, kind)
    best = every[0]
    other = next(
        (one for one in every if (one.turned_deg - best.turned_deg) % 360 == 180 and one.text != best.text), None
    )
    if other is not None and best.score - other.score > _AMBIGUOUS:
        other = None
    if other is not None and wanted is not None and _fitting(other, kind, wanted) and not _fitting(best, kind, wanted):
        best, other = other, best
    fitting = None if wanted is None else _fitting(best, kind, wanted)
    total = sum(float(np.exp(one.score - every[0].score)) for one in every)
    return Marking(
        text=best.text,
        confidence=round(float(np.exp(best.score - every[0].score)) / total, 3),
        turned_deg=best.turned_deg,
        meaning=fitting or meanings(best.text, kind)[0],
        upside_down=None if other is None else other.text,
        agrees=None if wanted is None else fitting is not None,
    )


def _fitting(reading: _Reading, kind: Kind, wanted: float) -> Meaning | None:
    return next((one for one in meanings(reading.text, kind) if agrees(one, wanted)), None)


def _best_of_each(every: list[_Reading]) -> list[_Reading]:
    best: dict[tuple[str, int], _Reading] = {}
    for one in every:
        held = best.get((one.text, one.turned_deg))
        if held is None or one.score > held.score:
            best[one.text, one.turned_deg] = one
    return sorted(best.values(), key=lambda one: (-one.score, one.text, one.turned_deg))


def _readings(line: Line, turned_deg: int, kind: Kind, glyphs: Glyphs) -> list[_Reading]:
    """Return what a line may say: the best cuts into 1 to 4 glyphs, the likeliest glyphs of each, as codes."""
    windows = _windows(line)
    if not windows:
        return []
    logs = glyphs.log_shares(patches([line.ink[:, a:b] for a, b in windows]))
    shares = dict(zip(windows, logs, strict=True))
    found = []
    for path in _paths(line.cuts, shares):
        for text, score in _texts([shares[window] for window in path]):
            known = meanings(text, kind)
            if known:
                found.append(_Reading(text, score - (0 if known[0].usual else _UNUSUAL), turned_deg))
    return found


def _windows(line: Line) -> list[tuple[int, int]]:
    height = line.ink.shape[0]
    low, high = _WIDTHS[0] * height, _WIDTHS[1] * height
    cuts = line.cuts
    return [(a, b) for i, a in enumerate(cuts) for b in cuts[i + 1 :] if low <= b - a <= high]


def _paths(cuts: tuple[int, ...], shares: dict[tuple[int, int], NDArray[Any]]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield the best way to cover the line with 1, 2, 3 and 4 windows, where there is one."""
    best: dict[tuple[int, int], tuple[float, tuple[tuple[int, int], ...]]] = {(cuts[0], 0): (0.0, ())}
    for end in cuts[1:]:
        for count in range(1, _MOST + 1):
            ways = [
                (
                    best[start, count - 1][0] + float(shares[start, end][:NONE].max()),
                    (*best[start, count - 1][1], (start, end)),
                )
                for start in cuts
                if start < end and (start, end) in shares and (start, count - 1) in best
            ]
            if ways:
                best[end, count] = max(ways)
    for count in range(1, _MOST + 1):
        if (cuts[-1], count) in best:
            yield best[cuts[-1], count][1]


def _texts(logs: list[NDArray[Any]]) -> Iterator[tuple[str, float]]:
    likely = [[(ALPHABET[i], float(row[i])) for i in np.argsort(-row[:NONE])[:_TRIED]] for row in logs]
    for glyphs in product(*likely):
        yield "".join(letter for letter, _ in glyphs), sum(score for _, score in glyphs)
