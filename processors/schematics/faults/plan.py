"""Which measurement next: the one that tells most about the class of the fault, a minute.

What it tells is mutual information (Shannon), by histograms of what each reading says under each hypothesis. Looking
two steps ahead was tried and was worse: a sum over both steps does not mind telling nothing in the first.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.readings import Floats, Spot, spread

BINS = 28


class Planner:
    """Histograms of every measurement (hypothesis, measurement, bin), and the classes of the hypotheses."""

    def __init__(self, spots: Sequence[Spot], tables: Sequence[Floats], slip: float) -> None:
        self.spots = tuple(spots)
        self.histograms = np.stack(
            [_histogram(spot, table, slip) for spot, table in zip(spots, tables, strict=True)], axis=1
        ) if spots else np.zeros((0, 0, BINS))  # fmt: skip

    def overlap(self) -> Floats:
        """Return how alike any two hypotheses are in the reading that tells them best apart, 0 to 1 (Bhattacharyya)."""
        count = len(self.histograms)
        same = np.ones((count, count))
        for number in range(len(self.spots)):
            roots = np.sqrt(self.histograms[:, number])
            same = np.minimum(same, roots @ roots.T)
        return same

    def best(
        self, weights: Floats, class_of: NDArray[np.intp], minutes: Floats, taken: NDArray[np.bool_]
    ) -> tuple[int, float] | None:
        """Return the number of the measurement to make and its bits; None where all were taken."""
        if taken.all():
            return None
        chances, histograms = self._by_class(weights, class_of)
        bits = np.maximum(_information(chances, histograms), 0.0)
        bits[taken] = -1.0
        chosen = int(np.argmax(bits / minutes))
        return chosen, float(bits[chosen])

    def bits(self, number: int, weights: Floats, class_of: NDArray[np.intp]) -> float:
        """Return what one measurement tells about the class, in bits."""
        chances, histograms = self._by_class(weights, class_of)
        return max(0.0, float(_information(chances, histograms)[number]))

    def _by_class(self, weights: Floats, class_of: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return the chances of classes that are alive, and what each measurement says under each."""
        count = int(class_of.max()) + 1
        chances = np.bincount(class_of, weights, count)
        mixed = np.zeros((count, *self.histograms.shape[1:]))
        np.add.at(mixed, class_of, weights[:, None, None] * self.histograms)
        alive = np.flatnonzero(chances > 1e-4)
        return chances[alive] / chances[alive].sum(), mixed[alive] / chances[alive, None, None]


def _information(chances: Floats, histograms: Floats) -> Floats:
    mixed = np.einsum("c,cmb->mb", chances, histograms)
    return np.asarray(_entropy(mixed) - chances @ _entropy(histograms), dtype=np.float64)


def _entropy(chances: Floats) -> Floats:
    """Return the entropy of the last axis in bits; no bin is ever empty."""
    return np.asarray(-(chances * np.log2(np.maximum(chances, 1e-300))).sum(axis=-1), dtype=np.float64)


def _histogram(spot: Spot, table: Floats, slip: float) -> Floats:
    """Return how likely a reading falls into each bin, (hypothesis, bin)."""
    deviation = spread(spot.quantity, table)
    low, high = float(table.min()) - 0.05, float(table.max()) + 0.05
    middles = np.linspace(low, high, BINS)
    sigma = np.maximum(deviation, (high - low) / (BINS - 1) / 2)[..., None]
    bins = np.exp(-0.5 * ((middles - table[..., None]) / sigma) ** 2)
    bins = bins / bins.sum(axis=2, keepdims=True)
    return np.asarray((1 - slip) * bins.mean(axis=1) + slip / BINS, dtype=np.float64)
