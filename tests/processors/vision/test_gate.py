"""The quality gate: a sound photo passes, a spoilt one is sent back with the right reason."""

from functools import lru_cache

import numpy as np
import pytest

from infra.demo.boards import Photo, degrade, photo
from processors.vision.gate import GateLimits, judge


@lru_cache(maxsize=4)
def board(name: str) -> Photo:
    return photo(name, 3, width_px=1300)


@pytest.mark.parametrize("name", ["NZL-PSU-10", "NZL-BMS-4"])
@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("motion_blur", "blurred"),
        ("focus_blur", "blurred"),
        ("dark", "too_dark"),
        ("bright", "too_bright"),
        ("glare", "glare"),
        ("tiny", "too_small"),
    ],
)
def test_asks_for_another_photo_when_one_is_spoilt(name: str, how: str, code: str) -> None:
    spoilt = degrade(board(name).picture, how, np.random.default_rng(5))
    quality = judge(spoilt, GateLimits())
    assert code in [problem.code for problem in quality.problems]
    assert all(problem.advice and problem.measured != problem.limit for problem in quality.problems)


@pytest.mark.parametrize("angle_seed", range(3))
def test_sees_motion_when_the_camera_moved_in_any_direction(angle_seed: int) -> None:
    spoilt = degrade(board("NZL-PSU-10").picture, "motion_blur", np.random.default_rng(angle_seed))
    assert [problem.code for problem in judge(spoilt, GateLimits()).problems] == ["blurred"]


@pytest.mark.parametrize("name", ["NZL-PSU-10", "NZL-BMS-4"])
@pytest.mark.parametrize("level", ["hard"])
def test_passes_when_a_photo_is_sound(name: str, level: str) -> None:
    assert judge(photo(name, 6, width_px=1300, level=level).picture, GateLimits()).problems == ()


def test_finds_a_plain_sheet_blurred_when_nothing_is_on_it() -> None:
    sheet = np.full((900, 1200, 3), 128, np.uint8)
    assert [problem.code for problem in judge(sheet, GateLimits()).problems] == ["blurred"]
