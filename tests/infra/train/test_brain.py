import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from infra.train.brain import CALIBRATION_FOLD, CATEGORIES, CLASSES, TEST_FOLD, fit_model, measure
from infra.train.logistic import fit
from infra.train.repairs import ATTRIBUTION, LABEL_FILES, UNCLEAR, LabelledText, OutcomeRow, labelled_texts
from infra.train.success import STRENGTH, success_table
from processors.brain.families import FAMILIES
from processors.brain.faultmodel import FaultModel

MODEL = Path(__file__).parents[3] / "processors" / "brain" / "model"


def test_the_shipped_card_names_the_shipped_file_its_source_and_licence() -> None:
    card = (MODEL / "MODEL_CARD.md").read_text("utf-8")
    assert hashlib.sha256((MODEL / "faults.npz").read_bytes()).hexdigest() in card
    assert ATTRIBUTION in card
    assert "CC BY-SA 4.0" in card


def test_the_shipped_model_is_small_and_holds_the_catalogue_alone() -> None:
    assert (MODEL / "faults.npz").stat().st_size < 600_000
    with np.load(MODEL / "faults.npz", allow_pickle=False) as arrays:
        model = FaultModel.from_arrays({name: arrays[name] for name in arrays.files})
        texts = [name for name in arrays.files if arrays[name].dtype.kind in "US"]
    assert model.classes == CLASSES
    assert model.categories == CATEGORIES
    assert texts == ["classes", "categories"]
    assert np.allclose(model.shares.sum(axis=1), 1, atol=1e-5)


def test_a_model_of_another_format_is_refused() -> None:
    with np.load(MODEL / "faults.npz", allow_pickle=False) as arrays:
        other = {name: arrays[name] for name in arrays.files} | {"format": np.array(99)}
    with pytest.raises(ValueError, match="format 99"):
        FaultModel.from_arrays(other)


def test_the_shipped_success_table_covers_every_category_and_stays_between_the_bounds() -> None:
    table = json.loads((MODEL / "success.json").read_text("utf-8"))
    assert table["attribution"] == ATTRIBUTION
    rates = [
        *table["category"].values(),
        *(rate for part in ("family", "age") for one in table[part].values() for rate in one.values()),
    ]
    assert all(0.1 < rate < 0.95 for rate in rates)


def test_every_label_is_a_family_or_unclear() -> None:
    for _, mapping in LABEL_FILES.values():
        assert set(mapping.values()) <= {*FAMILIES, UNCLEAR}


def test_reads_labels_leaves_out_what_names_no_family_and_keeps_equal_texts_together(tmp_path: Path) -> None:
    folder = tmp_path / "repairs" / "fault_labels"
    folder.mkdir(parents=True)
    (folder / "tabicat.csv").write_text(
        "id_ords,fault_type,repair_status,problem\n"
        "a_1,Power/battery,Fixed,New battery needed\n"
        "a_2,Power/battery,Repairable,Dead\n"
        'a_3,Poor data,Unknown,"not, working"\n'
        "a_4,Other,Fixed,Something else\n"
        "a_5,Screen,Fixed,\n"
        "a_6,Screen,End of life,NEW  battery needed!\n",
        "utf-8",
    )
    rows = labelled_texts(tmp_path, ("tabicat",))
    assert [(row.family, row.fixed) for row in rows] == [
        ("battery", True),
        ("power", False),
        (UNCLEAR, None),
        ("screen", False),
    ]
    assert rows[0].fold == rows[3].fold
    assert {row.category for row in rows} == {"tablet"}


def test_logistic_regression_stops_where_the_gradient_is_nothing() -> None:
    rng = np.random.default_rng(3)
    inputs = np.hstack([rng.normal(size=(300, 4)), np.ones((300, 1))]).astype(np.float32)
    targets = (inputs[:, 0] + 0.5 * rng.normal(size=300) > 0.2).astype(np.int64) + (inputs[:, 1] > 1)
    weights = fit(inputs, targets, np.ones(300, np.float32), 3, 1.0, 200)
    logits = inputs @ weights
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    penalty = np.array([[1.0], [1.0], [1.0], [1.0], [1e-3]])
    gradient = inputs.T @ (shares - np.eye(3)[targets]) + penalty * weights
    assert np.abs(gradient).max() < 0.5 < np.abs(inputs.T @ (1 / 3 - np.eye(3)[targets])).max()


def test_a_row_that_counts_double_is_two_rows() -> None:
    inputs = np.array([[0, 1], [1, 1], [1, 1]], dtype=np.float32)
    double = fit(inputs[:2], np.array([0, 1]), np.array([1, 2], np.float32), 2, 0.1, 50)
    assert double == pytest.approx(fit(inputs, np.array([0, 1, 1]), np.ones(3, np.float32), 2, 0.1, 50), abs=0.01)


def test_a_success_rate_is_drawn_to_its_parent_when_records_are_few() -> None:
    records = [OutcomeRow("tv", 2, True)] * 30 + [OutcomeRow("laptop", None, False)] * 30
    labelled = [LabelledText("tabicat", "tablet", "screen", "x", 0, False)] * 10
    table = success_table(records, labelled)
    assert table["base"] == 0.5
    assert table["category"]["tv"] == pytest.approx((30 + STRENGTH * 0.5) / (30 + STRENGTH))
    assert table["category"]["camera"] == 0.5
    assert table["family"]["tablet"]["screen"] < table["family"]["tablet"][""] < 0.5
    assert table["age"]["tv"]["0-3"] > table["age"]["tv"]["4-7"]


def test_training_again_gives_the_same_figures_and_beats_the_majority() -> None:
    samples = os.environ.get("NOIZYLAB_SAMPLES")
    if not samples or not (Path(samples) / "repairs").exists():
        pytest.skip("NOIZYLAB_SAMPLES is not set, or holds no repairs/")
    rows = labelled_texts(Path(samples), ("tabicat", "printcat"))
    assert {row.fold for row in rows} == set(range(5))
    assert TEST_FOLD != CALIBRATION_FOLD
    files = ("tabicat", "printcat")
    first, second = (measure(fit_model(rows, iterations=15), rows, files=files) for _ in range(2))
    assert first == second
    assert first["all"]["rows"] > 100
    assert first["all"]["accuracy"] > first["all"]["majority"] + 0.3
