"""Stacks of conductance matrices in blocks: nets that nothing joins are solved apart, so large boards stay quick."""

from collections.abc import Iterable

import numpy as np

from processors.schematics.faults.readings import Floats


class Network:
    """Conductances between nodes, in siemens, for every (hypothesis, sample) of ``shape``.

    Only nodes that ``edges`` join, directly or over others, can be joined later.
    """

    def __init__(self, nodes: int, edges: Iterable[tuple[int, int]], shape: tuple[int, int]) -> None:
        group = list(range(nodes))
        for one, other in edges:
            old, new = group[other], group[one]
            group = [new if mine == old else mine for mine in group]
        self._blocks = [
            np.array([node for node in range(nodes) if group[node] == name]) for name in dict.fromkeys(group)
        ]
        self._home = {int(node): (at, pos) for at, some in enumerate(self._blocks) for pos, node in enumerate(some)}
        self._matrices = [np.zeros((*shape, len(some), len(some))) for some in self._blocks]
        self._shape = shape

    def join(self, one: int, other: int | None, siemens: Floats | float) -> None:
        """Add a conductance between two nodes, or to ground."""
        block, pos = self._home[one]
        matrix = self._matrices[block]
        matrix[..., pos, pos] += siemens
        if other is not None:
            end = self._home[other][1]
            matrix[..., end, end] += siemens
            matrix[..., pos, end] -= siemens
            matrix[..., end, pos] -= siemens

    def copy(self) -> "Network":
        """Return one that can be changed without this one."""
        made = object.__new__(Network)
        made._blocks, made._home, made._shape = self._blocks, self._home, self._shape
        made._matrices = [one.copy() for one in self._matrices]
        return made

    def solve(self, into: Floats) -> Floats:
        """Return the volts of the nodes, (hypothesis, sample, node), for the amperes that flow into them."""
        volts = np.zeros_like(into)
        for nodes, matrix in zip(self._blocks, self._matrices, strict=True):
            if len(nodes) == 1:  # most nets stand alone, and a division is quicker than a solver
                volts[..., nodes[0]] = into[..., nodes[0]] / matrix[..., 0, 0]
            else:
                volts[..., nodes] = np.linalg.solve(matrix, into[..., nodes, None])[..., 0]
        return volts

    def resistances(self) -> "Resistances":
        """Return the resistances between nodes: the inverse."""
        inverses = [1.0 / one if one.shape[-1] == 1 else np.linalg.inv(one) for one in self._matrices]
        return Resistances(self._home, [np.asarray(one, dtype=np.float64) for one in inverses])


class Resistances:
    """The inverse of a network, block by block."""

    def __init__(self, home: dict[int, tuple[int, int]], inverses: list[Floats]) -> None:
        self._home, self._inverses = home, inverses

    def between(self, one: int, other: int | None = None) -> Floats:
        """Return the ohms from a node to ground, or to another node, (hypothesis, sample)."""
        if other is None:
            return self._shared(one, one)
        return self._shared(one, one) + self._shared(other, other) - 2 * self._shared(one, other)

    def _shared(self, one: int, other: int) -> Floats:
        (block, pos), (others, end) = self._home[one], self._home[other]
        inverse = self._inverses[block]
        return np.asarray(inverse[..., pos, end]) if block == others else np.zeros(inverse.shape[:2])
