import numpy as np
import pytest

from infra.train.repairs import LabelledText, OutcomeRow
from infra.train.success import area, chances, fit_success, last_year, repairs_of
from processors.brain.success import BUCKETS, SuccessModel, traits


def record(text: str, fixed: bool, date: str = "2020-01-01", category: str = "laptop") -> OutcomeRow:
    return OutcomeRow(category, None, fixed, "Lenovo", text, date)


ROWS = [record("the hinge is loose", True), record("liquid in the board", False)] * 60


def test_learns_which_words_go_with_a_repair_that_works() -> None:
    model = fit_success(repairs_of(ROWS, ()))
    loose, wet = (model.probability("housing", "laptop", "Lenovo", None, one.text) for one in ROWS[:2])
    assert loose > 0.8 > 0.2 > wet


def test_a_family_counts_where_volunteers_named_it() -> None:
    labelled = [
        LabelledText("tabicat", "tablet", family, "it is broken", 0, fixed, date="2020-01-01")
        for family, fixed in (("screen", True), ("system_board", False))
    ] * 60
    model = fit_success(repairs_of((), labelled))
    assert model.probability("screen", "tablet") > model.probability("system_board", "tablet") + 0.3


def test_the_level_is_that_of_the_newest_year() -> None:
    old = [record("it broke", number % 2 == 0, "2015-06-01") for number in range(400)]
    new = [record("it broke", number % 10 != 0, "2020-06-01") for number in range(100)]
    repairs = repairs_of([*old, *new], ())
    assert chances(fit_success(repairs), repairs).mean() == pytest.approx(0.9, abs=0.02)


def test_is_judged_on_a_year_that_it_did_not_see() -> None:
    rows = [*ROWS, *(record(one.text, one.fixed, "2021-06-01") for one in ROWS[:20])]
    figures = last_year(rows, ())
    assert (figures["rows"], figures["trained_on"], figures["after"]) == (20, 120, "2020-06-01")
    assert figures["auc"] == 1


def test_a_word_that_gives_the_end_away_does_not_count() -> None:
    stripped = traits("laptop", "", None, "fuse replaced, works again, udskiftet, ersetzt, vervangen", None)
    assert [one for one in stripped if one.startswith("word ")] == ["word fuse", "word again"]
    kept = traits("laptop", "", None, "fuse replaced", None, strip=False)
    assert "word replaced" in kept


def test_the_area_is_the_chance_that_a_true_one_scores_higher() -> None:
    scores, truth = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True])
    assert area(scores, truth) == pytest.approx(0.875)
    assert area(scores, np.ones(4, dtype=bool)) == 0.5


def test_a_model_of_another_format_is_refused() -> None:
    arrays = SuccessModel(np.zeros(BUCKETS, dtype=np.float32)).to_arrays()
    assert SuccessModel.from_arrays(arrays).probability("screen", "laptop") == 0.5
    with pytest.raises(ValueError, match="train it again"):
        SuccessModel.from_arrays(arrays | {"format": np.array(9)})
