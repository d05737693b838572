"""Board condition: areas in percent, with a golden picture and without, never a verdict that cannot be known."""

from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.demo.boards import golden, photo, to_jpeg
from processors.vision.condition import SOILS, ZONES, Soil, condition_of, suspects_of
from processors.vision.inspect import inspect
from schemas.inspections import BoardCondition, Zone

NAME = "NZL-MOTOR-6"
WIDTH = 1000


def seen(defects: tuple[str, ...], *, with_golden: bool) -> BoardCondition:
    shot = photo(NAME, 12, width_px=WIDTH, level="easy", defects=defects)  # type: ignore[arg-type]  # kinds of the boards
    reference = to_jpeg(golden(NAME, WIDTH)) if with_golden else None
    found = inspect([to_jpeg(shot.picture)], reference).photos[0].condition
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["residue", "corrosion", "burn"])
def test_measures_what_was_painted_and_names_it(kind: str) -> None:
    shot = photo(NAME, 12, width_px=WIDTH, level="easy", defects=(kind,))  # type: ignore[arg-type]  # as above
    found = seen((kind,), with_golden=True)
    whole = [area for area in found.areas if area.zone == "board"]
    assert [area.kind for area in whole] == [kind]
    # The board fills 0.77 of the drawn picture, so the share of it is at least that of the picture.
    painted = 100 * sum(one.area_px for one in shot.truths) / (shot.picture.shape[0] * shot.picture.shape[1])
    assert painted * 0.8 < whole[0].percent < painted * 1.9
    assert found.verdict == ("suspect" if whole[0].severity == "low" else "fail")


def test_a_clean_board_is_clean() -> None:
    found = seen((), with_golden=True)
    assert (found.verdict, found.areas) == ("clean", ())


@pytest.mark.parametrize("defects", [(), ("corrosion",), ("burn", "residue")])
def test_never_fails_a_board_without_a_golden_picture(defects: tuple[str, ...]) -> None:
    assert seen(defects, with_golden=False).verdict in {"clean", "suspect"}


@pytest.mark.parametrize(("even", "suspected"), [(True, False), (False, True)])
def test_suspects_a_burn_only_where_the_dark_is_uneven(even: bool, suspected: bool) -> None:
    """A ragged dark area on green: of one tone like plastic, or darkest in its middle like scorch."""
    rng = np.random.default_rng(4)
    picture = np.full((640, 640, 3), 215, np.uint8)
    picture[60:580, 60:580] = (60, 120, 40)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    for share, level in ((1.0, 30), (0.7, 30 if even else 14), (0.4, 30 if even else 0)):
        radii = 70 * share * (1 + 0.45 * np.sin(3 * angles))
        outline = 320 + np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1)
        cv2.fillPoly(picture, [outline.astype(np.int32)], (level, level, level))
    soft = cv2.GaussianBlur(picture, (0, 0), 2.2) + rng.integers(0, 2, picture.shape, np.uint8)
    assert bool(suspects_of(soft).masks["burn"].any()) == suspected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 70), st.integers(0, 90), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_zones_add_up_to_the_board(top: int, left: int, height: int, width: int, with_golden: bool) -> None:
    board = np.zeros((120, 150), bool)
    board[15:105, 15:135] = True
    mask = np.zeros_like(board)
    mask[top : top + height, left : left + width] = True
    masks = {kind: mask if kind == "burn" else np.zeros_like(board) for kind in SOILS}
    found = condition_of(0, Soil(masks, board), with_golden=with_golden)
    soiled = np.count_nonzero(mask & board)
    by_zone: dict[Zone, float] = {area.zone: area.percent for area in found.areas}
    assert by_zone.get("board", 0) == pytest.approx(100 * soiled / board.sum(), abs=0.01)
    # The board is 90 x 120 pixels here, so that its nine zones have 1200 pixels each.
    assert sum(by_zone.get(zone, 0) for zone in ZONES) == pytest.approx(100 * soiled / 1200, abs=0.05)
    assert found.verdict == ("clean" if not soiled else "fail" if with_golden else "suspect")


def test_the_zones_are_the_board_and_its_thirds() -> None:
    assert get_args(Zone)[0] == "board"
    assert len(ZONES) == 9
