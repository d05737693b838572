"""The port to a language model, and what crosses it.

Errors::

    connectors.errors.Transient      weather: overload, rate limit, time-out, a broken stream
    connectors.errors.Misconfigured  key, account or model name
    connectors.errors.Permanent      the request itself
    ├── Refused                      the model declined to answer
    ├── Truncated                    the answer or the question did not fit into a token limit or the context
    ├── Unusable                     the answer still broke its schema after one repair turn
    └── OverBudget                   the purse does not pay for the request
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, StringConstraints

from connectors.errors import Permanent
from schemas.core.ids import Code
from schemas.core.message import Value
from schemas.core.text import LongText, ShortText, without_controls
from schemas.devices import DeviceCategory
from schemas.inspections import Finding
from schemas.models import ModelOutcome

Sentence = Annotated[str, StringConstraints(min_length=1, max_length=600)]
BoardName = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Refused(Permanent):
    """The model declined to answer; the message names its category where it gave one."""


class Truncated(Permanent):
    """The answer did not fit, or the question."""


class Unusable(Permanent):
    """The answer broke its schema twice; the message quotes the first errors."""


class OverBudget(Permanent):
    """The budget of the repair or of the day does not hold another request, or nobody knows whether it does."""


class FamilyHint(Value):
    """A fault family that may be named, and the probability our own engine gives it."""

    family: Code
    title: str
    probability: float = Field(ge=0, le=1)


class Photo(Value):
    """A picture as it is sent. ``position`` is its index within the ticket, as findings name it."""

    position: int = Field(ge=0)
    media_type: Literal["image/jpeg", "image/png", "image/webp"]
    data: bytes = Field(repr=False)


class DiagnosisRequest(Value):
    """What the model is told: no name, no serial number, no ticket id. ``opaque_user`` is a hash for abuse reports.

    ``pack`` is what stays the same for every repair of a board (families, facts of its design file): it is cached by
    the vendor, so it must not hold anything of this repair. ``reasons`` are our engine's, in words.
    """

    category: DeviceCategory
    brand: ShortText = ""
    model: ShortText = ""
    age_years: float | None = None
    complaint: LongText
    findings: tuple[Finding, ...] = ()
    families: tuple[FamilyHint, ...] = Field(min_length=1)
    reasons: tuple[str, ...] = ()
    photos: tuple[Photo, ...] = ()
    pack: str = ""
    opaque_user: str = ""


class SuggestedFault(Value):
    """A fault family with its probability and short reasons."""

    family: Code = Field(description="A code from the list of families.")
    probability: float = Field(ge=0, le=1)
    evidence: tuple[Sentence, ...] = Field(default=(), description="Reasons, one short sentence each, at most three.")
    components: tuple[BoardName, ...] = Field(
        default=(), description="References of suspected parts, only those that the design file or a tool names."
    )
    nets: tuple[BoardName, ...] = Field(
        default=(), description="Suspected nets, only those that the design file or a tool names."
    )


class SuggestedMeasurement(Value):
    """The measurement that would tell the likeliest faults apart."""

    what: Sentence
    where: Sentence
    expected: Sentence = Field(description="The reading of a healthy device, with its unit.")
    why: Sentence
    minutes: int = Field(ge=0, le=240)


class Suggestion(Value):
    """The model's answer: this is the schema it must keep."""

    summary: Sentence
    faults: tuple[SuggestedFault, ...] = Field(min_length=1, description="Likeliest first, at most four.")
    measurement: SuggestedMeasurement | None = None
    hazards: tuple[Sentence, ...] = Field(default=(), description="Dangers for the technician.")


class Usage(Value):
    """What was used. ``cost_cents`` is US cents by the dated price table, None when the model is not in it.

    ``estimated``: the stream broke or was cut short, so the tokens written are counted from its characters.
    """

    model: str
    request_id: str | None = None
    turns: int = Field(ge=1)
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_tokens: int = Field(default=0, ge=0)
    cost_cents: float | None = Field(default=None, ge=0)
    estimated: bool = False


class DiagnosisSuggestion(Value):
    """A suggestion and what all its turns cost together."""

    suggestion: Suggestion
    usage: Usage


@dataclass(frozen=True, slots=True)
class PartialSuggestion:
    """What can be told while the model is at work: the summary so far, and the faults that are written in full."""

    stage: Literal["reading", "thinking", "looking_up", "answering"]
    summary: str = ""
    faults: tuple[tuple[str, float], ...] = ()
    looking_up: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a request will use at most, before it is sent: tokens of the prompt, US cents with the longest answer."""

    model: str
    input_tokens: int
    most_cents: float


class Purse(Protocol):
    """Pays for requests, one after the other: each is held before it is sent and settled whatever became of it."""

    async def hold(self, estimate: Estimate) -> None:
        """Set aside what the next request may cost.

        Raises:
            OverBudget: there is not enough; nothing was set aside.
        """
        ...

    async def settle(self, usage: Usage, outcome: ModelOutcome) -> None:
        """Note what the held request used, and give the rest back."""
        ...


class FreePurse:
    """Pays for everything and remembers it: for checks and measurements outside of a shop."""

    def __init__(self) -> None:
        self.settled: list[tuple[Usage, ModelOutcome]] = []

    async def hold(self, estimate: Estimate) -> None:
        """Agree."""

    async def settle(self, usage: Usage, outcome: ModelOutcome) -> None:
        """Remember what was used."""
        self.settled.append((usage, outcome))


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that the model may ask for. ``schema`` is the JSON Schema of its input.

    ``call`` returns text for the model; its ``ValueError`` says what to ask instead.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    call: Callable[[Mapping[str, Any]], str]


def _nobody(partial: PartialSuggestion) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the model works with beside its question. ``tell`` is called as it goes on, and must not wait."""

    tools: tuple[Tool, ...] = ()
    tell: Callable[[PartialSuggestion], None] = _nobody
    purse: Purse = field(default_factory=FreePurse)


class LanguageModel(Protocol):
    """Suggests the faults behind a complaint. Its answer is advice: callers check every name in it."""

    @property
    def name(self) -> str:
        """Return what is written into a diagnosis as its engine."""
        ...

    async def suggest(self, request: DiagnosisRequest, desk: Desk | None = None) -> DiagnosisSuggestion:
        """Return the model's suggestion.

        Raises:
            Transient, Misconfigured, Refused, Truncated, Unusable, OverBudget, Permanent: see the module's tree.
        """
        ...


def plain(text: str) -> str:
    """Return ``text`` with control characters as spaces: a model's words end in logs and pages like a person's."""
    try:
        return without_controls(text)
    except ValueError:
        return "".join(character if character.isprintable() else " " for character in text)
