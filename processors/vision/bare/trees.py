"""Boosted decision trees as plain arrays: what prediction needs, and a format without code in it.

Every tree is complete and of the same depth: node ``i`` has the children ``2i + 1`` and ``2i + 2``, and a row goes to
the second one when its value is above the threshold. A node that was not split has an infinite threshold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """An ensemble with several outputs.

    Attributes:
        start: (O,) float32, where each output starts.
        output: (T,) int16, the output that each tree adds to.
        feature: (T, 2^D - 1) int16, column of each inner node.
        threshold: (T, 2^D - 1) float32.
        value: (T, 2^D) float32, of the leaves; the learning rate is in it.
    """

    start: NDArray[Any]
    output: NDArray[Any]
    feature: NDArray[Any]
    threshold: NDArray[Any]
    value: NDArray[Any]

    def predict(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return (N, O) float64 sums of the leaves that each of the rows (N, F) float32 falls into."""
        count, inner = len(rows), self.feature.shape[1]
        node = np.zeros((count, len(self.feature)), np.int64)
        tree, row = np.arange(len(self.feature))[None], np.arange(count)[:, None]
        while inner:
            right = rows[row, self.feature[tree, node]] > self.threshold[tree, node]
            node = 2 * node + 1 + right
            inner //= 2
        leaves = self.value[tree, node - self.feature.shape[1]]
        sums = np.tile(self.start.astype(np.float64), (count, 1))
        for one in range(len(self.start)):
            sums[:, one] += leaves[:, self.output == one].sum(1, dtype=np.float64)
        return sums

    def to_arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, each name with the prefix."""
        return {prefix + name: getattr(self, name) for name in _NAMES}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str, columns: int) -> "Trees":
        """Take the arrays back, for rows of so many columns.

        Raises:
            ValueError: they do not fit together.
        """
        try:
            made = cls(*(arrays[prefix + name] for name in _NAMES))
        except KeyError as error:
            raise ValueError(f"array {error} is missing") from None
        made._check(columns)
        return made

    def _check(self, columns: int) -> None:
        trees, inner = self.feature.shape if self.feature.ndim == 2 else (-1, -1)
        depth = (inner + 1).bit_length() - 1
        fits = (
            inner == 2**depth - 1
            and self.threshold.shape == (trees, inner)
            and self.value.shape == (trees, inner + 1)
            and self.output.shape == (trees,)
            and self.start.ndim == 1
        )
        if not fits:
            raise ValueError("the arrays of the trees have shapes that do not fit together")
        in_range = trees == 0 or (
            int(self.feature.min()) >= 0
            and int(self.feature.max()) < columns
            and int(self.output.min()) >= 0
            and int(self.output.max()) < len(self.start)
        )
        if not in_range:
            raise ValueError(f"the trees ask for columns or outputs that are not there ({columns} columns)")


_NAMES = ("start", "output", "feature", "threshold", "value")


def softmax(scores: NDArray[Any]) -> NDArray[Any]:
    """Return the shares (N, K) of the scores (N, K)."""
    raised = np.exp(scores - scores.max(1, keepdims=True))
    shares: NDArray[Any] = raised / raised.sum(1, keepdims=True)
    return shares
