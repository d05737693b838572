"""Fits the calibration of the fault classifier to what models said of texts that they had not seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from processors.brain.calibration import TopCalibration

Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]


def temperature_of(logits: Matrix, before: Matrix, targets: NDArray[np.int64]) -> float:
    """Return the divisor of the logits that minimises the ranking's log loss, to 1 %, from a grid.

    Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2), through the
    ranking's mixing with the prior shares ``before`` of shape (n, families).
    """
    return float(min(np.geomspace(0.2, 3.0, 272), key=lambda one: log_loss(mixed(logits, before, one), targets)))


def mixed(logits: Matrix, before: Matrix, temperature: float) -> Matrix:
    """Return the ranking's shares of the families, shape (n, families), before their calibration."""
    shares = _softmax(logits / np.float32(temperature))
    found: Matrix = (1 - shares[:, -1:]) * _softmax(logits[:, :-1] / np.float32(temperature)) + shares[:, -1:] * before
    return found


def top_calibration(shares: Matrix, right: NDArray[np.bool_]) -> TopCalibration:
    """Return the curve for the first families of ``shares``, ``right`` or not (Newton's method, a touch of ridge)."""
    top = np.clip(shares.max(axis=1).astype(np.float64), 1e-4, 1 - 1e-4)
    odds = np.log(top / (1 - top))
    inputs = np.stack([np.ones_like(odds), odds, odds * odds], axis=1)
    weights = np.zeros(3)
    for _ in range(30):
        said = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        bend = (inputs.T * (said * (1 - said))) @ inputs + 1e-3 * np.eye(3)
        weights = weights + np.linalg.solve(bend, inputs.T @ (right - said))
    return TopCalibration(*(round(float(one), 5) for one in weights))


def log_loss(probabilities: Matrix, targets: NDArray[np.int64]) -> float:
    """Return the mean of -log P(what was so), in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(targets)), targets], 1e-12)).mean())


def expected_error(confidence: Vector | Matrix, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error over ``bins`` of equal width (Naeini et al. 2015)."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps: Sequence[float] = [
        abs(float(right[place == one].mean()) - float(confidence[place == one].mean())) * float((place == one).mean())
        for one in set(place.tolist())
    ]
    return float(sum(gaps))


def least_error(confidence: Vector | Matrix, draws: int = 200, seed: int = 1) -> float:
    """Return the mean of :func:`expected_error` when the probabilities are perfect, that is when what is so is drawn by
    them: bins with few rows have a gap by chance alone, and no calibration is measurably better than this."""
    random = np.random.default_rng(seed)
    drawn = (random.random(len(confidence)) < confidence for _ in range(draws))
    return float(np.mean([expected_error(confidence, right) for right in drawn])) if len(confidence) else 0.0


def _softmax(logits: Matrix) -> Matrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return shares
