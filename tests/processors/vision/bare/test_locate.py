"""A template is brought into place: shifts, turns, a rim that is unknown."""

import cv2
import numpy as np
import pytest

from infra.train.bare_boards import Pose, draw_pair
from processors.vision.bare.kinds import Mask
from processors.vision.bare.locate import locate


def placed(copper: Mask, turn_deg: float, shift: tuple[float, float]) -> tuple[Mask, np.ndarray]:
    height, width = copper.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1)
    matrix[:, 2] += shift
    grey = cv2.warpAffine(copper * np.uint8(255), matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return (grey > 127).astype(np.uint8), matrix


@pytest.mark.parametrize(
    ("turn_deg", "shift"), [(0, (0, 0)), (0, (17, -30)), (0.5, (-5, 4)), (-1, (15, 15)), (2, (-9, 3))]
)
def test_finds_where_the_template_lies(turn_deg: float, shift: tuple[float, float]) -> None:
    template = draw_pair(3, 4, defects=0).template
    tested, matrix = placed(template, turn_deg, shift)
    found = locate(template, tested)
    back = cv2.invertAffineTransform(matrix)
    corners = np.array([[20, 20, 1], [620, 20, 1], [20, 620, 1], [620, 620, 1]], float)
    off = np.linalg.norm(corners @ (found.affine - back).T, axis=1)
    assert off.max() < 1.0
    assert found.disagreement < 0.01


def test_what_the_template_does_not_show_is_not_valid() -> None:
    template = draw_pair(3, 4, defects=0).template
    tested, _ = placed(template, 0, (20, 0))
    found = locate(template, tested)
    assert not found.valid[:, :18].any()
    assert found.valid[8:-8, 23:].all()


def test_a_bent_board_is_followed() -> None:
    pair = draw_pair(5, 2, defects=0, pose=Pose(turn_deg=0.3, shift_px=4, bend_px=2.5, holes_shifted=0))
    found = locate(pair.template, pair.tested)
    stiff = cv2.warpAffine(
        pair.template * np.uint8(255), found.affine, (640, 640), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    rigid = np.mean(((stiff > 127) != pair.tested)[20:-20, 20:-20])
    assert found.disagreement < 0.75 * rigid


@pytest.mark.parametrize("value", [0, 1])
def test_an_empty_picture_is_no_error(value: int) -> None:
    plain = np.full((400, 500), value, np.uint8)
    assert locate(plain, plain).disagreement == 0
    assert locate(plain, 1 - plain).disagreement > 0.9


def test_sizes_may_differ() -> None:
    template = draw_pair(3, 4, defects=0).template
    found = locate(template, template[:500, :603])
    assert found.template.shape == (500, 603)
    assert found.disagreement < 0.01
