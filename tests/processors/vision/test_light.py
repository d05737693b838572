"""Undoing the light of a photo, where what it should become is known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.demo.boards import Conditions, golden, photo
from processors.vision.light import same_light

NAME, WIDTH = "NZL-PSU-24", 900
REFERENCE = golden(NAME, WIDTH)
BOARD = np.zeros(REFERENCE.shape[:2], bool)
BOARD[90:-90, 90:-90] = True


def off(lit: NDArray[Any]) -> float:
    return float(np.abs(lit - REFERENCE)[BOARD].mean())


def test_undoes_gain_gamma_and_a_gradient_when_nothing_is_cut_off() -> None:
    seen = Conditions(gain=0.75, gamma=1.15, gradient=0.2, warmth=0.06, blur_px=0, noise=0)
    picture = photo(NAME, 3, width_px=WIDTH, seen=seen).picture
    assert off(picture.astype(np.float32)) > 15
    assert off(same_light(picture, REFERENCE, BOARD)) < 2.5


def test_says_nothing_about_bright_parts_when_the_sensor_cut_them_off() -> None:
    picture = np.clip(REFERENCE.astype(np.float32) * 1.35, 0, 255).astype(np.uint8)
    bright = BOARD & (REFERENCE.min(2) > 200)
    assert np.count_nonzero(bright) > 1000
    lit = same_light(picture, REFERENCE, BOARD)
    assert float((REFERENCE - lit)[bright].max()) < 1


def test_keeps_a_stain_when_it_changes_one_place() -> None:
    picture = REFERENCE.copy()
    picture[200:300, 300:420] = (30, 110, 60)
    lit = same_light(picture, REFERENCE, BOARD)
    assert float(np.abs(lit - picture)[200:300, 300:420].mean()) < 4
