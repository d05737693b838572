"""Diagnosis: ranked faults with evidence, the next measurement, a plan, or an honest abstention."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import Code, Sku, TicketId, WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import SealableText, ShortText
from schemas.core.time import UtcTime
from schemas.devices import Device
from schemas.inspections import Finding
from schemas.suspects import BoardSuspect
from schemas.tickets import RepairOutcome


class Evidence(Value):
    """One reason for or against a fault. ``weight_nats`` is the log-likelihood ratio it adds."""

    source: Literal["complaint", "inspection", "prior", "history", "measurement", "model"]
    text: str
    weight_nats: float


class Measurement(Value):
    """The next thing to measure or look at, and how its answer separates the candidates."""

    what: str
    where: str
    expected: str
    why: str
    minutes: int = Field(ge=0)
    expected_bits: float | None = Field(default=None, ge=0)
    """Doubt that the reading is expected to remove, in bits; None where a language model asks for it."""


class Reading(Value):
    """What was measured or looked at on the bench.

    ``what`` is the measurement's own words where the brain asked for it. ``normal`` is the judgement of who measured;
    None: ``low`` and ``high`` judge, in the unit of ``measured``.
    """

    what: ShortText = Field(min_length=1)
    where: ShortText = ""
    measured: float | None = None
    unit: ShortText = ""
    low: float | None = None
    high: float | None = None
    normal: bool | None = None


class EarlierRepair(Value):
    """A repair of the same device before this one: what was wrong, and how it ended."""

    fault_family: Code
    outcome: RepairOutcome | None = None
    days_ago: int = Field(ge=0)


class OpinionOnFault(Value):
    """How likely a language model holds one fault family, and why."""

    family: Code
    probability: float = Field(ge=0, le=1)
    evidence: tuple[str, ...] = ()


class ModelOpinion(Value):
    """What a language model said, as far as it was counted: what its board does not have is left out.

    With it a diagnosis can be made again without asking anybody. ``trust`` is the share of the names that it gave and
    the board has; ``remark`` tells of the others.
    """

    model: str
    summary: str
    faults: tuple[OpinionOnFault, ...] = Field(min_length=1)
    measurement: Measurement | None = None
    hazards: tuple[str, ...] = ()
    trust: float = Field(default=1.0, ge=0, le=1)
    remark: str = ""


class RankedFault(Value):
    """A candidate fault family with its calibrated probability and the evidence behind it."""

    family: Code
    title: str
    probability: float = Field(ge=0, le=1)
    evidence: tuple[Evidence, ...] = ()


class PartLine(Value):
    """A quantity of one part."""

    sku: Sku
    quantity: int = Field(ge=1, le=1000)


class RepairPlan(Value):
    """What would be done, with which parts, how long, and how likely it works."""

    fault_family: Code
    steps: tuple[str, ...]
    parts: tuple[PartLine, ...] = ()
    labour_minutes: int = Field(ge=0, le=6000)
    risk: Literal["low", "medium", "high"]
    success_probability: float = Field(ge=0, le=1)


class DiagnoseFault(Command):
    """Rank the faults that explain a complaint and the findings."""

    TYPE: ClassVar[str] = "noizylab.fault.diagnose.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId | None = Field(
        default=None, description="Whose designs and whose devices' histories count; none do where it is not known."
    )
    device: Device
    complaint: SealableText
    findings: tuple[Finding, ...] = ()
    photos: tuple[BlobRef, ...] = Field(default=(), max_length=24, description="As findings number them.")
    readings: tuple[Reading, ...] = Field(default=(), max_length=200)
    suspects: tuple[BoardSuspect, ...] = Field(default=(), max_length=100)
    earlier: tuple[EarlierRepair, ...] = Field(default=(), max_length=50)
    board_measurement: Measurement | None = Field(
        default=None, description="What the board's schematic asks for next, where one is stored."
    )


class FaultDiagnosed(Event):
    """The ranked faults of a ticket and the plan for the first.

    ``degraded``: a vendor model was wanted and failed, or the complaint is in a language that is not read here.
    ``why``: the reasons in plain words; empty in what was written before there were any.
    """

    TYPE: ClassVar[str] = "noizylab.fault.diagnosed.v1"

    ticket_id: TicketId
    summary: str
    faults: tuple[RankedFault, ...] = Field(min_length=1)
    confidence: float = Field(ge=0, le=1)
    raise_confidence: str = Field(description="What would raise the confidence, in one sentence.")
    next_measurement: Measurement | None = None
    hazards: tuple[str, ...] = ()
    plan: RepairPlan
    language: str | None = None
    engine: str
    degraded: bool = False
    opinion: ModelOpinion | None = None
    why: str = ""
    readings: tuple[Reading, ...] = Field(default=(), description="What had been measured when this was said.")
    earlier: tuple[EarlierRepair, ...] = Field(default=(), description="Repairs of the device before that counted.")
    diagnosed_at: UtcTime


class DiagnosisAbstained(Event):
    """The evidence does not separate the candidates: a person must look. Says what to measure first."""

    TYPE: ClassVar[str] = "noizylab.diagnosis.abstained.v1"

    ticket_id: TicketId
    reason: Code
    detail: str
    faults: tuple[RankedFault, ...] = ()
    next_measurement: Measurement | None = None
    hazards: tuple[str, ...] = ()
    language: str | None = None
    engine: str
    degraded: bool = False
    opinion: ModelOpinion | None = None
    why: str = ""
    readings: tuple[Reading, ...] = Field(default=(), description="What had been measured when this was said.")
    earlier: tuple[EarlierRepair, ...] = Field(default=(), description="Repairs of the device before that counted.")
    abstained_at: UtcTime


class DiagnosisView(View):
    """The newest diagnosis of a ticket; exactly one of the two is set."""

    TYPE: ClassVar[str] = "noizylab.fault.diagnosis_view.v1"

    ticket_id: TicketId
    diagnosed: FaultDiagnosed | None = None
    abstained: DiagnosisAbstained | None = None
