"""What the edge answers about the brain; see ``answers.py`` for how these models stand to the routes."""

from pydantic import Field

from processors.gateway.edge.api.answers import Answer


class Reliability(Answer):
    """How well probabilities fitted what was so."""

    outcomes: int
    accuracy: float = Field(description="Share of outcomes in which what was said was so.")
    said: float = Field(description="Mean of the probabilities that were said.")
    ece: float = Field(description="Expected calibration error, ten bins of equal width.")
    brier: float = Field(description="Mean squared error of the probabilities.")


class CalibrationBin(Answer):
    """The outcomes whose probability lay between ``begin`` and a tenth more."""

    begin: float
    outcomes: int
    said: float
    right: float


class Calibration(Answer):
    """How far the brain's probabilities can be believed.

    ``temperatures``: what a model version's log-odds should be divided by; null below ``least_outcomes``.
    ``success``: the chance of success of plans against how the tickets ended.
    """

    least_outcomes: int
    all: Reliability
    by_engine: dict[str, Reliability]
    by_family: dict[str, Reliability]
    bins: list[CalibrationBin]
    success: Reliability
    temperatures: dict[str, float | None]
