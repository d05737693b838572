"""Trains the fault classifier and the success prior that the brain ships, and says how good they are.

``python -m infra.train.brain SAMPLES OUT`` writes ``faults.npz``, ``success.json`` and ``MODEL_CARD.md`` to OUT.
The same data gives the same figures; the weights agree to the last places of the linear algebra library.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.train.card import model_card
from infra.train.logistic import fit
from infra.train.repairs import ATTRIBUTION, LABEL_FILES, LICENCE, UNCLEAR, LabelledText, labelled_texts, outcomes
from infra.train.success import success_table
from processors.brain.config import Policy
from processors.brain.cues import phrases, vague_phrases
from processors.brain.families import FAMILIES
from processors.brain.faultmodel import FaultModel
from processors.brain.rank import prior, rank
from processors.brain.text import BUCKETS, Features, features
from schemas.devices import Device

TEST_FOLD, CALIBRATION_FOLD = 0, 1
ROTATED_FOLDS = (2, 3, 4)
"""Folds whose figures nobody looked at while the method was settled: each is left out once by a model of its own."""
L2 = 0.1
"""Chosen on the calibration fold among 0.05, 0.1 and 0.3."""
ITERATIONS = 80
FEW_RECORDS, FEW_RECORDS_COUNT = 50, 2.0
"""A family with fewer labelled records than this learns mostly from our phrases, which then count
double and, unlike the others, teach in which categories it occurs."""
CLASSES = (*FAMILIES, UNCLEAR)
CATEGORIES = tuple(category for category, _ in LABEL_FILES.values())

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run made: the model, its figures, the success table."""

    model: FaultModel
    figures: dict[str, Any]
    success: dict[str, Any]


def train(samples: Path, out: Path, today: str) -> Trained:
    """Train on all folds but the test fold, measure on the test fold, write the artefacts to ``out``.

    ``today`` (ISO date) is printed on the model card. Raises FileNotFoundError when the records are absent.
    """
    rows = labelled_texts(samples)
    model = fit_model(rows)
    figures = measure(model, rows) | {"rotated": rotated(rows)}
    success = success_table(outcomes(samples), rows)
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "faults.npz", allow_pickle=False, **model.to_arrays())
    digest = hashlib.sha256((out / "faults.npz").read_bytes()).hexdigest()
    credit = {"attribution": ATTRIBUTION, "licence": LICENCE}
    (out / "success.json").write_text(json.dumps(credit | success, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (out / "MODEL_CARD.md").write_text(model_card(figures, digest, today), "utf-8")
    return Trained(model, figures, success)


def fit_model(
    rows: Sequence[LabelledText], held_out: int = TEST_FOLD, l2: float = L2, iterations: int = ITERATIONS
) -> FaultModel:
    """Fit the classifier without fold ``held_out``: temperature on the calibration fold, weights on the rest and it."""
    known = [row for row in rows if row.fold != held_out]
    calibration = [row for row in known if row.fold == CALIBRATION_FOLD]
    first = _fit([row for row in known if row.fold != CALIBRATION_FOLD], 1.0, l2, iterations)
    clear = [row for row in calibration if row.family != UNCLEAR]
    temperature = _temperature(_logits(first, clear), _before(first, clear), _targets(clear))
    return _fit(known, temperature, l2, iterations)


def measure(
    model: FaultModel,
    rows: Sequence[LabelledText],
    held_out: int = TEST_FOLD,
    files: Sequence[str] = tuple(LABEL_FILES),
) -> dict[str, Any]:
    """Return figures per file and overall on fold ``held_out``, which the model must not have seen.

    Families are judged among rows with a family; ``power`` and ``battery`` count as one there, because the records
    label them as one and our split of them reads the text. ``unclear`` rows measure the abstention alone. What is
    measured is the shipped ranking, from the words and the device category.
    """
    codes = tuple(FAMILIES)
    test = [row for row in rows if row.fold == held_out]
    rankings = [rank(model, row.text, Device(category=row.category), (), 0, 0) for row in test]
    among = np.zeros((len(test), len(codes)), dtype=np.float32)
    for position, ranking in enumerate(rankings):
        for fault in ranking.faults:
            among[position, codes.index(fault.family)] = fault.probability
    targets = _targets(test)
    clear = targets != len(FAMILIES)
    by_file = {file: clear & np.array([row.file == file for row in test]) for file in files}
    majority = {
        file: _majority([row for row in rows if row.file == file and row.fold != held_out]) for file in LABEL_FILES
    }
    figures: dict[str, Any] = {
        file: _figures(among[mask], targets[mask], np.full(int(mask.sum()), majority[file]))
        for file, mask in by_file.items()
    }
    baseline = np.array([majority[row.file] for row in test])
    figures["all"] = _figures(among[clear], targets[clear], baseline[clear])
    answered = (among.max(axis=1) >= Policy().least_probability) & np.array(
        [one.language_supported for one in rankings]
    )
    figures["abstention"] = {
        "threshold": Policy().least_probability,
        "answered": _mean(answered[clear]),
        "accuracy_answered": _mean(_right(among, targets)[clear & answered]),
        "unclear_rows": int((~clear).sum()),
        "unclear_answered": _mean(answered[~clear]),
    }
    figures["training_rows"] = sum(row.fold != held_out for row in rows)
    figures["temperature"] = model.temperature
    return figures


def rotated(rows: Sequence[LabelledText], folds: Sequence[int] = ROTATED_FOLDS) -> dict[str, float]:
    """Return the overall figures of models that each leave out another fold, averaged by rows."""
    each = [measure(fit_model(rows, fold), rows, fold)["all"] for fold in folds]
    count = sum(one["rows"] for one in each)
    return {name: sum(one[name] * one["rows"] for one in each) / count for name in each[0]} | {"rows": count}


def _fit(rows: Sequence[LabelledText], temperature: float, l2: float, iterations: int) -> FaultModel:
    seeds = [*phrases(), *((UNCLEAR, language, text) for language, text in vague_phrases())]
    ones = np.ones(BUCKETS, dtype=np.float32)
    seen = np.zeros(BUCKETS)
    for row in rows:
        seen[np.unique(features(row.text, ones).indices)] += 1
    idf = (np.log((len(rows) + 1) / (seen + 1)) + 1).astype(np.float16).astype(np.float32)
    texts = [features(row.text, idf) for row in rows] + [features(text, idf) for _, _, text in seeds]
    categories = np.zeros((len(texts), len(CATEGORIES)), dtype=np.float32)
    for position, row in enumerate(rows):
        categories[position, CATEGORIES.index(row.category)] = 1.0
    targets = np.concatenate([_targets(rows), [CLASSES.index(family) for family, _, _ in seeds]]).astype(np.int64)
    records = np.bincount(_targets(rows), minlength=len(CLASSES))
    counts = np.ones(len(targets), dtype=np.float32)
    for position, (family, _, _) in enumerate(seeds, start=len(rows)):
        if records[targets[position]] < FEW_RECORDS:
            categories[position] = _spread(family)
            counts[position] = FEW_RECORDS_COUNT
    inputs = np.hstack([_dense(texts), categories, np.ones((len(texts), 1), dtype=np.float32)])
    weights = fit(inputs, targets, counts, len(CLASSES), l2, iterations)
    return FaultModel.quantised(
        classes=CLASSES,
        categories=CATEGORIES,
        idf=idf,
        weights=weights[:BUCKETS],
        by_category=weights[BUCKETS:-1],
        intercept=weights[-1],
        shares=_shares(rows),
        temperature=temperature,
    )


def _spread(family: str) -> NDArray[np.float32]:
    """Return a phrase's category feature: shared evenly among the labelled categories its family occurs in."""
    fits = np.array([category in FAMILIES[family].weights for category in CATEGORIES], dtype=np.float32)
    spread: NDArray[np.float32] = fits / np.float32(max(fits.sum(), 1.0))
    return spread


def _shares(rows: Sequence[LabelledText]) -> Matrix:
    """Return P(class | category), shape (categories, classes), from counts, each class with half a record more.

    A family that a file's labels cannot express (liquid damage of laptops, say) is not rare because it was not
    counted: it keeps the catalogue's share, and the counted ones divide the rest.
    """
    counted = np.full((len(CATEGORIES), len(CLASSES)), 0.5)
    for row in rows:
        counted[CATEGORIES.index(row.category), CLASSES.index(row.family)] += 1
    shares = counted / counted.sum(axis=1, keepdims=True)
    for place, (category, mapping) in enumerate(LABEL_FILES.values()):
        weights = np.array([family.weights.get(category, 0.0) for family in FAMILIES.values()] + [0.0])
        expressible = {*mapping.values(), "battery"}
        missing = np.array([name not in expressible for name in CLASSES])
        held = np.where(missing, np.maximum(weights / weights.sum(), shares[place]), 0.0)
        rest = np.where(missing, 0.0, shares[place])
        shares[place] = held + rest / rest.sum() * (1 - held.sum())
    found: Matrix = shares.astype(np.float32)
    return found


def _dense(texts: Sequence[Features]) -> Matrix:
    matrix = np.zeros((len(texts), BUCKETS), dtype=np.float32)
    for position, text in enumerate(texts):
        np.add.at(matrix[position], text.indices, text.values)
    return matrix


def _targets(rows: Sequence[LabelledText]) -> NDArray[np.int64]:
    return np.array([CLASSES.index(row.family) for row in rows], dtype=np.int64)


def _logits(model: FaultModel, rows: Sequence[LabelledText]) -> Matrix:
    return np.stack([_logits_of(model, row) for row in rows])


def _logits_of(model: FaultModel, row: LabelledText) -> NDArray[np.float32]:
    start = model.start(row.category)
    assert start is not None, "every labelled category is in the model"
    total: NDArray[np.float32] = start + model.contributions(model.read(row.text)).sum(axis=0)
    return total


def _before(model: FaultModel, rows: Sequence[LabelledText]) -> Matrix:
    return np.stack([prior(model, row.category)[:-1] for row in rows]).astype(np.float32)


def _temperature(logits: Matrix, before: Matrix, targets: NDArray[np.int64]) -> float:
    """Return the divisor of the logits that minimises the ranking's log loss, to 1 %, from a grid.

    Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2), through the
    ranking's mixing with the prior shares ``before`` of shape (n, families).
    """

    def loss(temperature: float) -> float:
        shares = _softmax(logits / np.float32(temperature))
        unclear = shares[:, -1:]
        return _log_loss(shares[:, :-1] + unclear * before, targets)

    return float(min(np.geomspace(0.2, 3.0, 272), key=loss))


def _softmax(logits: Matrix) -> Matrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _log_loss(probabilities: Matrix, targets: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(probabilities[np.arange(len(targets)), targets], 1e-12)).mean())


def _majority(rows: Sequence[LabelledText]) -> int:
    counts = np.bincount(_merged(_targets(rows)), minlength=len(CLASSES))
    return int(counts[:-1].argmax())


def _merged(targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return targets with ``battery`` counted as ``power``, as in the records."""
    return np.where(targets == CLASSES.index("battery"), CLASSES.index("power"), targets)


def _figures(probabilities: Matrix, targets: NDArray[np.int64], majority: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy, top-3 accuracy, log loss (nats), ECE (10 equal-width bins) and the majority baseline."""
    merged, truth = _merged_probabilities(probabilities), _merged(targets)
    order = np.argsort(-merged, axis=1, kind="stable")
    right = order[:, 0] == truth
    confidence = merged.max(axis=1)
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [abs(right[bins == one].mean() - confidence[bins == one].mean()) * (bins == one).mean() for one in set(bins)]
    return {
        "rows": len(targets),
        "accuracy": float(right.mean()),
        "top_3": float((order[:, :3] == truth[:, None]).any(axis=1).mean()),
        "log_loss_nats": _log_loss(merged, truth),
        "ece": float(sum(gaps)),
        "majority": float((majority == truth).mean()),
    }


def _merged_probabilities(probabilities: Matrix) -> Matrix:
    merged = probabilities.copy()
    merged[:, CLASSES.index("power")] += merged[:, CLASSES.index("battery")]
    merged[:, CLASSES.index("battery")] = 0
    return merged


def _right(probabilities: Matrix, targets: NDArray[np.int64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = _merged_probabilities(probabilities).argmax(axis=1) == _merged(targets)
    return found


def _mean(of: NDArray[np.bool_]) -> float:
    return float(of.mean()) if len(of) else 0.0


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path, help="folder with repairs/ inside")
    parser.add_argument("out", type=Path, help="where the artefacts go, normally processors/brain/model")
    parser.add_argument("--date", required=True, help="date for the model card, YYYY-MM-DD")
    arguments = parser.parse_args()
    train(arguments.samples, arguments.out, arguments.date)


if __name__ == "__main__":
    main()
