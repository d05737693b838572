"""Fits boosted decision trees: second-order boosting over histograms (Friedman, 2001; Chen and Guestrin, 2016).

Trees are complete and of one depth (``processors/vision/bare/trees.py``), so that a whole level is split at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.vision.bare.trees import Trees, softmax

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class BoostPlan:
    """How to boost. ``rounds`` of one tree for each output; shares of rows and columns are drawn for each tree;
    a side of a split needs ``min_weight`` of curvature."""

    rounds: int = 120
    depth: int = 5
    rate: float = 0.1
    rows: float = 0.8
    columns: float = 0.6
    bins: int = 64
    ridge: float = 1.0
    min_weight: float = 0.2
    min_gain: float = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class _Binned:
    """Rows as bin numbers (N, F) uint8 and the upper edge of each bin (F, B)."""

    codes: Array
    edges: Array


def fit_classes(rows: Array, labels: Array, classes: int, plan: BoostPlan, seed: int, weights: Array) -> Trees:
    """Fit class scores: ``softmax(trees.predict(rows))`` is (N, classes). ``labels`` and ``weights`` are (N,)."""
    wanted = np.eye(classes)[labels]
    start = np.log(np.maximum((wanted * weights[:, None]).sum(0) / weights.sum(), 1e-4))

    def slope(sums: Array) -> tuple[Array, Array]:
        shares = softmax(sums)
        curve = np.maximum(shares * (1 - shares), 1e-6) * weights[:, None]
        return (shares - wanted) * weights[:, None], curve * classes / (classes - 1)

    return _boost(rows, start, slope, plan, seed)


def fit_values(rows: Array, values: Array, plan: BoostPlan, seed: int, clip: float) -> Trees:
    """Fit values (N, K) by least squares with slopes clipped at ``clip`` (Huber, 1964)."""

    def slope(sums: Array) -> tuple[Array, Array]:
        return np.clip(sums - values, -clip, clip), np.ones(values.shape)

    return _boost(rows, np.median(values, axis=0), slope, plan, seed)


def _boost(
    rows: Array, start: Array, slope: Callable[[Array], tuple[Array, Array]], plan: BoostPlan, seed: int
) -> Trees:
    random = np.random.default_rng(seed)
    binned = _bin(rows, plan.bins)
    count, columns = rows.shape
    sums = np.tile(start, (count, 1)).astype(np.float64)
    trees: list[tuple[Array, Array, Array]] = []
    for _ in range(plan.rounds):
        slopes, curves = slope(sums)
        for output in range(len(start)):
            picked = np.flatnonzero(random.random(count) < plan.rows)
            chosen = np.sort(random.choice(columns, max(1, round(plan.columns * columns)), replace=False))
            tree = _grow(binned, slopes[:, output], curves[:, output], picked, chosen, plan)
            sums[:, output] += tree[2][_leaf(binned, tree[0], tree[1])]
            trees.append(tree)
    feature, code, value = (np.stack(parts) for parts in zip(*trees, strict=True))
    threshold = np.where(code < 0, np.inf, binned.edges[feature, np.maximum(code, 0)])
    outputs = np.tile(np.arange(len(start)), plan.rounds)
    return Trees(
        start.astype(np.float32),
        outputs.astype(np.int16),
        feature.astype(np.int16),
        threshold.astype(np.float32),
        value.astype(np.float32),
    )


def _bin(rows: Array, bins: int) -> _Binned:
    edges = np.full((rows.shape[1], bins), np.inf)
    codes = np.empty(rows.shape, np.uint8)
    for column in range(rows.shape[1]):
        seen = np.unique(np.quantile(rows[:, column], np.linspace(0, 1, bins)[1:-1], method="nearest"))
        # A threshold lies between two values that occur, so that rounding cannot tip a row over it.
        values = np.unique(rows[:, column])
        above = values[np.minimum(np.searchsorted(values, seen, "right"), len(values) - 1)]
        cuts = np.unique(((seen + above) / 2).astype(np.float32))
        edges[column, : len(cuts)] = cuts
        codes[:, column] = np.searchsorted(cuts, rows[:, column], "left")
    return _Binned(codes, edges)


def _grow(
    binned: _Binned, slopes: Array, curves: Array, picked: Array, chosen: Array, plan: BoostPlan
) -> tuple[Array, Array, Array]:
    """Return the columns and bin codes of the inner nodes (a code of -1: not split) and the leaves' values."""
    codes = binned.codes[np.ix_(picked, chosen)].astype(np.int64)
    slope, curve = slopes[picked], curves[picked]
    bins = binned.edges.shape[1]
    inner = 2**plan.depth - 1
    feature, code = np.zeros(inner, np.int64), np.full(inner, -1, np.int64)
    node = np.zeros(len(picked), np.int64)
    column_base = np.arange(len(chosen)) * bins
    for depth in range(plan.depth):
        nodes = 2**depth
        place = (node[:, None] * (len(chosen) * bins) + column_base + codes).ravel()
        shape = (nodes, len(chosen), bins)
        size = nodes * len(chosen) * bins
        sums = [
            np.bincount(place, np.repeat(one, len(chosen)), size).reshape(shape).cumsum(2) for one in (slope, curve)
        ]
        column, cut, gain = _best(sums[0], sums[1], plan)
        split = gain > plan.min_gain
        first = nodes - 1
        feature[first : first + nodes] = np.where(split, chosen[column], 0)
        code[first : first + nodes] = np.where(split, cut, -1)
        right = split[node] & (codes[np.arange(len(picked)), column[node]] > cut[node])
        node = 2 * node + right
    leaves = inner + 1
    totals = [np.bincount(node, one, leaves) for one in (slope, curve)]
    return feature, code, -plan.rate * totals[0] / (totals[1] + plan.ridge)


def _best(slope: Array, curve: Array, plan: BoostPlan) -> tuple[Array, Array, Array]:
    """Return for each node the column and bin with the greatest gain, and that gain."""
    all_slope, all_curve = slope[:, :1, -1:], curve[:, :1, -1:]
    rest_slope, rest_curve = all_slope - slope, all_curve - curve
    gain = (
        slope**2 / (curve + plan.ridge)
        + rest_slope**2 / (rest_curve + plan.ridge)
        - all_slope**2 / (all_curve + plan.ridge)
    )
    gain[(curve < plan.min_weight) | (rest_curve < plan.min_weight)] = -1
    flat = gain.reshape(len(gain), -1)
    best = flat.argmax(1)
    column, cut = np.divmod(best, slope.shape[2])
    return column, cut, flat[np.arange(len(gain)), best]


def _leaf(binned: _Binned, feature: Array, code: Array) -> Array:
    node = np.zeros(len(binned.codes), np.int64)
    rows = np.arange(len(node))
    for _ in range((len(feature) + 1).bit_length() - 1):
        right = (code[node] >= 0) & (binned.codes[rows, feature[node]] > code[node])
        node = 2 * node + 1 + right
    return node - len(feature)
