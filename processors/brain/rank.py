"""Ranks the fault families: what the complaint says, what the inspection saw, how common each is.

Log-probabilities add up: the calibrated classifier gives the base, findings and age add log-likelihood ratios.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processors.brain.evidence import Weighed, age_weights, finding_weights, spoken_evidence
from processors.brain.families import FAMILIES
from processors.brain.faultmodel import FaultModel
from processors.brain.language import guess
from schemas.devices import Device
from schemas.diagnoses import Evidence, RankedFault
from schemas.inspections import Finding

ODD_NATS = math.log(0.01)
"""Prior of a family that the catalogue does not expect in a category, against an ordinary one."""
UNCLEAR_SHARE = 0.14
"""Share of useless texts where no records tell: that of the labelled records (990 of 7,079)."""
UNCLEAR_HEAD_START = 0.5
"""How much of the learned head start of useless texts counts where no records tell: half, set by hand, because there
the families' words come from our phrases, which are shorter and plainer than the records."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """All families, likeliest first, probabilities summing to 1.

    ``unclear`` is the probability that the text names no fault; ``findings_count`` findings and other
    observations had a say.
    ``language`` is ISO 639-1 or None; an unsupported one means that the words were not used.
    """

    faults: tuple[RankedFault, ...]
    unclear: float
    language: str | None
    language_supported: bool
    findings_count: int


def rank(
    model: FaultModel,
    complaint: str,
    device: Device,
    findings: Sequence[Finding],
    shown: int,
    evidence: int,
    more: Sequence[Weighed] = (),
) -> Ranking:
    """Return the ranking with up to ``evidence`` reasons for each of the first ``shown`` families. Total and pure.

    ``more``: what else was observed, of which each counts like a finding.
    """
    language = guess(complaint)
    read = model.read(complaint if language.supported else "", device.category)
    parts = model.contributions(read).astype(np.float64)
    shares = prior(model, device.category)
    start = model.start(device.category)
    if start is None:
        start = np.log(shares)
        start[-1] += UNCLEAR_HEAD_START * model.unclear_offset()
    logits = start + parts.sum(axis=0)
    before = shares[:-1] / shares[:-1].sum()
    unclear = float(_softmax(logits)[-1]) if len(read.indices) else 1.0
    # A text that says nothing leaves the prior; in between the two are mixed by how much it says.
    base = model.calibration.applied((1 - unclear) * _softmax(logits[:-1]) + unclear * before)
    weighed = (*finding_weights(findings), *age_weights(device.category, device.age_years), *more)
    final = _softmax(np.log(np.maximum(base, 1e-9)) + _added(weighed))
    order = np.argsort(-final, kind="stable")
    codes = tuple(FAMILIES)
    faults = [
        RankedFault(
            family=codes[place],
            title=FAMILIES[codes[place]].title,
            probability=float(final[place]),
            evidence=_reasons(model, complaint, place, parts, read.words, read.owners, final, before, weighed, device)[
                :evidence
            ]
            if position < shown
            else (),
        )
        for position, place in enumerate(order.tolist())
    ]
    return Ranking(tuple(faults), unclear, language.code, language.supported, len(findings) + len(more))


def prior(model: FaultModel, category: str) -> Vector:
    """Return the share of each class before anything is known, shape (classes,), summing to 1: counted where records
    exist, else the catalogue's weights."""
    if category in model.categories:
        counted: Vector = model.shares[model.categories.index(category)].astype(np.float64)
        return counted
    weights = np.array([family.weights.get(category, 0.0) for family in FAMILIES.values()])
    shares = np.maximum(weights, weights[weights > 0].mean() * math.exp(ODD_NATS))
    completed: Vector = np.append(shares / shares.sum() * (1 - UNCLEAR_SHARE), UNCLEAR_SHARE)
    return completed


def _added(weighed: Sequence[Weighed]) -> Vector:
    codes = tuple(FAMILIES)
    total = np.zeros(len(codes))
    for one in weighed:
        for family, nats in one.nats.items():
            total[codes.index(family)] += nats
    return total


def _reasons(
    model: FaultModel,
    complaint: str,
    place: int,
    parts: Vector,
    words: tuple[str, ...],
    owners: NDArray[np.int64],
    final: Vector,
    before: Vector,
    weighed: Sequence[Weighed],
    device: Device,
) -> tuple[Evidence, ...]:
    """Return the reasons for the family at ``place``, strongest first, against the mean of the other families."""
    rivals = final.copy()
    rivals[place] = 0.0
    rivals = rivals / rivals.sum() if rivals.sum() > 0 else rivals
    said = parts[:, place] - parts[:, :-1] @ rivals
    by_word: Mapping[str, float] = dict(
        zip(words, np.bincount(owners, weights=said, minlength=len(words)).tolist(), strict=True)
    )
    code = tuple(FAMILIES)[place]
    reasons = [*spoken_evidence(complaint, by_word)]
    reasons += [
        Evidence(source=one.source, text=one.text, weight_nats=round(one.nats[code], 3))
        for one in weighed
        if one.nats.get(code)
    ]
    nats = math.log(before[place] * len(before))
    reasons.append(
        Evidence(
            source="prior",
            text=f"{_percent(float(before[place]))} of {device.category.replace('_', ' ')} faults, as a rule",
            weight_nats=round(nats, 3),
        )
    )
    return tuple(sorted(reasons, key=lambda one: -abs(one.weight_nats)))


def _percent(share: float) -> str:
    return "under 1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")


def _softmax(logits: Vector) -> Vector:
    powers = np.exp(logits - logits.max())
    # A floor keeps logarithms finite when a score is hopeless.
    floored = np.maximum(powers / powers.sum(), 1e-9)
    shares: Vector = floored / floored.sum()
    return shares
