"""Made-up boards: the same call gives the same pixels, and truths lie where the picture changed."""

import numpy as np
import pytest

from infra.demo.boards import BOARD_NAMES, Conditions, golden, photo, to_jpeg
from infra.demo.boards_layout import board_model, layout

STILL = Conditions(blur_px=0, noise=0)


def test_draws_the_same_pixels_when_asked_twice() -> None:
    first, second = (photo("NZL-USB-HUB", 4, width_px=700, defects=("bridge", "burn")) for _ in range(2))
    assert np.array_equal(first.picture, second.picture)
    assert first.truths == second.truths


def test_draws_other_pixels_when_the_seed_differs() -> None:
    a, b = (photo("NZL-USB-HUB", seed, width_px=500).picture for seed in (1, 2))
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_places_every_part_clear_of_the_others_when_a_board_is_laid_out(name: str) -> None:
    made = layout(board_model(name))
    assert len(made.parts) > 40
    assert len(made.traces) > 40
    boxes = [part.outline() for part in made.parts]
    for i, a in enumerate(boxes):
        assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in boxes[i + 1 :])


@pytest.mark.parametrize("kind", ["missing_part", "bridge", "open", "residue", "corrosion", "burn", "scratch"])
def test_changes_the_picture_only_at_the_truth_when_a_defect_is_painted(kind: str) -> None:
    sound = photo("NZL-LOGIC-3", 8, width_px=900, seen=STILL)
    faulty = photo("NZL-LOGIC-3", 8, width_px=900, seen=STILL, defects=(kind,))
    (truth,) = faulty.truths
    assert truth.kind == kind
    left, top, right, bottom = (int(v) for v in truth.box_px)
    reference = golden("NZL-LOGIC-3", 900)
    board = np.s_[60:-60, 80:-80]
    changed = np.abs(faulty.picture.astype(int) - sound.picture).max(2) > 40
    inside = np.count_nonzero(changed[top:bottom, left:right])
    assert inside > 10
    outside = changed.copy()
    # A part takes its leads and its shadow along.
    outside[max(0, top - 30) : bottom + 30, max(0, left - 30) : right + 30] = False
    assert not np.any(outside[board])
    assert reference.shape == faulty.picture.shape


def test_names_the_boards_there_are_when_asked_for_another() -> None:
    with pytest.raises(ValueError, match="NZL-PSU-10"):
        golden("NZL-NONE-0")


def test_writes_a_jpeg_when_asked() -> None:
    assert to_jpeg(golden("NZL-BMS-4", 400))[:3] == b"\xff\xd8\xff"
