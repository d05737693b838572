"""How much a fault shows: the drawn boards of a hypothesis, sorted by that and split into groups.

Readings are not independent once the fault is given: a short of many ohms, or an enable that floats high enough, leaves
every rail up, so the second good rail says little after the first. They are nearly so once it is also given how much
the fault shows. Weighing every drawn board by all readings at once would go too far: a handful would decide.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.readings import Floats, Spot, spread

GROUPS = 3
"""Two to eight serve as well, on the boards it was developed on; with one, a first place in a hundred is lost."""
_PLAIN = 6.0
"""From so many deviations on a fault is plain to see in a reading; more says no more."""


class Modes:
    """The groups of each hypothesis. Values come as (hypothesis, sample), means go as (hypothesis, group)."""

    def __init__(self, tables: Iterable[tuple[Spot, Floats]], hypotheses: int, samples: int) -> None:
        shown = np.zeros((hypotheses, samples))
        for spot, table in tables:
            rows = changed(table)
            shown[rows] += np.minimum(np.abs(table[rows] - table[:1]) / spread(spot.quantity, table[:1]), _PLAIN)
        self._order = np.argsort(shown, axis=1, kind="stable")
        self._parts = np.array_split(np.arange(samples), GROUPS)

    def split(self, table: Floats, rows: NDArray[np.intp]) -> list[Floats]:
        """Return the values of some hypotheses in each group, the boards on which the fault shows least first."""
        ordered = np.take_along_axis(table[rows], self._order[rows], axis=1)
        return [ordered[:, some] for some in self._parts]

    def means(self, table: Floats, rows: NDArray[np.intp]) -> Floats:
        """Return the mean in each group of the hypotheses in ``rows``; of all boards, for those that change nothing."""
        found = np.full((len(self._order), GROUPS), float(table[0].mean()))
        found[rows] = np.stack([some.mean(axis=1) for some in self.split(table, rows)], axis=1)
        return found


def changed(table: Floats) -> NDArray[np.intp]:
    """Return the hypotheses under which a reading is another than without a fault, on some drawn board."""
    return np.flatnonzero((table != table[:1]).any(axis=1))
