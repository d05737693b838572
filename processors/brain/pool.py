"""Pools our engine's ranking with a language model's suggestion."""

import math
from dataclasses import replace

from connectors.llm.port import Suggestion, plain
from processors.brain.assess import Advice
from processors.brain.families import FAMILIES
from processors.brain.rank import Ranking
from schemas.diagnoses import Evidence, Measurement, RankedFault

FLOOR = 0.002
"""Probability of a family that the model does not name: it may have overlooked it, so never zero."""


def pooled(ranking: Ranking, suggestion: Suggestion, weight: float, remark: str = "") -> Ranking:
    """Return the ranking with log-probabilities mixed: ``1 - weight`` of ours, ``weight`` of the model's.

    The logarithmic opinion pool (Genest and Zidek 1986, "Combining probability distributions", section 3). Families
    that the catalogue does not know are dropped, and the model counts for less by the share of its belief that they
    had: a model that makes names up is believed less. Summing to more than 1 is put right by scaling.
    ``remark`` stands with the first fault, as evidence of no weight.
    """
    named = {fault.family: fault.probability for fault in suggestion.faults if fault.family in FAMILIES}
    total = sum(fault.probability for fault in suggestion.faults)
    known = sum(named.values())
    if known <= 0:
        return ranking
    counted = weight * known / total
    theirs = {family: max(FLOOR, named.get(family, 0.0) / max(1.0, known)) for family in FAMILIES}
    scale = sum(theirs.values())
    logs = {
        fault.family: (1 - counted) * math.log(fault.probability) + counted * math.log(theirs[fault.family] / scale)
        for fault in ranking.faults
    }
    most = max(logs.values())
    norm = sum(math.exp(value - most) for value in logs.values())
    said = {fault.family: fault.evidence for fault in suggestion.faults}
    faults = [
        _with(fault, math.exp(logs[fault.family] - most) / norm, counted, theirs[fault.family] / scale, said)
        for fault in ranking.faults
    ]
    ordered = sorted(faults, key=lambda fault: -fault.probability)
    if remark:
        told = (*ordered[0].evidence, Evidence(source="model", text=plain(remark), weight_nats=0.0))
        ordered[0] = ordered[0].model_copy(update={"evidence": told})
    return replace(ranking, faults=tuple(ordered))


def advice(suggestion: Suggestion) -> Advice:
    """Return the words of a suggestion that are used, control characters taken out."""
    wanted, measurement = suggestion.measurement, None
    if wanted is not None:
        measurement = Measurement(
            what=plain(wanted.what),
            where=plain(wanted.where),
            expected=plain(wanted.expected),
            why=plain(wanted.why),
            minutes=wanted.minutes,
        )
    return Advice(plain(suggestion.summary), measurement, tuple(plain(hazard) for hazard in suggestion.hazards[:8]))


def _with(
    fault: RankedFault, probability: float, counted: float, theirs: float, said: dict[str, tuple[str, ...]]
) -> RankedFault:
    """Return the fault with its pooled probability and the model's reasons; their weight is the pool's share."""
    nats = round(counted * math.log(theirs / fault.probability), 3)
    told = tuple(
        Evidence(source="model", text=plain(text), weight_nats=nats) for text in said.get(fault.family, ())[:3]
    )
    return fault.model_copy(update={"probability": probability, "evidence": (*fault.evidence, *told)})
