"""The quality gate: a sound photo passes, a spoilt one is sent back with the right reason."""

from functools import lru_cache

import cv2
import numpy as np
import pytest

from infra.demo.boards import Photo, degrade, photo
from processors.vision.gate import GateLimits, judge, margins, measure


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


@pytest.mark.parametrize(("side", "turn"), [("left", 2), ("right", 0), ("front", 1), ("back", 3)])
def test_says_from_where_light_is_missing_when_one_side_is_dark(side: str, turn: int) -> None:
    """The light falls off from left to right, turned by quarters."""
    picture = board("NZL-PSU-10").picture
    fall = np.rot90(np.tile(np.linspace(0.3, 0.06, 400, dtype=np.float32), (400, 1)), -turn)
    # Turned by nothing the right is dark, by a quarter the front, by two the left, by three the back.
    light = cv2.resize(np.ascontiguousarray(fall), picture.shape[1::-1])[..., None]
    quality = judge((picture * light).astype(np.uint8), GateLimits())
    assert [(one.code, one.advice) for one in quality.problems] == [("too_dark", f"Add light from the {side}.")]


def test_sees_no_board_when_the_photo_shows_a_printed_page() -> None:
    page = np.full((900, 1200, 3), 228, np.uint8)
    for row, y in enumerate(range(60, 880, 34)):
        words = "the quick brown fox jumps over lazy dogs and more"[row % 9 :]
        cv2.putText(page, words, (40, y), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (40, 40, 40), 2, cv2.LINE_AA)
    assert [problem.code for problem in judge(page, GateLimits()).problems] == ["no_board"]


def test_the_margins_are_below_zero_exactly_when_there_is_a_problem() -> None:
    limits = GateLimits()
    sound = board("NZL-BMS-4").picture
    assert min(margins(measure(sound), limits).values()) > 0
    for how, code in (("dark", "too_dark"), ("motion_blur", "blurred"), ("tiny", "too_small")):
        spoilt = degrade(sound, how, np.random.default_rng(2))  # type: ignore[arg-type]  # literals of a tuple
        assert margins(measure(spoilt), limits)[code] < 0
