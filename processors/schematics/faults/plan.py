"""Which measurement next: the one that tells most about the class of the fault.

What it tells is mutual information (Shannon), by histograms of what each reading says under each hypothesis. Not a
minute: the hand's minutes differ by a third, and a bench gives up after so many readings, not after so many minutes.
Looking two steps ahead was tried and gained less than its time.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.modes import GROUPS, Modes, changed
from processors.schematics.faults.readings import Floats, Spot, spread

BINS = 28


class Planner:
    """Histograms of every measurement (hypothesis, group of its drawn boards, measurement, bin)."""

    def __init__(self, spots: Sequence[Spot], tables: Sequence[Floats], modes: Modes, slip: float) -> None:
        self.spots = tuple(spots)
        self.histograms = np.stack(
            [_histogram(spot, table, modes, slip) for spot, table in zip(spots, tables, strict=True)], axis=2
        ) if spots else np.zeros((0, 0, 0, BINS))  # fmt: skip

    def overlap(self) -> Floats:
        """Return how alike any two hypotheses are in the reading that tells them best apart, 0 to 1 (Bhattacharyya)."""
        count = len(self.histograms)
        same = np.ones((count, count))
        whole = self.histograms.mean(axis=1) if count else self.histograms
        for number in range(len(self.spots)):
            roots = np.sqrt(whole[:, number])
            same = np.minimum(same, roots @ roots.T)
        return same

    def bits(self, belief: Floats, class_of: NDArray[np.intp]) -> Floats:
        """Return what each measurement tells about the class, in bits. ``belief`` is (hypothesis, group)."""
        if not self.spots:
            return np.zeros(0)
        chances = np.bincount(class_of, belief.sum(axis=1))
        alive = np.flatnonzero(chances > 1e-4)
        rows = self.histograms.reshape(belief.size, -1)
        mine = (class_of[None] == alive[:, None])[..., None] * belief[None]
        said = (mine.reshape(len(alive), -1) @ rows).reshape(len(alive), len(self.spots), BINS)
        chances = chances[alive]
        return np.maximum(_information(chances / chances.sum(), said / chances[:, None, None]), 0.0)


def _information(chances: Floats, histograms: Floats) -> Floats:
    mixed = np.einsum("c,cmb->mb", chances, histograms)
    return np.asarray(_entropy(mixed) - chances @ _entropy(histograms), dtype=np.float64)


def _entropy(chances: Floats) -> Floats:
    """Return the entropy of the last axis in bits; no bin is ever empty."""
    return np.asarray(-(chances * np.log2(np.maximum(chances, 1e-300))).sum(axis=-1), dtype=np.float64)


def _histogram(spot: Spot, table: Floats, modes: Modes, slip: float) -> Floats:
    """Return how likely a reading falls into each bin, (hypothesis, group, bin)."""
    low, high = float(table.min()) - 0.05, float(table.max()) + 0.05
    middles = np.linspace(low, high, BINS)

    def bins(values: Floats) -> Floats:
        sigma = np.maximum(spread(spot.quantity, values), (high - low) / (BINS - 1) / 2)[..., None]
        found = np.exp(-0.5 * ((middles - values[..., None]) / sigma) ** 2)
        return np.asarray((found / found.sum(axis=2, keepdims=True)).mean(axis=1), dtype=np.float64)

    rows = changed(table)
    means = np.empty((len(table), GROUPS, BINS))
    means[:] = bins(table[:1])
    for group, some in enumerate(modes.split(table, rows)):
        means[rows, group] = bins(some)
    return np.asarray((1 - slip) * means + slip / BINS, dtype=np.float64)
