"""Disjoint sets over small whole numbers: what is joined, however it came about."""

from collections import defaultdict


class Joining:
    """Union-find with path halving; ``add`` gives the next number."""

    def __init__(self, count: int = 0) -> None:
        self._parent = list(range(count))

    def add(self) -> int:
        """Return a new number, joined with nothing."""
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def find(self, one: int) -> int:
        """Return the number that stands for everything joined with ``one``."""
        parent = self._parent
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    def join(self, one: int, other: int) -> None:
        """Join two; the smaller number stands for both, so that the outcome does not hang on the order."""
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low

    def groups(self) -> dict[int, list[int]]:
        """Return the numbers by what stands for them, in order."""
        out: defaultdict[int, list[int]] = defaultdict(list)
        for one in range(len(self._parent)):
            out[self.find(one)].append(one)
        return out

    def copy(self) -> "Joining":
        """Return an independent copy."""
        other = Joining()
        other._parent = list(self._parent)
        return other
