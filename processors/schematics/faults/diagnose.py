"""From readings to suspects: Bayes over hypotheses, and the measurement that tells most.

How likely a reading is under a hypothesis is the mean over the drawn boards of how near their prediction is. Readings
count as independent once it is given what the fault is and how much it shows (``modes.py``): weighing drawn boards by
all readings at once was tried, and four readings of healthy rails left one board of a hundred alive, which then
decided. A reading is a slip (wrong pad, wrong range) once in fifty, so that no reading ever makes a fault impossible.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from processors.schematics.faults.explain import evidence, note
from processors.schematics.faults.hypotheses import Hypothesis, hypotheses
from processors.schematics.faults.modes import GROUPS, Modes, changed
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
SURE = 0.98
WORTH_BITS = 0.002
"""Below this a reading is not worth its minute."""
_SHORT_READINGS = 0.2
"""What switching on a shorted board costs on average, in readings: a burnt part is an hour, once in two hundred."""
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
        self._modes = Modes(self._tables.items(), *self.predicted.volts.shape[:2])
        self.planner = Planner(tuple(self._tables), tuple(self._tables.values()), self._modes, SLIP)
        self.classes: tuple[tuple[int, ...], ...] = self._classes()
        self.class_of: NDArray[np.intp] = np.zeros(len(self.hypotheses), dtype=np.intp)
        for number, members in enumerate(self.classes):
            self.class_of[list(members)] = number
        self._priors = np.array([one.prior for one in self.hypotheses], dtype=np.float64)

    def table(self, spot: Spot) -> Floats | None:
        """Return the predictions for a measurement on its scale, (hypothesis, sample); None for an unknown place."""
        table = self.predicted.readings(spot)
        return None if table is None else scaled(spot.quantity, table)

    def belief(self, readings: Iterable[Measured] = (), complaint: Complaint = NOTHING_SAID) -> Floats:
        """Return the probability of each hypothesis and of how much it shows, (hypothesis, group); all sum to 1.

        Of readings at one spot, the last counts.
        """
        logs = np.log(self._priors / GROUPS)[:, None]
        said = complaint_weights(self.predicted, complaint)
        logs = logs + np.log(self._modes.means(said, changed(said)))
        for one in {one.spot: one for one in map(self._known, readings)}.values():
            near = self._near(one)
            logs += np.log(self._modes.means(near, changed(near))) if near is not None else 0.0
        chances = np.exp(logs - logs.max())
        return np.asarray(chances / chances.sum(), dtype=np.float64)

    def weights(self, readings: Iterable[Measured] = (), complaint: Complaint = NOTHING_SAID) -> Floats:
        """Return the probability of each hypothesis; all sum to 1."""
        return np.asarray(self.belief(readings, complaint).sum(axis=1), dtype=np.float64)

    def posterior(self, belief: Floats) -> Floats:
        """Return the probability of each class, of a belief or of weights."""
        weights = belief.reshape(len(self.hypotheses), -1).sum(axis=1)
        return np.bincount(self.class_of, weights, len(self.classes)).astype(np.float64)

    def diagnose(self, readings: Sequence[Measured] = (), complaint: Complaint = NOTHING_SAID) -> Diagnosis:
        """Return suspects, likeliest first, and what to measure next."""
        readings = [self._known(one) for one in readings]
        belief = self.belief(readings, complaint)
        weights, chances = belief.sum(axis=1), self.posterior(belief)
        tables = [(one, table) for one in readings if (table := self.table(one.spot)) is not None]
        suspects = [
            self._suspect(int(number), float(chances[number]), weights, tables) for number in np.argsort(-chances)
        ]
        unused = tuple(one.spot.words for one in readings if self.table(one.spot) is None)
        spot = None if chances.max() > SURE else self.next_spot(belief, [one.spot for one in readings])
        return Diagnosis(tuple(suspects), None if spot is None else self.described(spot, belief), unused)

    def next_spot(self, belief: Floats, taken: Iterable[Spot] = ()) -> Spot | None:
        """Return the measurement that tells most for what it risks; None where none is worth it."""
        done = set(taken)
        bits = self.planner.bits(belief, self.class_of)
        bits[[at for at, spot in enumerate(self.planner.spots) if spot in done]] = 0.0
        risk = np.array([spot.powered for spot in self.planner.spots]) * _SHORT_READINGS * self._short_chance(belief)
        best = int(np.argmax(bits / (1 + risk))) if len(bits) else 0
        return self.planner.spots[best] if len(bits) and bits[best] > WORTH_BITS else None

    def described(self, spot: Spot, belief: Floats) -> NextMeasurement:
        """Return a measurement with what it tells, what it costs and what to mind before it."""
        hazard = "switch off, take the battery out, and let capacitors discharge first"
        if spot.powered:
            shorted = self._short_chance(belief) > _MIND_SHORTS
            hazard = (
                "a rail may be shorted: use a supply with a current limit, and begin with 100 mA" if shorted else ""
            )
        bits = round(float(self.planner.bits(belief, self.class_of)[self.planner.spots.index(spot)]), 3)
        return NextMeasurement(spot.quantity, spot.net, spot.other, spot.words, bits, spot.minutes, hazard)

    def _short_chance(self, belief: Floats) -> float:
        return float(sum(belief[at].sum() for at, one in enumerate(self.hypotheses) if one.kind == "short"))

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
