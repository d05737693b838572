"""Fits P(fixed | device, fault, complaint) to recorded repairs: a sparse logistic regression, numpy only."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.train.repairs import UNCLEAR, LabelledText, OutcomeRow
from processors.brain.success import BUCKETS, SuccessModel, buckets, traits

L2 = 10.0
"""Chosen on the year before the last (AUC 0.697 at 3, 0.700 at 10, 0.696 at 20), the last one unseen."""
ITERATIONS = 60
_MEMORY = 8

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Repair:
    """One recorded repair as its traits' buckets, with its end and its ISO date."""

    found: NDArray[np.int64]
    fixed: bool
    date: str


def repairs_of(records: Iterable[OutcomeRow], labelled: Sequence[LabelledText], *, strip: bool = True) -> list[Repair]:
    """Return the repairs to learn from; the labelled ones, which are not among ``records``, know their fault family."""
    found = [
        Repair(_found(one.category, one.brand, one.age_years, one.text, None, strip), one.fixed, one.date)
        for one in records
    ]
    for row in labelled:
        if row.fixed is not None:
            family = None if row.family == UNCLEAR else row.family
            named = _found(row.category, row.brand, row.age_years, row.text, family, strip)
            found.append(Repair(named, row.fixed, row.date))
    return found


def _found(
    category: str, brand: str, age_years: float | None, text: str, family: str | None, strip: bool
) -> NDArray[np.int64]:
    return buckets(traits(category, brand, age_years, text, family, strip=strip))


def fit_success(repairs: Sequence[Repair], l2: float = L2, iterations: int = ITERATIONS) -> SuccessModel:
    """Fit the weights, then set the level to that of the newest year: the rate of success has grown over the years."""
    indices, starts = _packed(repairs)
    fixed = np.array([one.fixed for one in repairs], dtype=np.float64)
    owners = np.repeat(np.arange(len(repairs)), np.diff(starts))

    def loss_and_gradient(weights: Vector) -> tuple[float, Vector]:
        odds = np.add.reduceat(weights[indices], starts[:-1])
        loss = float((np.logaddexp(0, odds) - fixed * odds).sum() + l2 / 2 * (weights @ weights))
        slack = 1 / (1 + np.exp(-odds)) - fixed
        return loss, np.bincount(indices, weights=slack[owners], minlength=BUCKETS) + l2 * weights

    weights = _minimum(loss_and_gradient, iterations)
    cut = year_before(max(one.date for one in repairs))
    newest = [one for one in repairs if one.date > cut]
    shifted = weights.copy()
    shifted[buckets(["all"])] += _level(weights, newest)
    return SuccessModel(shifted.astype(np.float32))


def chances(model: SuccessModel, repairs: Sequence[Repair]) -> Vector:
    """Return P(fixed) of each repair, shape (n,)."""
    indices, starts = _packed(repairs)
    odds = np.add.reduceat(model.weights[indices].astype(np.float64), starts[:-1])
    found: Vector = 1 / (1 + np.exp(-odds))
    return found


def year_before(date: str) -> str:
    """Return the ISO date a year before ``date``."""
    return f"{int(date[:4]) - 1}{date[4:]}"


def last_year(records: Sequence[OutcomeRow], labelled: Sequence[LabelledText], *, strip: bool = True) -> dict[str, Any]:
    """Return rows, auc, brier and mean of what is said and of what was so, on the last year of ``records``, by a model
    of the years before. ``strip``: whether words that give the end away are left out."""
    cut = year_before(max(one.date for one in records))
    known = repairs_of(
        [one for one in records if one.date <= cut], [row for row in labelled if row.date <= cut], strip=strip
    )
    asked = repairs_of([one for one in records if one.date > cut], (), strip=strip)
    said = chances(fit_success(known), asked)
    fixed = np.array([one.fixed for one in asked])
    return {
        "after": cut,
        "trained_on": len(known),
        "rows": len(asked),
        "auc": round(area(said, fixed), 4),
        "brier": round(float(np.square(said - fixed).mean()), 4),
        "said": round(float(said.mean()), 4),
        "fixed": round(float(fixed.mean()), 4),
    }


def area(scores: Vector, truth: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve: the chance that a true one scores above a false one (Mann and Whitney
    1947); equal scores count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    yes, no = int(truth.sum()), int((~truth).sum())
    return float((ranks[truth].sum() - yes * (yes + 1) / 2) / (yes * no)) if yes and no else 0.5


def _packed(repairs: Sequence[Repair]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = np.concatenate([[0], np.cumsum([len(one.found) for one in repairs])]).astype(np.int64)
    return np.concatenate([one.found for one in repairs]), starts


def _level(weights: Vector, repairs: Sequence[Repair]) -> float:
    """Return what the log-odds of ``repairs`` must be shifted by to have the mean that was so (Newton's method)."""
    indices, starts = _packed(repairs)
    odds = np.add.reduceat(weights[indices], starts[:-1])
    fixed, shift = float(np.mean([one.fixed for one in repairs])), 0.0
    for _ in range(20):
        said = 1 / (1 + np.exp(-(odds + shift)))
        shift += (fixed - float(said.mean())) / max(float((said * (1 - said)).mean()), 1e-6)
    return shift


def _minimum(loss_and_gradient: Callable[[Vector], tuple[float, Vector]], iterations: int) -> Vector:
    """Return the weights by L-BFGS (Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithm 7.5)."""
    weights = np.zeros(BUCKETS)
    loss, gradient = loss_and_gradient(weights)
    moves: list[tuple[Vector, Vector]] = []
    for _ in range(iterations):
        direction = _direction(gradient, moves)
        slope, step = float(gradient @ direction), 1.0
        while True:
            there = weights - step * direction
            new_loss, new_gradient = loss_and_gradient(there)
            if new_loss <= loss - 1e-4 * step * slope or step < 1e-4:
                break
            step /= 2
        moves = [*moves, (there - weights, new_gradient - gradient)][-_MEMORY:]
        done = abs(loss - new_loss) < 1e-6 * abs(loss)
        weights, loss, gradient = there, new_loss, new_gradient
        if done:
            break
    return weights


def _direction(gradient: Vector, moves: list[tuple[Vector, Vector]]) -> Vector:
    if not moves:
        return gradient / np.linalg.norm(gradient)
    direction, shares = gradient.copy(), []
    for move, change in reversed(moves):
        share = (move @ direction) / (move @ change)
        shares.append(share)
        direction -= share * change
    move, change = moves[-1]
    direction *= (move @ change) / (change @ change)
    for (move, change), share in zip(moves, reversed(shares), strict=True):
        direction += (share - (change @ direction) / (move @ change)) * move
    return direction
