"""The score, against cases counted by hand."""

import pytest

from processors.vision.bare.kinds import Detection, Mark
from processors.vision.bare.score import average_precision, mean_average_precision, overlap, rates


def mark(kind: str, left: float, top: float, side: float = 10) -> Mark:
    return Mark(kind, left, top, left + side, top + side)


def found(kind: str, left: float, top: float, confidence: float = 0.9, side: float = 10) -> Detection:
    return Detection(kind, left, top, left + side, top + side, confidence)


def test_overlap_is_intersection_over_union() -> None:
    assert overlap(mark("open", 0, 0), found("open", 0, 0)) == 1
    assert overlap(mark("open", 0, 0), found("open", 5, 0)) == pytest.approx(50 / 150)
    assert overlap(mark("open", 0, 0), found("open", 10, 0)) == 0
    assert overlap(mark("open", 0, 0), found("open", 20, 20)) == 0


def test_a_wrong_kind_costs_precision_and_recall_both() -> None:
    got = rates([([mark("open", 0, 0), mark("short", 50, 50)], [found("open", 0, 0), found("spur", 50, 50)])])
    assert (got.right, got.found, got.marked) == (1, 2, 2)
    assert (got.precision, got.recall, got.f) == (0.5, 0.5, 0.5)


def test_a_mark_is_taken_by_one_detection_only_and_the_other_is_false() -> None:
    got = rates([([mark("open", 0, 0)], [found("open", 0, 0, 0.5), found("open", 1, 0, 0.9)])])
    assert (got.right, got.found, got.marked) == (1, 2, 1)
    assert got.f == pytest.approx(2 * 0.5 * 1 / 1.5)


def test_an_overlap_of_a_third_is_just_enough_and_a_little_less_is_not() -> None:
    assert rates([([mark("open", 0, 0)], [found("open", 5, 0)])]).right == 1  # 0.3333
    assert rates([([mark("open", 0, 0)], [found("open", 5.1, 0)])]).right == 0  # 0.3245


def test_marks_choose_in_their_order() -> None:
    # The first mark takes the surer of the two that overlap it, though the second mark has no other.
    marks = [mark("open", 0, 0), mark("open", 4, 0)]
    got = rates([(marks, [found("open", 4, 0, 0.9), found("open", -4, 0, 0.8)])])
    assert (got.right, got.found, got.marked) == (1, 2, 2)


def test_average_precision_is_the_area_under_the_best_precision_at_each_recall() -> None:
    pictures = [
        ([mark("open", 0, 0), mark("open", 100, 0)], [found("open", 0, 0, 0.9), found("open", 50, 50, 0.8)]),
        ([mark("open", 0, 0), mark("short", 0, 0)], [found("open", 0, 0, 0.7)]),
    ]
    # Ranked: right, false, right; precision 1, 1/2, 2/3; of three marks the third is never found.
    assert average_precision(pictures, "open", 0.33) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision(pictures, "short", 0.33) == 0
    assert average_precision(pictures, "spur", 0.33) is None
    assert mean_average_precision(pictures, 0.33) == pytest.approx((1 + 2 / 3) / 6)


def test_a_second_detection_of_a_mark_is_false_and_a_stricter_overlap_finds_less() -> None:
    pictures = [([mark("spur", 0, 0)], [found("spur", 0, 0, 0.6), found("spur", 4, 0, 0.9)])]
    assert average_precision(pictures, "spur", 0.33) == 1
    assert average_precision(pictures, "spur", 0.5) == 0.5


def test_nothing_found_and_nothing_marked_are_no_division_by_zero() -> None:
    assert rates([([], [])]).f == 0
    assert mean_average_precision([([], [])], 0.33) == 0
