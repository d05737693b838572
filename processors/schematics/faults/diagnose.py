"""From readings to suspects: Bayes over hypotheses and drawn boards, and the measurement that tells most a minute.

A drawn board under a hypothesis is a particle; a reading weighs it by how near its prediction is. A reading is a slip
(wrong pad, wrong range) once in fifty, so that no reading ever makes a fault impossible. Information is the mutual
information between class and reading, by a histogram of predictions.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.explain import evidence, note
from processors.schematics.faults.hypotheses import Hypothesis, hypotheses
from processors.schematics.faults.predict import predict
from processors.schematics.faults.readings import Floats, Measured, Quantity, Spot, scaled, spots_of, spread
from processors.schematics.faults.supply import supply_of
from processors.schematics.faults.suspects import Diagnosis, NextMeasurement, Suspect
from processors.schematics.faults.symptoms import Symptom, symptom_weights
from processors.schematics.index import Index

SLIP = 0.02
_RANGE: dict[Quantity, float] = {"ohm": 19.0, "volt": 20.0, "diode": 2.0, "amp": 9.0}
"""How far readings of a slip lie apart, on their scale."""
_BINS = 28
_SAME = 0.80
"""Overlap (Bhattacharyya) in every reading from which two faults count as one class."""
SURE = 0.95
WORTH_BITS = 0.015
"""Below this a reading is not worth its minute."""
_SHORT_RISK = 0.4
_SHORT_MINUTES = 4.0
"""What switching on a shorted board costs on average, as minutes: a burnt part is an hour, once in fifteen."""


class Diagnoser:
    """All that can be worked out before the first reading; use one for many diagnoses of a board."""

    def __init__(self, index: Index, seed: int = 0) -> None:
        self.index = index
        self.supply = supply_of(index)
        self.hypotheses: tuple[Hypothesis, ...] = hypotheses(self.supply)
        self.predicted = predict(self.supply, self.hypotheses, seed)
        self.spots: tuple[Spot, ...] = spots_of(self.supply)
        self._tables = {spot: table for spot in self.spots if (table := self.table(spot)) is not None}
        self._histograms = {spot: _histogram(spot, table) for spot, table in self._tables.items()}
        self.classes: tuple[tuple[int, ...], ...] = self._classes()
        self.class_of: NDArray[np.intp] = np.zeros(len(self.hypotheses), dtype=np.intp)
        for number, members in enumerate(self.classes):
            self.class_of[list(members)] = number
        self._priors = np.array([one.prior for one in self.hypotheses], dtype=np.float64)

    def table(self, spot: Spot) -> Floats | None:
        """Return the predictions for a measurement on its scale, (hypothesis, sample); None for an unknown place."""
        table = self.predicted.readings(spot)
        return None if table is None else scaled(spot.quantity, table)

    def weights(
        self, readings: Iterable[Measured] = (), symptom: Symptom | None = None, about: str | None = None
    ) -> Floats:
        """Return the weight of each hypothesis and sample; all sum to 1."""
        weights = symptom_weights(self.predicted, symptom, about) * self._priors[:, None]
        logs = np.log(np.maximum(weights, 1e-300))
        for one in readings:
            likelihood = self._likelihood(one)
            logs += np.log(likelihood) if likelihood is not None else 0.0
        weights = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def posterior(self, weights: Floats) -> Floats:
        """Return the probability of each class."""
        return np.bincount(self.class_of, weights.sum(axis=1), len(self.classes)).astype(np.float64)

    def diagnose(
        self, readings: Sequence[Measured] = (), symptom: Symptom | None = None, about: str | None = None
    ) -> Diagnosis:
        """Return suspects, likeliest first, and what to measure next. ``about`` is a chip whose function is missed."""
        weights = self.weights(readings, symptom, about)
        chances = self.posterior(weights)
        suspects = [
            self._suspect(number, float(chances[number]), weights, readings) for number in np.argsort(-chances)
        ]  # fmt: skip
        unused = tuple(one.spot.words for one in readings if self._likelihood(one) is None)
        spot = None if chances.max() > SURE else self.next_spot(weights, [one.spot for one in readings])
        return Diagnosis(tuple(suspects), None if spot is None else self._next(spot, weights), unused)

    def next_spot(self, weights: Floats, taken: Iterable[Spot] = ()) -> Spot | None:
        """Return the measurement with most information a minute; None where none is worth it."""
        gains = self._gains(weights, set(taken))
        spot = max(gains, key=lambda one: gains[one] / self._minutes(one, weights), default=None)
        return spot if spot is not None and gains[spot] > WORTH_BITS else None

    def _next(self, spot: Spot, weights: Floats) -> NextMeasurement:
        risk = self._short_chance(weights)
        hazard = ""
        if spot.powered and risk > 0.1:
            hazard = "a rail may be shorted: use a supply with a current limit, and begin with 100 mA"
        elif not spot.powered:
            hazard = "switch off, take the battery out, and let capacitors discharge first"
        bits = self._gains(weights, set(self.spots) - {spot})[spot]
        return NextMeasurement(
            spot.quantity, spot.net, spot.other, spot.words, round(bits, 3), spot.minutes, hazard
        )  # fmt: skip

    def _minutes(self, spot: Spot, weights: Floats) -> float:
        """Return the cost: the minutes of the hand, and the risk of switching on what may be shorted."""
        risk = _SHORT_RISK * _SHORT_MINUTES * self._short_chance(weights) if spot.powered else 0.0
        return spot.minutes + risk

    def _short_chance(self, weights: Floats) -> float:
        return float(sum(weights[at].sum() for at, one in enumerate(self.hypotheses) if one.kind == "short"))

    def _likelihood(self, one: Measured) -> Floats | None:
        table = self._tables.get(one.spot)
        if table is None:
            table = self.table(one.spot)
        if table is None:
            return None
        value = scaled(one.spot.quantity, np.array([one.value]))[0]
        deviation = spread(one.spot.quantity, table)
        near = np.exp(-0.5 * ((value - table) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
        return np.asarray((1 - SLIP) * near + SLIP / _RANGE[one.spot.quantity], dtype=np.float64)

    def _gains(self, weights: Floats, taken: set[Spot]) -> dict[Spot, float]:
        """Return the mutual information, in bits, of the class with each reading that was not taken."""
        chances = self.posterior(weights)
        before = _entropy(chances)
        alive = np.flatnonzero(weights.sum(axis=1) > 1e-5)
        owner = np.zeros((len(self.classes), len(alive)))
        owner[self.class_of[alive], np.arange(len(alive))] = 1.0
        gains: dict[Spot, float] = {}
        for spot, bins in self._histograms.items():
            if spot in taken:
                continue
            joint = owner @ np.einsum("hs,hsb->hb", weights[alive], bins[alive])
            total = joint.sum(axis=0)
            after = _entropy(joint) - _entropy(total)
            gains[spot] = max(0.0, before - after)
        return gains

    def _classes(self) -> tuple[tuple[int, ...], ...]:
        """Group hypotheses that overlap in every reading. No fault stands alone: it is what must not be taken for one."""
        count = len(self.hypotheses)
        same = np.ones((count, count))
        for bins in self._histograms.values():
            roots = np.sqrt(bins.mean(axis=1))
            same = np.minimum(same, roots @ roots.T)
        groups: list[list[int]] = []
        for number in range(count):
            home = next(
                (some for some in groups if some != [0] and all(same[number, one] > _SAME for one in some)), None
            )  # fmt: skip
            if home is None:
                groups.append([number])
            else:
                home.append(number)
        return tuple(tuple(some) for some in groups)

    def _suspect(self, number: int, chance: float, weights: Floats, readings: Sequence[Measured]) -> Suspect:
        members = sorted(self.classes[number], key=lambda one: -float(weights[one].sum()))
        some = [self.hypotheses[one] for one in members]
        parts = tuple(dict.fromkeys(ref for one in some for ref in one.parts))
        tables = [(one, self.table(one.spot)) for one in readings]
        told = evidence([(one, table) for one, table in tables if table is not None], members)
        alone = len(parts) <= 1 and len(members) == 1
        return Suspect(
            some[0].kind, some[0].net, parts, chance, told, alone, "" if alone else note(some, parts, self.supply)
        )  # fmt: skip


def _histogram(spot: Spot, table: Floats) -> Floats:
    """Return how likely each particle's reading falls into each bin, (hypothesis, sample, bin)."""
    deviation = spread(spot.quantity, table)
    low, high = float(table.min()), float(table.max())
    edges = np.linspace(low - 0.05, high + 0.05, _BINS)
    width = max((high - low + 0.1) / (_BINS - 1), 1e-6)
    sigma = np.maximum(deviation, width / 2)[..., None]
    bins = np.exp(-0.5 * ((edges - table[..., None]) / sigma) ** 2)
    bins = bins / bins.sum(axis=2, keepdims=True)
    return np.asarray((1 - SLIP) * bins + SLIP / _BINS, dtype=np.float64)


def _entropy(chances: Floats) -> float:
    positive = chances[chances > 0]
    return float(-(positive * np.log2(positive)).sum())
