"""Pools our engine's ranking with a language model's suggestion."""

import math
from dataclasses import replace

from connectors.llm.port import plain
from processors.brain.assess import Advice
from processors.brain.families import FAMILIES
from processors.brain.names import Checked
from processors.brain.rank import Ranking
from schemas.diagnoses import Evidence, Measurement, ModelOpinion, OpinionOnFault, RankedFault

FLOOR = 0.002
"""Probability of a family that the model does not name: it may have overlooked it, so never zero."""
_MOST_REASONS = 3
_MOST_HAZARDS = 8


def pooled(ranking: Ranking, opinion: ModelOpinion, weight: float) -> Ranking:
    """Return the ranking with log-probabilities mixed: ``1 - weight`` of ours, ``weight`` of the model's.

    The logarithmic opinion pool (Genest and Zidek 1986, "Combining probability distributions", section 3). Families
    that the catalogue does not know are dropped, and the model counts for less by the share of its belief that they
    had: a model that makes names up is believed less. Summing to more than 1 is put right by scaling.
    So is one whose board has only a part of what it names (``trust``). Its remark stands with the first fault, as
    evidence of no weight.
    """
    named = {fault.family: fault.probability for fault in opinion.faults if fault.family in FAMILIES}
    total = sum(fault.probability for fault in opinion.faults)
    known = sum(named.values())
    if known <= 0:
        return ranking
    counted = weight * opinion.trust * known / total
    theirs = {family: max(FLOOR, named.get(family, 0.0) / max(1.0, known)) for family in FAMILIES}
    scale = sum(theirs.values())
    logs = {
        fault.family: (1 - counted) * math.log(fault.probability) + counted * math.log(theirs[fault.family] / scale)
        for fault in ranking.faults
    }
    most = max(logs.values())
    norm = sum(math.exp(value - most) for value in logs.values())
    said = {fault.family: fault.evidence for fault in opinion.faults}
    faults = [
        _with(fault, math.exp(logs[fault.family] - most) / norm, counted, theirs[fault.family] / scale, said)
        for fault in ranking.faults
    ]
    ordered = sorted(faults, key=lambda fault: -fault.probability)
    if opinion.remark:
        told = (*ordered[0].evidence, Evidence(source="model", text=opinion.remark, weight_nats=0.0))
        ordered[0] = ordered[0].model_copy(update={"evidence": told})
    return replace(ranking, faults=tuple(ordered))


def opinion_of(said: Checked, model: str) -> ModelOpinion:
    """Return what is counted of a checked suggestion, control characters taken out: its words end in pages and logs."""
    suggestion, wanted, measurement = said.suggestion, said.suggestion.measurement, None
    if wanted is not None:
        measurement = Measurement(
            what=plain(wanted.what),
            where=plain(wanted.where),
            expected=plain(wanted.expected),
            why=plain(wanted.why),
            minutes=wanted.minutes,
        )
    return ModelOpinion(
        model=model,
        summary=plain(suggestion.summary),
        faults=tuple(
            OpinionOnFault(
                family=fault.family,
                probability=fault.probability,
                evidence=tuple(plain(text) for text in fault.evidence[:_MOST_REASONS]),
            )
            for fault in suggestion.faults
        ),
        measurement=measurement,
        hazards=tuple(plain(hazard) for hazard in suggestion.hazards[:_MOST_HAZARDS]),
        trust=said.trust,
        remark=plain(said.remark),
    )


def advice(opinion: ModelOpinion, first: RankedFault) -> Advice:
    """Return the words of an opinion that stand in the answer, whose first fault may be another than the model's."""
    theirs = max(opinion.faults, key=lambda fault: fault.probability)
    summary = opinion.summary
    if theirs.family != first.family:
        summary = f"With the engine's evidence, {first.title.lower()} is likelier. {opinion.model} says: {summary}"
    return Advice(summary, opinion.measurement, opinion.hazards)


def _with(
    fault: RankedFault, probability: float, counted: float, theirs: float, said: dict[str, tuple[str, ...]]
) -> RankedFault:
    """Return the fault with its pooled probability and the model's reasons; their weight is the pool's share."""
    nats = round(counted * math.log(theirs / fault.probability), 3)
    told = tuple(Evidence(source="model", text=text, weight_nats=nats) for text in said.get(fault.family, ()))
    return fault.model_copy(update={"probability": probability, "evidence": (*fault.evidence, *told)})
