"""Parts over a golden picture: by the outline in any turn and from either side, by points, or a clear refusal."""

import hashlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from infra.bench.vision.cases import boards, draw_golden
from infra.bench.vision.components import placements_of
from infra.demo.boards_draw import MARGIN
from processors.vision.frame import project
from processors.vision.parts.fit import CannotPlace, Fit, fit_outline, fit_points
from processors.vision.parts.places import Places, placed, read_places, write_places

WIDTH = 1600
BOARD, _ = next(boards(9401, 21, 1))
MODEL = BOARD.model
GOLDEN = draw_golden(BOARD, WIDTH)
PARTS = placed(placements_of(BOARD), "top")
PADS = np.array([(pad.x_mm, pad.y_mm) for part in BOARD.parts for pad in part.pads()])
OUTLINE = (0.0, 0.0, MODEL.width_mm, MODEL.height_mm)
SCALE = WIDTH / (MODEL.width_mm * (1 + 2 * MARGIN))


def truth() -> NDArray[np.float64]:
    margin = WIDTH * MARGIN / (1 + 2 * MARGIN)
    return np.array([(SCALE, 0, margin), (0, SCALE, margin), (0, 0, 1)])


def off_mm(fit: Fit, true: NDArray[np.float64]) -> float:
    points = np.array([part.middle_mm for part in PARTS])
    return float(np.linalg.norm(project(fit.to_picture, points) - project(true, points), axis=1).max()) / SCALE


@pytest.mark.parametrize("turn", [None, cv2.ROTATE_180])
def test_the_outline_finds_the_turn_that_the_picture_agrees_with(turn: int | None) -> None:
    picture = GOLDEN if turn is None else cv2.rotate(GOLDEN, turn)
    fit = fit_outline(picture, PARTS, PADS, OUTLINE, "top")
    height, width = GOLDEN.shape[:2]
    half = np.array([(-1, 0, width - 1), (0, -1, height - 1), (0, 0, 1.0)])
    assert off_mm(fit, truth() if turn is None else half @ truth()) < 0.5
    assert fit.off_mm < 0.15


def test_another_board_is_refused_with_what_to_do() -> None:
    other, _ = next(boards(9402, 21, 1))
    pads = np.array([(pad.x_mm, pad.y_mm) for part in other.parts for pad in part.pads()])
    with pytest.raises(CannotPlace, match="--at"):
        fit_outline(GOLDEN, placed(placements_of(other), "top"), pads, OUTLINE, "top")


def test_points_give_the_map_and_say_how_far_off_they_are() -> None:
    corners = np.array([(2.0, 2.0), (80.0, 3.0), (79.0, 50.0), (3.0, 51.0)])
    pixels = project(truth(), corners)
    exact = fit_points([(*a, *b) for a, b in zip(corners.tolist(), pixels.tolist(), strict=True)], "top")
    assert off_mm(exact, truth()) < 1e-6
    assert exact.off_mm == 0
    pixels[0] += 4 * SCALE * 0.1
    assert (
        0.05 < fit_points([(*a, *b) for a, b in zip(corners.tolist(), pixels.tolist(), strict=True)], "top").off_mm < 1
    )


@pytest.mark.parametrize(
    ("points", "side", "said"),
    [
        ([(0, 0, 0, 0), (1, 1, 10, 10)], "top", "too few"),
        ([(0, 0, 0, 0), (1, 1, 10, 10), (2, 2, 20, 20)], "top", "one line"),
        ([(0, 0, 0, 0), (10, 0, -100, 0), (0, 10, 0, 100)], "top", "--side bottom"),
        ([(0, 0, 0, 0), (10, 0, 100, 0), (0, 10, 0, 100)], "bottom", "--side top"),
    ],
)
def test_points_that_give_no_map_say_why(points: list[tuple[float, ...]], side: str, said: str) -> None:
    with pytest.raises(CannotPlace, match=said):
        fit_points(points, side)  # type: ignore[arg-type]  # literals of a table


def test_places_come_back_from_their_file_only_for_their_own_picture() -> None:
    own = Places(
        "top", "a.pos", hashlib.sha256(b"picture").hexdigest(), (1, 0, 0, 0, 2, 0, 0, 0, 1), "points", 0.1, PARTS
    )
    data = write_places(own)
    assert read_places("front", data, b"picture") == own
    assert own.board_mm(np.array([(4.0, 6.0)])).tolist() == [[4.0, 3.0]]
    with pytest.raises(ValueError, match="another golden picture"):
        read_places("front", data, b"another")
    for broken in (data[:100], b"[]", data.replace(b"2.0", b"0.0", 1) if b"2.0" in data else b"{}"):
        with pytest.raises(ValueError, match="vision places"):
            read_places("front", broken, b"picture")
