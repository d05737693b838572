"""How far the brain's probabilities can be believed, from what repairs turned out to be. Pure.

An outcome is a ticket whose fault a technician named (``fault_family`` of a move's evidence), against the newest
diagnosis of it. Abstentions count too: what they ranked first was said with a probability as well.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from schemas.diagnoses import DiagnosisView
from schemas.tickets import TicketView

BINS = 10
LEAST_OUTCOMES = 200
"""Below so many outcomes the shop's own temperature is not fitted: the standard error of a share of 0.8 is then 0.03,
as large as the errors that it is to mend."""
GUARD = 1.5
"""Standard errors by which a temperature must do better on outcomes that it was not fitted to. In simulations of 30
draws each, 200 outcomes of a brain that was right never changed it (twice at a guard of 1), and 400 of one whose
log-odds were 1.5 times too large did 14 times, always for the better."""
SUCCESS = frozenset({"fixed", "partly"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of a ticket and what was so. ``success_said`` None: no plan was made; ``fixed`` None: not known."""

    engine: str
    family: str
    confirmed: str
    confidence: float
    success_said: float | None = None
    fixed: bool | None = None

    @property
    def right(self) -> bool:
        """Whether the first family was the fault."""
        return self.family == self.confirmed


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well probabilities fitted. ``ece``: mean gap between said and so over ten bins of equal width, weighed by
    their outcomes (Naeini et al. 2015); ``brier``: mean squared error (Brier 1950)."""

    outcomes: int
    accuracy: float
    said: float
    ece: float
    brier: float


def outcome_of(ticket: TicketView, diagnosis: DiagnosisView) -> Outcome | None:
    """Return the outcome of a ticket; None while nobody named its fault, or nothing was ranked."""
    said = diagnosis.diagnosed or diagnosis.abstained
    if ticket.fault_family is None or said is None or not said.faults:
        return None
    plan = diagnosis.diagnosed.plan if diagnosis.diagnosed is not None else None
    return Outcome(
        engine=said.engine,
        family=said.faults[0].family,
        confirmed=ticket.fault_family,
        confidence=said.faults[0].probability,
        success_said=None if plan is None else plan.success_probability,
        fixed=None if ticket.outcome is None else ticket.outcome in SUCCESS,
    )


def calibration(pairs: Iterable[tuple[TicketView, DiagnosisView]]) -> dict[str, Any]:
    """Return the reliability as JSON: of all, by model version, by family that was said, in bins, and of success; and
    the temperature of each model version, None below the guard."""
    found = [outcome for ticket, view in pairs if (outcome := outcome_of(ticket, view)) is not None]
    ends = [(one.success_said, one.fixed) for one in found if one.success_said is not None and one.fixed is not None]
    return {
        "least_outcomes": LEAST_OUTCOMES,
        "all": asdict(reliability([(one.confidence, one.right) for one in found])),
        "by_engine": _by(found, lambda one: one.engine),
        "by_family": _by(found, lambda one: one.family),
        "bins": _bins([(one.confidence, one.right) for one in found]),
        "success": asdict(reliability(ends)),
        "temperatures": {
            engine: temperature_of([one for one in found if one.engine == engine])
            for engine in sorted({one.engine for one in found})
        },
    }


def reliability(said: Sequence[tuple[float, bool]]) -> Reliability:
    """Return how well probabilities fitted what was so; zeros when there is nothing to say."""
    if not said:
        return Reliability(0, 0.0, 0.0, 0.0, 0.0)
    count = len(said)
    gaps = sum(one["outcomes"] * abs(one["said"] - one["right"]) for one in _bins(said) if one["outcomes"])
    return Reliability(
        outcomes=count,
        accuracy=round(sum(right for _, right in said) / count, 4),
        said=round(sum(share for share, _ in said) / count, 4),
        ece=round(gaps / count, 4),
        brier=round(sum((share - right) ** 2 for share, right in said) / count, 4),
    )


def temperature_of(outcomes: Sequence[Outcome], least: int = LEAST_OUTCOMES) -> float | None:
    """Return what the log-odds of the first family should be divided by, to 1 %; None below ``least`` outcomes.

    Minimises the log loss over a grid from 0.5 to 3. It must prove itself first: fitted to either half of the outcomes,
    it must lower the loss of the other half by more than ``GUARD`` standard errors, else the answer is 1.0, as it is.
    Training applies it on top of its own calibration (:meth:`processors.brain.faultmodel.FaultModel.cooled`), only to
    outcomes of the model that it replaces.
    """
    if len(outcomes) < least:
        return None
    odds = [(_log_odds(one.confidence), one.right) for one in outcomes]
    halves = odds[::2], odds[1::2]
    gains = [
        _loss(*one, 1.0) - _loss(*one, temperature)
        for fitted, asked in (halves, halves[::-1])
        for temperature in [_best_temperature(fitted)]
        for one in asked
    ]
    if mean(gains) <= GUARD * stdev(gains) / math.sqrt(len(gains)):
        return 1.0
    return round(_best_temperature(odds), 3)


def _best_temperature(odds: Sequence[tuple[float, bool]]) -> float:
    tried: list[float] = [0.5 * 1.01**step for step in range(181)]
    return min(tried, key=lambda temperature: sum(_loss(value, right, temperature) for value, right in odds))


def _loss(odds: float, right: bool, temperature: float) -> float:
    return math.log1p(math.exp(-odds / temperature if right else odds / temperature))


def _log_odds(share: float) -> float:
    bounded = min(1 - 1e-4, max(1e-4, share))
    return math.log(bounded / (1 - bounded))


def _by(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, Any]:
    counts = Counter(key(one) for one in outcomes)
    return {
        name: asdict(reliability([(one.confidence, one.right) for one in outcomes if key(one) == name]))
        for name in sorted(counts)
    }


def _bins(said: Sequence[tuple[float, bool]]) -> list[dict[str, Any]]:
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for share, right in said:
        bins[min(BINS - 1, int(share * BINS))].append((share, right))
    return [
        {
            "begin": number / BINS,
            "outcomes": len(held),
            "said": round(sum(share for share, _ in held) / len(held), 4) if held else 0.0,
            "right": round(sum(right for _, right in held) / len(held), 4) if held else 0.0,
        }
        for number, held in enumerate(bins)
    ]
