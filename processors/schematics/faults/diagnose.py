"""From readings to suspects: Bayes over hypotheses, and the measurement that tells most a minute.

How likely a reading is under a hypothesis is the mean over the drawn boards of how near their prediction is. Readings
count as independent once the hypothesis is given: weighing drawn boards by all readings at once was tried, and four
readings of healthy rails left one board of a hundred alive, which then decided. A reading is a slip (wrong pad, wrong
range) once in fifty, so that no reading ever makes a fault impossible.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.explain import evidence, note
from processors.schematics.faults.hypotheses import Hypothesis, hypotheses
from processors.schematics.faults.plan import Planner
from processors.schematics.faults.predict import predict
from processors.schematics.faults.readings import Floats, Measured, Quantity, Spot, scaled, spots_of, spread
from processors.schematics.faults.supply import supply_of
from processors.schematics.faults.suspects import Diagnosis, NextMeasurement, Suspect
from processors.schematics.faults.symptoms import NOTHING_SAID, Complaint, complaint_weights
from processors.schematics.index import Index

SLIP = 0.02
_RANGE: dict[Quantity, float] = {"ohm": 19.0, "volt": 20.0, "diode": 2.0, "amp": 9.0}
"""How far readings of a slip lie apart, on their scale."""
_SAME = 0.80
"""Overlap (Bhattacharyya) in every reading from which two faults count as one class."""
SURE = 0.95
WORTH_BITS = 0.015
"""Below this a reading is not worth its minute."""
_SHORT_MINUTES = 1.0
"""What switching on a shorted board costs on average, as minutes: a burnt part is an hour, once in sixty."""
_MIND_SHORTS = 0.1


class Diagnoser:
    """All that can be worked out before the first reading; use one for many diagnoses of a board."""

    def __init__(self, index: Index, seed: int = 0) -> None:
        self.index = index
        self.supply = supply_of(index)
        self.hypotheses: tuple[Hypothesis, ...] = hypotheses(self.supply)
        self.predicted = predict(self.supply, self.hypotheses, seed)
        self.spots: tuple[Spot, ...] = spots_of(self.supply)
        self._tables = {spot: table for spot in self.spots if (table := self.table(spot)) is not None}
        self.planner = Planner(tuple(self._tables), tuple(self._tables.values()), SLIP)
        self.classes: tuple[tuple[int, ...], ...] = self._classes()
        self.class_of: NDArray[np.intp] = np.zeros(len(self.hypotheses), dtype=np.intp)
        for number, members in enumerate(self.classes):
            self.class_of[list(members)] = number
        self._priors = np.array([one.prior for one in self.hypotheses], dtype=np.float64)

    def table(self, spot: Spot) -> Floats | None:
        """Return the predictions for a measurement on its scale, (hypothesis, sample); None for an unknown place."""
        table = self.predicted.readings(spot)
        return None if table is None else scaled(spot.quantity, table)

    def weights(self, readings: Iterable[Measured] = (), complaint: Complaint = NOTHING_SAID) -> Floats:
        """Return the probability of each hypothesis; all sum to 1. Of readings at one spot, the last counts."""
        logs = np.log(self._priors) + np.log(complaint_weights(self.predicted, complaint).mean(axis=1))
        for one in {one.spot: one for one in map(self._known, readings)}.values():
            near = self._near(one)
            logs += np.log(near.mean(axis=1)) if near is not None else 0.0
        weights = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def posterior(self, weights: Floats) -> Floats:
        """Return the probability of each class."""
        return np.bincount(self.class_of, weights, len(self.classes)).astype(np.float64)

    def diagnose(self, readings: Sequence[Measured] = (), complaint: Complaint = NOTHING_SAID) -> Diagnosis:
        """Return suspects, likeliest first, and what to measure next."""
        readings = [self._known(one) for one in readings]
        weights = self.weights(readings, complaint)
        chances = self.posterior(weights)
        tables = [(one, table) for one in readings if (table := self.table(one.spot)) is not None]
        suspects = [
            self._suspect(int(number), float(chances[number]), weights, tables) for number in np.argsort(-chances)
        ]
        unused = tuple(one.spot.words for one in readings if self.table(one.spot) is None)
        spot = None if chances.max() > SURE else self.next_spot(weights, [one.spot for one in readings])
        return Diagnosis(tuple(suspects), None if spot is None else self.described(spot, weights), unused)

    def next_spot(self, weights: Floats, taken: Iterable[Spot] = ()) -> Spot | None:
        """Return the measurement that tells most a minute; None where none is worth it."""
        done = set(taken)
        minutes = np.array([self._minutes(spot, weights) for spot in self.planner.spots], dtype=np.float64)
        gone = np.array([spot in done for spot in self.planner.spots], dtype=np.bool_)
        best = self.planner.best(weights, self.class_of, minutes, gone) if len(gone) else None
        return self.planner.spots[best[0]] if best is not None and best[1] > WORTH_BITS else None

    def described(self, spot: Spot, weights: Floats) -> NextMeasurement:
        """Return a measurement with what it tells, what it costs and what to mind before it."""
        hazard = "switch off, take the battery out, and let capacitors discharge first"
        if spot.powered:
            shorted = self._short_chance(weights) > _MIND_SHORTS
            hazard = (
                "a rail may be shorted: use a supply with a current limit, and begin with 100 mA" if shorted else ""
            )
        bits = round(self.planner.bits(self.planner.spots.index(spot), weights, self.class_of), 3)
        return NextMeasurement(spot.quantity, spot.net, spot.other, spot.words, bits, spot.minutes, hazard)

    def _minutes(self, spot: Spot, weights: Floats) -> float:
        """Return the cost: the minutes of the hand, and the risk of switching on what may be shorted."""
        return spot.minutes + (_SHORT_MINUTES * self._short_chance(weights) if spot.powered else 0.0)

    def _short_chance(self, weights: Floats) -> float:
        return float(sum(weights[at] for at, one in enumerate(self.hypotheses) if one.kind == "short"))

    def _known(self, one: Measured) -> Measured:
        """Return a resistance between two nets in the order that the planner knows, so that it is not asked again."""
        turned = Spot(one.spot.quantity, one.spot.other, one.spot.net)
        known = one.spot.quantity != "ohm" or turned not in self._tables
        return one if known else Measured(turned, one.value)

    def _near(self, one: Measured) -> Floats | None:
        """Return the density of a reading under each hypothesis and drawn board; None where it says nothing here."""
        table = self._tables.get(one.spot)
        table = self.table(one.spot) if table is None else table
        if table is None:
            return None
        value = scaled(one.spot.quantity, np.array([one.value]))[0]
        deviation = spread(one.spot.quantity, table)
        near = np.exp(-0.5 * ((value - table) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
        return np.asarray((1 - SLIP) * near + SLIP / _RANGE[one.spot.quantity], dtype=np.float64)

    def _classes(self) -> tuple[tuple[int, ...], ...]:
        """Group hypotheses that overlap in every reading. No fault stands alone: nothing may be taken for it."""
        same, groups = self.planner.overlap(), list[list[int]]()
        for number in range(len(self.hypotheses)):
            home = next(
                (some for some in groups if some != [0] and all(same[number, one] > _SAME for one in some)), None
            )  # fmt: skip
            if home is None:
                groups.append([number])
            else:
                home.append(number)
        return tuple(tuple(some) for some in groups)

    def _suspect(
        self, number: int, chance: float, weights: Floats, readings: Sequence[tuple[Measured, Floats]]
    ) -> Suspect:
        members = sorted(self.classes[number], key=lambda one: -float(weights[one]))
        some = [self.hypotheses[one] for one in members]
        parts = tuple(dict.fromkeys(ref for one in some for ref in one.parts))
        told = evidence(readings, members)
        separable = len(parts) <= 1 and len(members) == 1
        more = "" if separable and parts else note(some, parts, self.supply)
        return Suspect(some[0].kind, some[0].net, parts, chance, told, separable, more)
