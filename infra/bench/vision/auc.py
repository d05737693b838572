"""The area under the receiver operating characteristic."""

from collections.abc import Sequence

import numpy as np


def auc(low: Sequence[float], high: Sequence[float]) -> float:
    """Return the chance that one of ``low`` lies below one of ``high``, ties counting half (Mann and Whitney, 1947)."""
    a, b = np.asarray(low, float)[:, None], np.asarray(high, float)[None, :]
    return float(np.mean((a < b) + 0.5 * (a == b)))
