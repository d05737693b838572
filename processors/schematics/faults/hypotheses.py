"""What may be wrong with a board: one hypothesis for each fault that its netlist has room for, and that nothing is."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from processors.schematics.faults.supply import Supply

FaultKind = Literal["short", "open", "dead_regulator", "no_enable", "no_pull_up", "no_source", "none"]
SHARES: dict[FaultKind, float] = {
    "short": 0.32, "open": 0.20, "dead_regulator": 0.18, "no_enable": 0.10, "no_pull_up": 0.08, "no_source": 0.02,
    "none": 0.10,
}  # fmt: skip
"""How often a bench meets each kind, before anything is known: an estimate of ours, the same on every board."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One fault. ``key`` tells it from others of its kind; ``parts`` are those that can be its cause.

    A short is one of a net: readings on nets cannot say which of its parts it is.
    """

    kind: FaultKind
    net: str
    parts: tuple[str, ...]
    key: str
    prior: float

    @property
    def name(self) -> str:
        """A name that is the same for every diagnosis of the board: ``short:+3V3``."""
        return f"{self.kind}:{self.key}"


def hypotheses(supply: Supply) -> tuple[Hypothesis, ...]:
    """Return the hypotheses of a board, "no fault" first; priors sum to 1."""
    found = [Hypothesis("none", "", (), "", 1.0), *_faults(supply)]
    totals: dict[FaultKind, float] = {}
    for one in found:
        totals[one.kind] = totals.get(one.kind, 0.0) + one.prior
    scale = sum(SHARES[kind] for kind in totals)
    return tuple(
        Hypothesis(one.kind, one.net, one.parts, one.key, one.prior / totals[one.kind] * SHARES[one.kind] / scale)
        for one in found
    )


def _faults(supply: Supply) -> Iterator[Hypothesis]:
    for net in supply.nets:
        if supply.shorting[net]:
            # More capacitors are more chances, but they share the stress: the root, by our judgement.
            yield Hypothesis("short", net, supply.shorting[net], net, sqrt(len(supply.shorting[net])))
    for part in supply.series:
        yield Hypothesis("open", part.to_net, (part.ref,), part.ref, 1.0)
    for maker in supply.makers:
        yield Hypothesis("dead_regulator", maker.output, (maker.ref,), f"{maker.ref}:{maker.output}", 1.0)
    for line in supply.lines:
        kind: FaultKind = "no_enable" if line.enables else "no_pull_up"
        if line.enables or line.pull_ups:
            yield Hypothesis(kind, line.net, (*line.pull_ups, *line.drivers), line.net, 1.0)
    for net in supply.roots:
        yield Hypothesis("no_source", net, (), net, 1.0)
