"""Sets the probability of the first family right: what is said to be 80 % sure is right in 80 % of the records."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_SUREST = 9.0
"""Log-odds beyond which the curve is not followed: the records do not reach there."""


@dataclass(frozen=True, slots=True)
class TopCalibration:
    """Log-odds of the first family being right, as a curve of the log-odds ``x`` that the ranking gives it:
    ``intercept + slope * x + bend * x^2``.

    Platt scaling (Platt 1999, "Probabilistic outputs for support vector machines") of the first class alone, as
    Gupta and Ramdas 2022, "Top-label calibration", ask for; the square lets both ends bend. Fitted by
    ``infra.train.calibrate`` on texts that the weights had not seen.
    """

    intercept: float = 0.0
    slope: float = 1.0
    bend: float = 0.0

    def applied(self, shares: Vector) -> Vector:
        """Return ``shares`` of shape (n,), summing to 1, with the first set right and the others scaled to the rest.

        The first stays first: its probability is never set below that of the second.
        """
        place = int(shares.argmax())
        top = float(shares[place])
        rest = 1.0 - top
        if rest <= 0.0:
            return shares
        right = self.chance(top)
        second = float(np.partition(shares, -2)[-2])
        right = max(right, second / (rest + second) * (1 + 1e-9))
        set_right: Vector = shares * ((1.0 - right) / rest)
        set_right[place] = right
        return set_right

    def cooled(self, temperature: float) -> "TopCalibration":
        """Return the curve whose log-odds are divided by ``temperature``."""
        return TopCalibration(self.intercept / temperature, self.slope / temperature, self.bend / temperature)

    def chance(self, top: float) -> float:
        """Return the probability that a first family with probability ``top`` is right."""
        odds = min(_SUREST, max(-_SUREST, float(np.log(max(top, 1e-12) / max(1.0 - top, 1e-12)))))
        return float(1.0 / (1.0 + np.exp(-(self.intercept + self.slope * odds + self.bend * odds * odds))))


AS_IT_IS = TopCalibration()
"""Changes nothing."""
