"""Before, after and heat map: of one size, on each other, warm where the fault is."""

import cv2
import numpy as np

from infra.demo.boards import golden, photo, to_jpeg
from processors.vision.config import Policy
from processors.vision.inspect import PhotoResult, inspect

NAME = "NZL-PSU-10"
WIDTH = 1000


def made(policy: Policy) -> PhotoResult:
    shot = photo(NAME, 3, width_px=WIDTH, level="easy", defects=("burn",))
    return inspect([to_jpeg(shot.picture)], to_jpeg(golden(NAME, WIDTH)), policy).photos[0]


def opened(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_before_and_after_lie_on_each_other_and_the_heat_is_at_the_fault() -> None:
    result = made(Policy(slider=True))
    assert result.slider is not None
    before, after, heat = (opened(one) for one in (result.slider.before, result.slider.after, result.slider.heat))
    assert before.shape == after.shape == heat.shape == (result.slider.height_px, result.slider.width_px, 3)
    left, top, right, bottom = result.slider.boxes[0]
    elsewhere = np.ones(before.shape[:2], bool)
    elsewhere[top - 20 : bottom + 20, left - 20 : right + 20] = False
    rim = np.zeros_like(elsewhere)
    rim[100:-100, 100:-100] = True
    grey = [cv2.cvtColor(one, cv2.COLOR_BGR2GRAY)[elsewhere & rim].astype(float) for one in (before, after)]
    assert np.corrcoef(*grey)[0, 1] > 0.95
    warm = (heat[..., 2].astype(int) - heat[..., 0]) > 60
    inside = np.zeros_like(elsewhere)
    inside[top:bottom, left:right] = True
    assert np.count_nonzero(warm & inside) > 0.2 * np.count_nonzero(inside)
    assert np.count_nonzero(warm & elsewhere & rim) < 0.001 * warm.size


def test_makes_no_pictures_that_nobody_asked_for() -> None:
    assert made(Policy()).slider is None
