"""The quality check of a repair: what is asked, answered and found. One view a ticket, one round a check."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import DEFAULT_WORKSPACE, BoardModel, Code, TicketId, WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.devices import DeviceCategory
from schemas.images import ImageProblem
from schemas.inspections import BoardCondition, BoardInspected, BoardInspectionRefused, Finding, PhotoPictures
from schemas.qc_plans import CauseCode, CheckPlan, History, Sampling, Verdict
from schemas.tickets import TicketState

RoundStatus = Literal["planned", "begun", "passed", "failed", "waived", "skipped", "left"]
OPEN_ROUND: tuple[RoundStatus, ...] = ("planned", "begun")
Bounce = Literal["rework", "warranty"]


class RepairToCheck(Value):
    """What a check needs to know of a repair. Names are as whoever wrote them down gave them.

    ``repaired_by``: everybody who worked on it. ``before``: what vision found on the board at hand-in, None when nobody
    looked; ``value_cents`` is the accepted quote, None when there is none.
    """

    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    category: DeviceCategory = "other"
    board_model: BoardModel | None = None
    fault_family: Code | None = None
    value_cents: int | None = Field(default=None, ge=0)
    repaired_by: tuple[ShortText, ...] = ()
    before: tuple[Finding, ...] | None = None


class OpenCheck(Command):
    """A repair came to its check: choose what to look at, or spare it."""

    TYPE: ClassVar[str] = "noizylab.qc.open.v1"

    ticket_id: TicketId
    repair: RepairToCheck = RepairToCheck()
    history: History = History()


class NoteLeftCheck(Command):
    """The ticket went on without waiting for its check."""

    TYPE: ClassVar[str] = "noizylab.qc.note_left.v1"

    ticket_id: TicketId
    to_state: TicketState
    actor: ShortText


class NoteBounce(Command):
    """A repair that was ready came back."""

    TYPE: ClassVar[str] = "noizylab.qc.note_bounce.v1"

    ticket_id: TicketId
    how: Bounce


class TakeBoardVerdict(Command):
    """What vision answered to somebody about a photo of this ticket; exactly one of the two is set."""

    TYPE: ClassVar[str] = "noizylab.qc.take_verdict.v1"

    ticket_id: TicketId
    in_reply_to: UUID
    inspected: BoardInspected | None = None
    refused: BoardInspectionRefused | None = None


class BeginCheck(Command):
    """An inspector takes a check, or takes it over. ``repaired_by`` is used where nobody is known."""

    TYPE: ClassVar[str] = "noizylab.qc.begin.v1"

    ticket_id: TicketId
    inspector: ShortText = Field(min_length=1)
    repaired_by: ShortText | None = None


class RecordCheckpoint(Command):
    """What the inspector found at one checkpoint: a photo for vision to judge, a measured value for the limits to
    judge, or a verdict with a reason, which is the inspector's own eye."""

    TYPE: ClassVar[str] = "noizylab.qc.record.v1"

    ticket_id: TicketId
    checkpoint_id: Code
    inspector: ShortText = Field(min_length=1)
    verdict: Verdict | None = None
    reason: ShortText | None = None
    photo: BlobRef | None = None
    measured: float | None = None
    unit: ShortText | None = None
    instrument: ShortText | None = None


class SignCheck(Command):
    """A second person puts their name under the results as they are."""

    TYPE: ClassVar[str] = "noizylab.qc.sign.v1"

    ticket_id: TicketId
    signer: ShortText = Field(min_length=1)


class ConcludeCheck(Command):
    """The inspector ends the check. A failed one names its cause."""

    TYPE: ClassVar[str] = "noizylab.qc.conclude.v1"

    ticket_id: TicketId
    inspector: ShortText = Field(min_length=1)
    verdict: Literal["pass", "fail"]
    cause: CauseCode | None = None
    note: ShortText | None = None


class WaiveCheck(Command):
    """A manager lets a repair go without the rest of its check, and says why."""

    TYPE: ClassVar[str] = "noizylab.qc.waive.v1"

    ticket_id: TicketId
    manager: ShortText = Field(min_length=1)
    reason: ShortText = Field(min_length=3)


class CheckpointResult(Value):
    """The newest answer of one checkpoint. ``verdict`` None: it waits for vision, or ``advice`` says what is wanted."""

    checkpoint_id: Code
    verdict: Verdict | None = None
    reason: ShortText | None = None
    photo: BlobRef | None = None
    annotated: BlobRef | None = None
    findings: tuple[Finding, ...] = ()
    condition: BoardCondition | None = None
    pictures: PhotoPictures | None = None
    """Before and after, where vision made them; ``annotated`` is among them too."""
    measured: float | None = None
    unit: ShortText | None = None
    instrument: ShortText | None = None
    asked: UUID | None = None
    """The question to vision that the photo went out with."""
    advice: str | None = None
    by: ShortText
    answered_at: UtcTime


class CheckPlanned(Event):
    """A repair is to be checked by this plan."""

    TYPE: ClassVar[str] = "noizylab.qc.planned.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    repair: RepairToCheck
    plan: CheckPlan
    sampling: Sampling
    planned_at: UtcTime


class CheckSkipped(Event):
    """A repair goes on without a check: nothing asks for one, and the draw spared it."""

    TYPE: ClassVar[str] = "noizylab.qc.skipped.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    repair: RepairToCheck
    plan: CheckPlan
    sampling: Sampling
    skipped_at: UtcTime


class CheckBegun(Event):
    """An inspector has a check in hand."""

    TYPE: ClassVar[str] = "noizylab.qc.begun.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    inspector: ShortText
    repaired_by: tuple[ShortText, ...] = ()
    begun_at: UtcTime


class CheckpointRecorded(Event):
    """A checkpoint has an answer, or a photo of it went to vision."""

    TYPE: ClassVar[str] = "noizylab.qc.recorded.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    result: CheckpointResult


class CheckpointUndecided(Event):
    """A photo could not settle its checkpoint; ``result.advice`` says what to do, most often to take another one."""

    TYPE: ClassVar[str] = "noizylab.qc.undecided.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    reason: Code
    problems: tuple[ImageProblem, ...] = ()
    result: CheckpointResult


class CheckSigned(Event):
    """A second person signed the results."""

    TYPE: ClassVar[str] = "noizylab.qc.signed.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    signer: ShortText
    signed_at: UtcTime


class CheckPassed(Event):
    """The repair is good."""

    TYPE: ClassVar[str] = "noizylab.qc.passed.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    inspector: ShortText
    signer: ShortText | None = None
    note: ShortText | None = None
    passed_at: UtcTime


class CheckFailed(Event):
    """The repair is done again. ``failed`` names the checkpoints that say so."""

    TYPE: ClassVar[str] = "noizylab.qc.failed.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    inspector: ShortText
    cause: CauseCode
    failed: tuple[Code, ...] = ()
    note: ShortText | None = None
    failed_at: UtcTime


class CheckWaived(Event):
    """A manager let the repair go."""

    TYPE: ClassVar[str] = "noizylab.qc.waived.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    manager: ShortText
    reason: ShortText
    open_checkpoints: tuple[Code, ...] = ()
    waived_at: UtcTime


class CheckLeft(Event):
    """The ticket went on while its check was open: moved by hand, and nobody says the repair is good."""

    TYPE: ClassVar[str] = "noizylab.qc.left.v1"

    ticket_id: TicketId
    round: int = Field(ge=1)
    to_state: TicketState
    actor: ShortText
    left_at: UtcTime


class RepairBounced(Event):
    """A repair came back after it was ready: to the bench, or with the customer under warranty."""

    TYPE: ClassVar[str] = "noizylab.qc.bounced.v1"

    ticket_id: TicketId
    how: Bounce
    bounced_at: UtcTime


class CheckRefused(Event):
    """A wish that cannot be granted as it is; ``detail`` says what to do."""

    TYPE: ClassVar[str] = "noizylab.qc.refused.v1"

    ticket_id: TicketId
    asked: ShortText
    reason: Code
    detail: str
    refused_at: UtcTime


class CheckRound(Value):
    """One check from the ticket's arrival to its end."""

    number: int = Field(ge=1)
    status: RoundStatus
    repair: RepairToCheck
    plan: CheckPlan
    sampling: Sampling
    inspector: ShortText | None = None
    results: tuple[CheckpointResult, ...] = ()
    signer: ShortText | None = None
    ended_by: ShortText | None = None
    """Who waived it, or moved the ticket on by hand."""
    cause: CauseCode | None = None
    note: ShortText | None = None
    opened_at: UtcTime
    begun_at: UtcTime | None = None
    ended_at: UtcTime | None = None


class QcView(View):
    """The checks of a ticket, oldest first, so that the second inspector sees what the first one found.

    ``bounced``: how the repair came back after it was ready.
    """

    TYPE: ClassVar[str] = "noizylab.qc.view.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    rounds: tuple[CheckRound, ...] = Field(min_length=1)
    reworks: int = Field(default=0, ge=0)
    bounced: Bounce | None = None
