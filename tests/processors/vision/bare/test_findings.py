"""Bare boards in the whole engine: told by their pictures, their defects findings like any other."""

from typing import get_args

import cv2
import numpy as np
import pytest

from infra.demo.boards import BOARD_NAMES, golden, photo, to_jpeg
from infra.train.bare_boards import DrawnPair, draw_pair
from processors.vision.bare.binarised import is_binarised
from processors.vision.bare.kinds import KINDS
from processors.vision.inspect import inspect
from processors.vision.references import Reference
from processors.vision.severity import severity_of
from schemas.inspections import DefectKind

UNSEEN = 9001


def shown(mask: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((1 - mask) * np.uint8(255), cv2.COLOR_GRAY2BGR)


def files(pair: DrawnPair) -> tuple[bytes, bytes]:
    return to_jpeg(shown(pair.template), 75), to_jpeg(shown(pair.tested), 75)


def test_every_kind_of_a_bare_board_is_a_kind_of_finding_with_a_severity() -> None:
    assert set(KINDS) <= set(get_args(DefectKind))
    for kind in KINDS:
        assert severity_of(kind, 0.0001) in {"low", "medium", "high"}  # type: ignore[arg-type]  # held above


@pytest.mark.parametrize("number", range(4))
def test_drawn_bare_boards_are_told_from_photos_of_boards(number: int) -> None:
    pair = draw_pair(UNSEEN, number)
    assert is_binarised(shown(pair.template))
    assert is_binarised(shown(pair.tested))
    name = BOARD_NAMES[number]
    assert not is_binarised(golden(name, 800))
    assert not is_binarised(photo(name, number, width_px=800, level="hard").picture)


def test_a_blank_picture_is_no_bare_board() -> None:
    assert not is_binarised(np.full((500, 500, 3), 255, np.uint8))
    assert not is_binarised(np.zeros((500, 500, 3), np.uint8))


def test_finds_the_marked_defects_and_draws_them() -> None:
    pair = draw_pair(UNSEEN, 3)
    template, tested = files(pair)
    result = inspect([tested], template).photos[0]
    assert result.usable
    assert result.compared
    assert result.annotated is not None
    for finding in result.findings:
        x, y = finding.box.x_px + finding.box.width_px / 2, finding.box.y_px + finding.box.height_px / 2
        marks = [one for one in pair.marks if one.left - 6 < x < one.right + 6 and one.top - 6 < y < one.bottom + 6]
        assert any(one.kind == finding.kind for one in marks), finding
    assert len(result.findings) >= len(pair.marks) - 1


def test_holds_a_picture_against_the_template_it_shows() -> None:
    sound = draw_pair(UNSEEN, 7, defects=0)
    other = files(draw_pair(UNSEEN, 8))[0]
    template, tested = files(sound)
    result = inspect([tested], [Reference(other), Reference(template)]).photos[0]
    assert result.compared
    assert result.findings == ()


def test_compares_nothing_when_the_template_is_of_another_board_or_a_photo() -> None:
    template, _ = files(draw_pair(UNSEEN, 1))
    _, tested = files(draw_pair(UNSEEN, 2))
    coloured = to_jpeg(golden("NZL-PANEL-1", 800))
    for reference, seen in ((template, tested), (coloured, tested), (template, coloured), (None, tested)):
        result = inspect([seen], reference).photos[0]
        assert result.usable
        assert not result.compared
        assert result.findings == ()
