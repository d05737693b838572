"""From a ranking to an answer: a diagnosis with a plan, or an abstention with the measurement that would settle it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from processors.brain.config import Policy
from processors.brain.hazards import hazards
from processors.brain.measurements import Choice, best_test
from processors.brain.plan import plan
from processors.brain.rank import Ranking
from processors.brain.success import SuccessModel
from processors.brain.why import why
from schemas.devices import Device
from schemas.diagnoses import Measurement, ModelOpinion, RankedFault, RepairPlan

LANGUAGE_NOT_SUPPORTED = "language_not_supported"
NOT_HEARD = " The language model was not heard: "
NO_INFORMATION = "no_information"
LOW_CONFIDENCE = "low_confidence"


ON_THE_BOARD = frozenset({"system_board", "power", "boot", "charging_port"})
"""Families that a reading on the board settles: where one of them is the likeliest, what the board asks for is next."""

_LOOK = Measurement(
    what="Look at the device without touching, opening or powering it",
    where="safe place away from the bench, by trained staff",
    expected="no swelling, smoke, heat or damaged insulation",
    why="A danger was reported; nothing is measured before a trained person has released the device.",
    minutes=5,
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What a language model adds to the ranking: a better summary, its measurement, its warnings."""

    summary: str = ""
    measurement: Measurement | None = None
    hazards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """An engine's answer. ``plan`` is None exactly when ``abstained`` (reason code, detail) is set."""

    summary: str
    faults: tuple[RankedFault, ...]
    confidence: float
    raise_confidence: str
    next_measurement: Measurement | None
    hazards: tuple[str, ...]
    language: str | None
    engine: str
    plan: RepairPlan | None = None
    abstained: tuple[str, str] | None = None
    degraded: bool = False
    opinion: ModelOpinion | None = None
    why: str = ""


def assess(
    complaint: str,
    device: Device,
    ranking: Ranking,
    success: SuccessModel,
    policy: Policy,
    engine: str,
    advice: Advice | None = None,
    degraded: str = "",
    done: Collection[str] = (),
    board: Measurement | None = None,
) -> Diagnosis:
    """Return the answer that the ranking supports. ``degraded`` says why a wanted language model is missing; ``done``
    are the bench tests that need not be asked for, ``board`` is what the schematic asks for."""
    advice = advice or Advice()
    probabilities = {fault.family: fault.probability for fault in ranking.faults}
    top = ranking.faults[0]
    found = hazards(complaint, device.category, [fault.family for fault in ranking.faults[:2]])
    stops = any(hazard.stops_bench for hazard in found)
    off = any(hazard.stays_off for hazard in found)
    choice = (
        None if stops else best_test(probabilities, device.category, policy.bits_per_minute, live=not off, done=done)
    )
    reason = _reason(ranking, top.probability, policy, advised=bool(advice.summary))
    unread = not ranking.language_supported and not advice.summary
    note = f" {_unread(ranking)}" if unread else ""
    note += f"{NOT_HEARD}{degraded}." if degraded else ""  # last: a replay cuts it off
    # What a model or the board asks for may need power: it counts only where power is safe.
    board = None if stops or off or top.family not in ON_THE_BOARD else board
    own = board or _measurement(choice, ranking.faults)
    measurement = _LOOK if stops else own
    following = measurement if stops or off or board else advice.measurement or measurement
    return Diagnosis(
        summary=(advice.summary or _summary(ranking.faults)) + note,
        faults=ranking.faults[: policy.shown_faults],
        confidence=top.probability,
        raise_confidence=_raise_confidence(own),
        next_measurement=following,
        hazards=tuple(dict.fromkeys((*(str(hazard) for hazard in found), *advice.hazards))),
        language=ranking.language,
        engine=engine,
        plan=None if reason else plan(top.family, device, complaint, success, dangerous=stops),
        abstained=(reason, _detail(reason, ranking, own, policy) + note) if reason else None,
        degraded=bool(degraded) or unread,
        why=why(ranking.faults[: policy.shown_faults], following, abstained=reason is not None),
    )


def _reason(ranking: Ranking, top: float, policy: Policy, advised: bool) -> str | None:
    """Return why no answer is given, or None. A language that the engine cannot read is decided by findings alone."""
    if (
        not ranking.language_supported
        and not advised
        and (not ranking.findings_count or top < policy.least_probability)
    ):
        return LANGUAGE_NOT_SUPPORTED
    if ranking.unclear > policy.most_unclear and not ranking.findings_count and not advised:
        return NO_INFORMATION
    return None if top >= policy.least_probability else LOW_CONFIDENCE


def _summary(faults: Sequence[RankedFault]) -> str:
    first, second = faults[0], faults[1]
    because = next(
        (f", because of {one.text}" for one in first.evidence if one.weight_nats > 0 and one.source != "prior"), ""
    )
    return (
        f"Most likely: {first.title.lower()} ({_percent(first.probability)}){because}. "
        f"Next: {second.title.lower()} ({_percent(second.probability)})."
    )


def _detail(reason: str, ranking: Ranking, own: Measurement | None, policy: Policy) -> str:
    first, second = ranking.faults[0], ranking.faults[1]
    where = {
        LANGUAGE_NOT_SUPPORTED: "The findings do not decide, and the words were not read.",
        NO_INFORMATION: "The complaint does not say what is wrong.",
        LOW_CONFIDENCE: f"{first.title} ({_percent(first.probability)}) and {second.title.lower()} "
        f"({_percent(second.probability)}) are not told apart; {_percent(policy.least_probability)} is needed.",
    }[reason]
    measure = f" Measure first: {_lower_first(own.what)}; where: {own.where}." if own else ""
    return f"{where} I cannot tell.{measure}"


def _unread(ranking: Ranking) -> str:
    return (
        f"The complaint seems to be in a language ({ranking.language}) that is not read here (Danish, German, English, "
        "French and Dutch are): only the kind of device and what was seen and measured count."
    )


def _raise_confidence(own: Measurement | None) -> str:
    if own is None:
        return "A trained person's look at the device."
    return f"{own.what} ({own.minutes} min): {_lower_first(own.why)}"


def _measurement(choice: Choice | None, faults: Sequence[RankedFault]) -> Measurement | None:
    if choice is None:
        return None
    return Measurement(
        what=choice.test.what,
        where=choice.test.where,
        expected=choice.test.expected,
        why=_why(choice, faults),
        minutes=choice.test.minutes,
        expected_bits=round(choice.gain_bits, 3),
    )


def _why(choice: Choice, faults: Sequence[RankedFault]) -> str:
    """Return which likely families the test tells apart, and how much doubt it is expected to remove."""
    shown = max(faults, key=lambda fault: choice.test.chance_abnormal(fault.family) * fault.probability)
    hidden = max(faults, key=lambda fault: (1 - choice.test.chance_abnormal(fault.family)) * fault.probability)
    if shown.family == hidden.family:
        return f"Confirms or rules out {shown.title.lower()}."
    return (
        f"An abnormal reading speaks for {shown.title.lower()}, a normal one for {hidden.title.lower()}; "
        f"expected to remove {choice.gain_bits:.1f} of {choice.doubt_bits:.1f} bits of doubt."
    )


def _percent(share: float) -> str:
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{round(100 * share)} %"


def _lower_first(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
