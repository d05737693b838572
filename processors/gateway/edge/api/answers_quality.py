"""What the edge answers about checks of repairs; see ``answers.py`` for how these models stand to the routes."""

from uuid import UUID

from processors.gateway.edge.api.answers import Answer
from schemas.core.ids import Code, Sha256, TicketId
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.inspections import BoardCondition, Finding
from schemas.qc import Bounce, RepairToCheck, RoundStatus
from schemas.qc_plans import CauseCode, Checkpoint, Sampling, Verdict


class CheckResult(Answer):
    """What was found at a checkpoint. Pictures are addresses; ``before`` is the golden picture, ``after`` the photo in
    its frame, ``heat`` where they differ.
    """

    checkpoint_id: Code
    verdict: Verdict | None
    reason: ShortText | None
    photo: str | None
    annotated: str | None
    before: str | None
    after: str | None
    heat: str | None
    findings: list[Finding]
    condition: BoardCondition | None
    measured: float | None
    unit: ShortText | None
    instrument: ShortText | None
    asked: UUID | None
    advice: str | None
    by: ShortText
    answered_at: UtcTime


class CheckedPoint(Checkpoint):
    """A checkpoint with its newest answer, null while there is none."""

    result: CheckResult | None


class PlanChecked(Answer):
    """The plan of a check with its answers."""

    sheets: list[ShortText]
    checkpoints: list[CheckedPoint]
    always: bool
    two_signatures: bool
    sha256: Sha256


class Check(Answer):
    """One check from the ticket's arrival to its end."""

    number: int
    status: RoundStatus
    repair: RepairToCheck
    plan: PlanChecked
    sampling: Sampling
    inspector: ShortText | None
    signer: ShortText | None
    ended_by: ShortText | None
    cause: CauseCode | None
    note: ShortText | None
    opened_at: UtcTime
    begun_at: UtcTime | None
    ended_at: UtcTime | None


class Checks(Answer):
    """The checks of a ticket, oldest first. ``status`` is that of the newest."""

    ticket_id: TicketId
    status: RoundStatus | None
    reworks: int
    bounced: Bounce | None
    rounds: list[Check]


class BounceRate(Answer):
    """A share of repairs that bounce, with its 95 % interval. ``estimate`` is null where none was checked.

    ``effective``: how many repairs checked with equal chance would say as much.
    """

    checked: int
    effective: float
    estimate: float | None
    low: float
    high: float


class BounceRates(Answer):
    """The estimates of a workspace: of all its repairs, and of each fault."""

    all: BounceRate
    by_fault: dict[str, BounceRate]
