"""What the edge answers about the brain; see ``answers.py`` for how these models stand to the routes."""

from typing import Literal

from pydantic import Field

from processors.gateway.edge.api.answers import Answer, TicketAddress
from schemas.core.ids import TicketId
from schemas.design_answers import DesignDiagnosis
from schemas.diagnoses import DiagnosisAbstained, FaultDiagnosed


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


class TicketDiagnosis(Answer):
    """What the brain says now: ``done`` with its event, or ``accepted`` (it is still thinking).

    ``board`` is what the stored design of the device's board says to the readings; where that is null, ``note`` says
    why and what to do.
    """

    ticket_id: TicketId
    links: TicketAddress
    status: Literal["done", "accepted"]
    event: FaultDiagnosed | DiagnosisAbstained | None = None
    board: DesignDiagnosis | None = None
    note: str = ""
