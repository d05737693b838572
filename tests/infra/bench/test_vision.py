"""The benchmark of the inspection: each section runs in a hurry and says what it promises; truths are true."""

from pathlib import Path

import numpy as np
import pytest

from infra.bench.vision.auc import auc
from infra.bench.vision.cases import DEVELOPMENT, bench_scene, boards, draw, draw_golden, grid, off_px, take
from infra.bench.vision.parallax import take_tall
from infra.bench.vision.photos import scoring_half
from infra.bench.vision.sections import SECTIONS, run_vision_bench
from processors.vision.board_mask import board_mask
from processors.vision.gate import GateLimits, judge
from processors.vision.register import register

SEED = 9100
WIDTH = 900


def silent(_: str) -> None:
    """Progress that nobody reads."""


def test_counts_how_often_one_is_below_the_other() -> None:
    assert auc([0, 1], [2, 3]) == 1
    assert auc([2, 3], [0, 1]) == 0
    assert auc([1, 1], [1, 1]) == 0.5


def test_the_registration_lies_within_its_target_on_an_easy_and_a_hard_photo() -> None:
    board, rng = next(boards(SEED, 1, 1))
    golden = draw_golden(board, WIDTH)
    for level, limit_px in (("easy", 0.2), ("hard", 1.0)):
        shot = take(draw(board, WIDTH), level, rng, 2)  # type: ignore[arg-type]  # literals of a tuple
        found = register(shot.picture, golden, board_mask(golden))
        assert found is not None
        assert off_px(found.homography, shot.homography, grid(board, golden)) < limit_px
        assert found.stray_places == 0


def test_parts_stand_out_when_the_camera_stood_elsewhere() -> None:
    board, rng = next(boards(SEED, 2, 1))
    golden = draw_golden(board, WIDTH)
    still, moved = (register(take_tall(board, WIDTH, tilt, rng).picture, golden, board_mask(golden)) for tilt in (0, 4))
    assert still is not None
    assert moved is not None
    assert still.stray_places == 0 < moved.stray_places
    assert still.stray < moved.stray


@pytest.mark.parametrize("number", range(4))
def test_the_gate_sees_no_board_on_an_empty_bench(number: int) -> None:
    scene = bench_scene(np.random.default_rng((SEED, number)), 1200, 900)
    assert judge(scene, GateLimits()).problems


def test_the_sound_section_gives_its_keys_and_is_the_same_again() -> None:
    first, second = (run_vision_bench(SEED, True, "sound", silent) for _ in range(2))
    assert first["false_fail_of_500"] == 0
    assert first["sound"] == second["sound"]
    assert first["sound"]["photos"] == 3
    assert first["seed_is_for"] == "development"
    assert set(first["seconds"]) == {"sound"}


def test_half_of_the_photographs_score_and_screens_are_none(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "pet-screen-good"):
        (tmp_path / f"{name}.jpg").touch()
    half = {file.stem for file in scoring_half(tmp_path)}
    assert len(half) == 2
    assert half < {"a", "b", "c", "d"}
    (tmp_path / "note.txt").touch()
    assert {file.stem for file in scoring_half(tmp_path)} == half


def test_names_the_sections_when_an_unknown_one_is_asked_for() -> None:
    with pytest.raises(
        ValueError, match="registration, golden, sound, gate, residue, barcodes, markings, components, photos"
    ):
        run_vision_bench(SEED, True, "corrosion", silent)
    assert SEED in DEVELOPMENT


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_every_section_runs_in_a_hurry(name: str) -> None:
    result = run_vision_bench(SEED, True, name, silent)
    keys = {
        "registration": {"registration", "registration_12mp_s"}, "golden": {"golden"},
        "sound": {"false_fail_of_500", "sound"}, "gate": {"gate_auc", "gate", "pose"}, "residue": {"residue"},
        "barcodes": {"barcodes"}, "markings": {"markings_exact", "markings"},
        "components": {"components"}, "photos": set(),
    }[name]  # fmt: skip
    assert keys <= set(result)
