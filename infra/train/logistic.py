"""Multinomial logistic regression with an L2 penalty, fitted by L-BFGS; numpy only."""

import numpy as np
from numpy.typing import NDArray

from infra.train.sparse import SparseRows

Matrix = NDArray[np.float32]

_MEMORY = 8
_INTERCEPT_L2 = 1e-3


def fit(
    inputs: Matrix | SparseRows,
    targets: NDArray[np.int64],
    counts: NDArray[np.float32],
    classes: int,
    l2: float,
    iterations: int,
) -> Matrix:
    """Return weights of shape (inputs' columns, classes).

    ``inputs`` has shape (n, d) with ones in the last column, whose weights are all but free of the penalty
    ``l2 / 2 * |W|^2``; a row with ``counts`` 2 counts as two rows. Minimises the summed log loss with
    limited-memory BFGS (Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithm 7.5) and a
    backtracking line search; stops early when the loss falls by less than one part in 100,000.
    """
    penalty = np.full((inputs.shape[1], 1), l2, dtype=np.float32)
    penalty[-1] = _INTERCEPT_L2
    wanted = np.eye(classes, dtype=np.float32)[targets]

    def loss_and_gradient(weights: Matrix) -> tuple[float, Matrix]:
        logits = inputs @ weights
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        sums = powers.sum(axis=1, keepdims=True)
        loss = float((counts * (np.log(sums[:, 0]) - logits[np.arange(len(targets)), targets])).sum())
        gradient = inputs.T @ (counts[:, None] * (powers / sums - wanted)) + penalty * weights
        return loss + float((penalty * weights * weights).sum()) / 2, gradient

    weights = np.zeros((inputs.shape[1], classes), dtype=np.float32)
    loss, gradient = loss_and_gradient(weights)
    moves: list[tuple[Matrix, Matrix]] = []
    for _ in range(iterations):
        direction = _direction(gradient, moves)
        slope = float((gradient * direction).sum())
        step = 1.0
        while True:
            there = weights - np.float32(step) * direction
            new_loss, new_gradient = loss_and_gradient(there)
            if new_loss <= loss - 1e-4 * step * slope or step < 1e-4:
                break
            step /= 2
        moves = [*moves, (there - weights, new_gradient - gradient)][-_MEMORY:]
        done = abs(loss - new_loss) < 1e-5 * abs(loss)
        weights, loss, gradient = there, new_loss, new_gradient
        if done:
            break
    return weights


def _direction(gradient: Matrix, moves: list[tuple[Matrix, Matrix]]) -> Matrix:
    """Return the inverse Hessian estimate times the gradient (the two-loop recursion)."""
    if not moves:
        first: Matrix = gradient / np.float32(np.linalg.norm(gradient))
        return first
    direction = gradient.copy()
    shares = []
    for move, change in reversed(moves):
        share = (move * direction).sum() / (move * change).sum()
        shares.append(share)
        direction -= share * change
    move, change = moves[-1]
    direction *= (move * change).sum() / np.square(change).sum()
    for (move, change), share in zip(moves, reversed(shares), strict=True):
        direction += (share - (change * direction).sum() / (move * change).sum()) * move
    return direction
