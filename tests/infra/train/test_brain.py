import hashlib
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from infra.train.brain import CATEGORIES, CLASSES, fit_model, measure, seeds
from infra.train.logistic import fit
from infra.train.repairs import ATTRIBUTION, LABEL_FILES, UNCLEAR, is_held_back, labelled_texts
from processors.brain.cues import phrases, vague_phrases
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


def test_a_phrase_stands_in_every_category_of_its_family_and_counts_once() -> None:
    shares: Counter[tuple[str, str]] = Counter()
    for family, text, category, share in seeds():
        assert family == UNCLEAR or category is None or category in FAMILIES[family].weights
        shares[family, text] += share  # type: ignore[assignment]  # a sum of shares is a float
    said = [(family, text) for family, _, text in phrases()] + [(UNCLEAR, text) for _, text in vague_phrases()]
    assert shares == pytest.approx(Counter(said))
    assert {category for family, _, category, _ in seeds() if family == "liquid"} >= {"laptop", "mobile"}


def test_every_label_is_a_family_or_unclear() -> None:
    for _, mapping in LABEL_FILES.values():
        assert set(mapping.values()) <= {*FAMILIES, UNCLEAR}


def test_reads_labels_leaves_out_what_names_no_family_and_keeps_equal_texts_together(tmp_path: Path) -> None:
    folder = tmp_path / "repairs" / "fault_labels"
    folder.mkdir(parents=True)
    (folder / "tabicat.csv").write_text(
        "id_ords,fault_type,brand,year_of_manufacture,repair_status,event_date,problem\n"
        "a_1,Power/battery,Unknown,2015,Fixed,2019-05-25,New battery needed\n"
        "a_2,Power/battery,Unknown,2015,Repairable,2019-05-25,Dead\n"
        'a_3,Poor data,Unknown,2015,Unknown,2019-05-25,"not, working"\n'
        "a_4,Other,Unknown,2015,Fixed,2019-05-25,Something else\n"
        "a_5,Screen,Unknown,2015,Fixed,2019-05-25,\n"
        "a_6,Screen,Unknown,2015,End of life,2019-05-25,NEW  battery needed!\n",
        "utf-8",
    )
    rows = labelled_texts(folder, ("tabicat",))
    assert [(row.family, row.fixed) for row in rows] == [
        ("battery", True),
        ("power", False),
        (UNCLEAR, None),
        ("screen", False),
    ]
    assert rows[0].fold == rows[3].fold
    assert rows[0].held_back == rows[3].held_back
    assert (rows[0].brand, rows[0].age_years, rows[0].date) == ("", 4, "2019-05-25")
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


def test_a_fifth_is_held_back_by_its_words_alone() -> None:
    texts = [f"the fault number {number} of {number * 7} is here" for number in range(3)]
    assert is_held_back("The SCREEN, is cracked!") == is_held_back("the screen is cracked")
    letters = "abcdefghijklmnopqrstuvwxyz"
    shares = [is_held_back(f"the {first}x{second} broke") for first in letters for second in letters]
    assert 0.15 < sum(shares) / len(shares) < 0.25
    assert len({is_held_back(text) for text in texts}) == 1  # digits read alike, so the words are the same


def test_training_again_gives_the_same_figures_and_beats_the_majority() -> None:
    samples = os.environ.get("NOIZYLAB_SAMPLES")
    if not samples or not (Path(samples) / "repairs").exists():
        pytest.skip("NOIZYLAB_SAMPLES is not set, or holds no repairs/")
    rows = labelled_texts(Path(samples) / "repairs" / "fault_labels", ("tabicat", "printcat"))
    assert {row.fold for row in rows} == set(range(5))
    known = [row for row in rows if not row.held_back]
    first, second = (measure(fit_model(known, iterations=15), rows) for _ in range(2))
    assert first == second
    assert first["all"]["rows"] == sum(row.held_back and row.family != UNCLEAR for row in rows) > 100
    assert first["all"]["accuracy"] > first["all"]["majority"] + 0.3
