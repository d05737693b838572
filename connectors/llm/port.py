"""The port to a language model, and what crosses it.

Errors::

    connectors.errors.Transient      weather: overload, rate limit, time-out, a broken stream
    connectors.errors.Misconfigured  key, account or model name
    connectors.errors.Permanent      the request itself
    ├── Refused                      the model declined to answer
    ├── Truncated                    the answer did not fit into the token limit or the context
    └── Unusable                     the answer still broke its schema after one repair turn
"""

from typing import Annotated, Protocol

from pydantic import Field, StringConstraints

from connectors.errors import Permanent
from schemas.core.ids import Code
from schemas.core.message import Value
from schemas.core.text import LongText, ShortText, without_controls
from schemas.devices import DeviceCategory
from schemas.inspections import Finding

Sentence = Annotated[str, StringConstraints(min_length=1, max_length=600)]


class Refused(Permanent):
    """The model declined to answer; the message names its category where it gave one."""


class Truncated(Permanent):
    """The answer did not fit."""


class Unusable(Permanent):
    """The answer broke its schema twice; the message quotes the first errors."""


class FamilyHint(Value):
    """A fault family that may be named, and the probability our own engine gives it."""

    family: Code
    title: str
    probability: float = Field(ge=0, le=1)


class DiagnosisRequest(Value):
    """What the model is told: no name, no serial number, no ticket id. ``opaque_user`` is a hash for abuse reports."""

    category: DeviceCategory
    brand: ShortText = ""
    model: ShortText = ""
    age_years: float | None = None
    complaint: LongText
    findings: tuple[Finding, ...] = ()
    families: tuple[FamilyHint, ...] = Field(min_length=1)
    opaque_user: str = ""


class SuggestedFault(Value):
    """A fault family with its probability and short reasons."""

    family: Code = Field(description="A code from the list of families.")
    probability: float = Field(ge=0, le=1)
    evidence: tuple[Sentence, ...] = Field(default=(), description="Reasons, one short sentence each.")


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
    faults: tuple[SuggestedFault, ...] = Field(min_length=1, description="Likeliest first, at most eight.")
    measurement: SuggestedMeasurement | None = None
    hazards: tuple[Sentence, ...] = Field(default=(), description="Dangers for the technician.")


class Usage(Value):
    """What the answer cost, all turns together. ``cost_cents`` is US cents by the dated price table, None when the
    model is not in it."""

    model: str
    request_id: str | None = None
    turns: int = Field(ge=1)
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_tokens: int = Field(default=0, ge=0)
    cost_cents: float | None = Field(default=None, ge=0)


class DiagnosisSuggestion(Value):
    """A suggestion and its cost."""

    suggestion: Suggestion
    usage: Usage


class LanguageModel(Protocol):
    """Suggests the faults behind a complaint. Its answer is advice: callers check every name in it."""

    @property
    def name(self) -> str:
        """Return what is written into a diagnosis as its engine."""
        ...

    async def suggest(self, request: DiagnosisRequest) -> DiagnosisSuggestion:
        """Return the model's suggestion.

        Raises:
            Transient, Misconfigured, Refused, Truncated, Unusable, Permanent: see the module's tree.
        """
        ...


def plain(text: str) -> str:
    """Return ``text`` with control characters as spaces: a model's words end in logs and pages like a person's."""
    try:
        return without_controls(text)
    except ValueError:
        return "".join(character if character.isprintable() else " " for character in text)
