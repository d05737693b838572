"""A diagnosis made again from the evidence that was recorded: the same answer, or what differs. Pure."""

import json
from typing import Any

from processors.brain.assess import NOT_HEARD
from processors.brain.decide import decide
from processors.brain.diagnostician import Diagnostician
from schemas.core.outcome import Emit
from schemas.diagnoses import DiagnoseFault, DiagnosisAbstained, FaultDiagnosed

DIGITS = 6
"""Digits of fractions that are compared: the last ones differ between processors of computers."""
_CAME_LATER = {"why", "earlier"}
"""Fields that an answer from before they were known has empty, and is not wrong for it."""


def differences(
    question: DiagnoseFault, said: FaultDiagnosed | DiagnosisAbstained, engine: Diagnostician
) -> tuple[str, ...]:
    """Return what the shop's own engine answers otherwise today, a line each; empty: the same answer.

    A language model's opinion and the device's history are taken as they were recorded; nobody is asked. An answer of
    another engine (its name holds the hash of its weights) cannot be made again: that is the one difference returned.
    """
    question = question.model_copy(update={"earlier": said.earlier or question.earlier})
    opinion = said.opinion
    name = engine.engine if opinion is None else f"{engine.engine}+{opinion.model}"
    if said.engine != name:
        return (f"engine: it was {said.engine}, here is {name}; run the version that wrote it",)
    at = said.diagnosed_at if isinstance(said, FaultDiagnosed) else said.abstained_at
    answer = engine.offline(question) if opinion is None else engine.with_opinion(question, opinion)
    outcome = decide(question, answer, at)
    (again,) = outcome.messages if isinstance(outcome, Emit) else (None,)
    if type(again) is not type(said) or again is None:
        return (f"it was {said.TYPE}, now it is {getattr(again, 'TYPE', 'nothing')}",)
    before, after = _plain(said), _plain(again)
    if NOT_HEARD in str(before):  # why it was not heard is no evidence
        before = {name: _without_note(value) for name, value in before.items()}
        after["degraded"] = True
    return tuple(
        f"{name}: it was {_short(before[name])}, now it is {_short(after[name])}"
        for name in before
        if before[name] != after[name] and not (name in _CAME_LATER and not before[name])
    )


def _plain(event: FaultDiagnosed | DiagnosisAbstained) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(event.to_json(), parse_float=lambda text: round(float(text), DIGITS))
    return plain


def _without_note(value: Any) -> Any:
    return value.partition(NOT_HEARD)[0] if isinstance(value, str) else value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}..."
