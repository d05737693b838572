"""Rows that are mostly zeros, as far as logistic regression multiplies them: numpy only."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class SparseRows:
    """A matrix of ``shape`` whose entry k is ``values[k]`` at row ``rows[k]``, column ``columns[k]``; entries at one
    place add up. Multiplies dense matrices from the left: ``inputs @ weights`` and ``inputs.T @ errors``."""

    shape: tuple[int, int]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Matrix

    @cached_property
    def T(self) -> "SparseRows":  # noqa: N802 - as arrays call it
        """The same with rows and columns exchanged."""
        return SparseRows(self.shape[::-1], self.columns, self.rows, self.values)

    def __matmul__(self, dense: Matrix) -> Matrix:
        """Return the product with a matrix of shape (columns, n)."""
        columns, values, begins, filled = self._by_row
        product = np.zeros((self.shape[0], dense.shape[1]), dtype=np.float32)
        if len(begins):
            product[filled] = np.add.reduceat(dense[columns] * values, begins, axis=0)
        return product

    @cached_property
    def _by_row(self) -> tuple[NDArray[np.int64], Matrix, NDArray[np.int64], NDArray[np.int64]]:
        """Columns and values in order of rows, where each row that is not empty begins, and which rows those are."""
        order = np.argsort(self.rows, kind="stable")
        filled, begins = np.unique(self.rows[order], return_index=True)
        return self.columns[order], self.values[order][:, None], begins, filled
