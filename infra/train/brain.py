"""Trains the fault classifier and the success prior that the brain ships, and says how good they are.

``python -m infra.train.brain SAMPLES OUT`` writes ``faults.npz``, ``success.npz`` and ``MODEL_CARD.md`` to OUT.
The same data gives the same figures; the weights agree to the last places of the linear algebra library.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.train.calibrate import expected_error, least_error, log_loss, mixed, temperature_of, top_calibration
from infra.train.card import model_card
from infra.train.logistic import fit
from infra.train.repairs import FOLDS, LABEL_FILES, UNCLEAR, LabelledText, labelled_texts, outcomes, salted_fold
from infra.train.shop import shop_temperature
from infra.train.sparse import SparseRows
from infra.train.success import fit_success, last_year, repairs_of
from processors.brain.calibration import AS_IT_IS, TopCalibration
from processors.brain.config import Policy
from processors.brain.cues import phrases, vague_phrases
from processors.brain.families import FAMILIES
from processors.brain.faultmodel import FaultModel
from processors.brain.rank import prior, rank
from processors.brain.text import COLUMNS, Features, features
from schemas.devices import Device

PARTS = FOLDS
"""Models that each leave out a fifth of the training texts: what they say of it is what calibration is fitted to. Of a
third they would know so much less than the model of all texts that it was made too modest."""
L2 = 0.07
"""Chosen by cross-validation within the training texts, with ``processors.brain.text.OWN_LENGTH``."""
STEADY_SALT = b"steady: "
ITERATIONS = 60
FEW_RECORDS, FEW_RECORDS_COUNT = 50, 2.0
"""A family with fewer labelled records than this learns mostly from our phrases, which then count double."""
CLASSES = (*FAMILIES, UNCLEAR)
CATEGORIES = tuple(category for category, _ in LABEL_FILES.values())

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run made: the model and its figures."""

    model: FaultModel
    figures: dict[str, Any]


def train(samples: Path, out: Path, today: str, report: Mapping[str, Any] | None = None) -> Trained:
    """Train on all but the held-back fifth, measure on that, write the artefacts to ``out``.

    ``today`` (ISO date) is printed on the model card. ``report`` is what ``noizylab brain calibration --json`` says of
    the model in ``out``: the new answers are cooled by what its outcomes ask for, after they were measured.

    Raises:
        FileNotFoundError: the records are absent.
        ValueError: the report does not fit the model in ``out``; says what to do.
    """
    temperature = 1.0 if report is None else shop_temperature(report, out / "faults.npz")
    rows = labelled_texts(samples / "repairs" / "fault_labels")
    records = list(outcomes(samples / "repairs" / "repairs_before_2024.csv.xz"))
    known = [row for row in rows if not row.held_back]
    model = fit_model(known)
    figures = measure(model, rows)
    figures["steady"] = steady(known)
    figures["success"] = {
        "stripped": last_year(records, rows),
        "unstripped": last_year(records, rows, strip=False),
    }
    figures["outcomes_temperature"] = temperature
    model = model.cooled(temperature)
    success = fit_success(repairs_of(records, rows))
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "faults.npz", allow_pickle=False, **model.to_arrays())
    np.savez_compressed(out / "success.npz", allow_pickle=False, **success.to_arrays())
    digest = hashlib.sha256((out / "faults.npz").read_bytes()).hexdigest()
    (out / "MODEL_CARD.md").write_text(model_card(figures, digest, today), "utf-8")
    return Trained(model, figures)


def fit_model(rows: Sequence[LabelledText], l2: float = L2, iterations: int = ITERATIONS) -> FaultModel:
    """Fit the classifier to ``rows``: its calibration to what models of four fifths say of the fifth, its weights to
    all of them."""
    asked: list[LabelledText] = []
    logits, before = list[Matrix](), list[Matrix]()
    for part in range(PARTS):
        model = _fit([row for row in rows if row.fold % PARTS != part], l2, iterations)
        clear = [row for row in rows if row.fold % PARTS == part and row.family != UNCLEAR]
        asked += clear
        logits.append(_logits(model, clear))
        before.append(_before(model, clear))
    unseen, known, targets = np.concatenate(logits), np.concatenate(before), _targets(asked)
    temperature = temperature_of(unseen, known, targets)
    shares = mixed(unseen, known, temperature)
    calibration = top_calibration(shares, _merged(shares.argmax(axis=1)) == _merged(targets))
    return _fit(rows, l2, iterations, temperature, calibration)


def measure(model: FaultModel, rows: Sequence[LabelledText]) -> dict[str, Any]:
    """Return figures per file and overall on the held-back rows, which the model must not have seen.

    Families are judged among rows with a family; ``power`` and ``battery`` count as one there, because the records
    label them as one and our split of them reads the text. ``unclear`` rows measure the abstention alone. What is
    measured is the shipped ranking, from the words and the device category.
    """
    test = [row for row in rows if row.held_back]
    rankings = [rank(model, row.text, Device(category=row.category), (), 0, 0) for row in test]
    among = np.zeros((len(test), len(FAMILIES)), dtype=np.float32)
    codes = {code: place for place, code in enumerate(FAMILIES)}
    for position, ranking in enumerate(rankings):
        for fault in ranking.faults:
            among[position, codes[fault.family]] = fault.probability
    targets = _targets(test)
    clear = targets != len(FAMILIES)
    known = [row for row in rows if not row.held_back]
    figures: dict[str, Any] = {}
    majority = np.zeros(len(test), dtype=np.int64)
    for file in dict.fromkeys(row.file for row in test):
        own = np.array([row.file == file for row in test])
        majority[own] = _majority([row for row in known if row.file == file])
        figures[file] = _figures(among[own & clear], targets[own & clear], majority[own & clear])
    figures["all"] = _figures(among[clear], targets[clear], majority[clear])
    answered = (among.max(axis=1) >= Policy().least_probability) & np.array(
        [one.language_supported and one.unclear <= Policy().most_unclear for one in rankings]
    )
    figures["abstention"] = {
        "threshold": Policy().least_probability,
        "answered": _mean(answered[clear]),
        "accuracy_answered": _mean(_right(among, targets)[clear & answered]),
        "unclear_rows": int((~clear).sum()),
        "unclear_answered": _mean(answered[~clear]),
    }
    figures["training_rows"] = len(known)
    figures["temperature"] = model.temperature
    figures["calibration"] = [model.calibration.intercept, model.calibration.slope, model.calibration.bend]
    return figures


def steady(rows: Sequence[LabelledText], **how: Any) -> dict[str, list[float]]:
    """Return accuracy on laptops, mobiles and all, and ECE, of five whole trainings on ``rows``, each scored on the
    fifth that it did not see: a steadier figure than that of one fifth. ``how`` goes to :func:`fit_model`."""
    found: dict[str, list[float]] = {"laptops": [], "mobiles": [], "all": [], "ece": []}
    for part in range(FOLDS):
        split = [replace(row, held_back=salted_fold(row.text, STEADY_SALT) == part) for row in rows]
        figures = measure(fit_model([row for row in split if not row.held_back], **how), split)
        for name, file in (("laptops", "compcat_laptops"), ("mobiles", "mobifix"), ("all", "all")):
            if file in figures:
                found[name].append(figures[file]["accuracy"])
        found["ece"].append(figures["all"]["ece"])
    return found


def _fit(
    rows: Sequence[LabelledText],
    l2: float,
    iterations: int,
    temperature: float = 1.0,
    calibration: TopCalibration = AS_IT_IS,
) -> FaultModel:
    said = seeds()
    ones = np.ones(COLUMNS, dtype=np.float32)
    seen = np.zeros(COLUMNS)
    for row in rows:
        seen[np.unique(features(row.text, ones, row.category).indices)] += 1
    idf = (np.log((len(rows) + 1) / (seen + 1)) + 1).astype(np.float16).astype(np.float32)
    texts = [features(row.text, idf, row.category) for row in rows]
    texts += [features(text, idf, category) for _, text, category, _ in said]
    categories = np.zeros((len(texts), len(CATEGORIES)), dtype=np.float32)
    for position, row in enumerate(rows):
        categories[position, CATEGORIES.index(row.category)] = 1.0
    targets = np.concatenate([_targets(rows), [CLASSES.index(family) for family, *_ in said]]).astype(np.int64)
    records = np.bincount(_targets(rows), minlength=len(CLASSES))
    counts = np.ones(len(targets), dtype=np.float32)
    for position, (_, _, category, share) in enumerate(said, start=len(rows)):
        counts[position] = share
        if category is not None:
            categories[position, CATEGORIES.index(category)] = 1.0
        if records[targets[position]] < FEW_RECORDS:
            counts[position] *= FEW_RECORDS_COUNT
    weights = fit(_inputs(texts, categories), targets, counts, len(CLASSES), l2, iterations)
    return FaultModel.quantised(
        classes=CLASSES,
        categories=CATEGORIES,
        idf=idf,
        weights=weights[:COLUMNS],
        by_category=weights[COLUMNS:-1],
        intercept=weights[-1],
        shares=_shares(rows),
        temperature=temperature,
        calibration=calibration,
    )


def seeds() -> list[tuple[str, str, str | None, float]]:
    """Return our phrases as (class, text, category, share): once for every labelled category that the family occurs
    in, the shares of one phrase summing to 1. What names no fault occurs in all.

    So they teach where a family occurs, and its words there. Without that, a family that a category's records cannot
    be labelled with (a laptop's liquid) starts below all that they can, and its words speak for those.
    """
    named = [(family, text) for family, _, text in phrases()] + [(UNCLEAR, text) for _, text in vague_phrases()]
    found: list[tuple[str, str, str | None, float]] = []
    for family, text in named:
        occurs = [one for one in CATEGORIES if family == UNCLEAR or one in FAMILIES[family].weights]
        fits: list[str | None] = [*occurs] or [None]
        found += [(family, text, category, 1 / len(fits)) for category in fits]
    return found


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


def _inputs(texts: Sequence[Features], categories: Matrix) -> SparseRows:
    """Return the features of the texts, then ``categories`` of shape (texts, categories), then ones."""
    named, category = np.nonzero(categories)
    every = np.arange(len(texts))
    last = np.full(len(texts), COLUMNS + categories.shape[1])
    return SparseRows(
        shape=(len(texts), COLUMNS + categories.shape[1] + 1),
        rows=np.concatenate([np.repeat(every, [len(one.indices) for one in texts]), named, every]),
        columns=np.concatenate([*(one.indices for one in texts), COLUMNS + category, last]),
        values=np.concatenate(
            [*(one.values for one in texts), categories[named, category], np.ones(len(texts), dtype=np.float32)]
        ),
    )


def _targets(rows: Sequence[LabelledText]) -> NDArray[np.int64]:
    return np.array([CLASSES.index(row.family) for row in rows], dtype=np.int64)


def _logits(model: FaultModel, rows: Sequence[LabelledText]) -> Matrix:
    return np.stack([_logits_of(model, row) for row in rows])


def _logits_of(model: FaultModel, row: LabelledText) -> NDArray[np.float32]:
    start = model.start(row.category)
    assert start is not None, "every labelled category is in the model"
    total: NDArray[np.float32] = start + model.contributions(model.read(row.text, row.category)).sum(axis=0)
    return total


def _before(model: FaultModel, rows: Sequence[LabelledText]) -> Matrix:
    return np.stack([prior(model, row.category)[:-1] for row in rows]).astype(np.float32)


def _majority(rows: Sequence[LabelledText]) -> int:
    counts = np.bincount(_merged(_targets(rows)), minlength=len(CLASSES))
    return int(counts[:-1].argmax())


def _merged(targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return targets with ``battery`` counted as ``power``, as in the records."""
    return np.where(targets == CLASSES.index("battery"), CLASSES.index("power"), targets)


def _figures(probabilities: Matrix, targets: NDArray[np.int64], majority: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy, top-3 accuracy, log loss (nats), ECE (10 equal-width bins), the ECE that perfect probabilities
    would have with so few rows, and the majority baseline."""
    merged, truth = _merged_probabilities(probabilities), _merged(targets)
    order = np.argsort(-merged, axis=1, kind="stable")
    right = order[:, 0] == truth
    return {
        "rows": len(targets),
        "accuracy": float(right.mean()),
        "top_3": float((order[:, :3] == truth[:, None]).any(axis=1).mean()),
        "log_loss_nats": log_loss(merged, truth),
        "ece": expected_error(merged.max(axis=1), right),
        "ece_perfect": least_error(merged.max(axis=1)),
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
    parser.add_argument("--calibration", type=Path, help="what noizylab brain calibration --json said of OUT's model")
    arguments = parser.parse_args()
    report = None if arguments.calibration is None else json.loads(arguments.calibration.read_text("utf-8"))
    try:
        train(arguments.samples, arguments.out, arguments.date, report)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
