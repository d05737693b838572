"""The benchmark of the diagnosis: its boards, its sections, and what it concludes."""

from pathlib import Path

import numpy as np
import pytest

from infra.bench.diagnosis import SECTIONS, run_diagnosis_bench, section_names
from infra.bench.diagnosis_boards import boards_in, drawn_board, drawn_boards
from infra.bench.diagnosis_injected import DEVELOPED_ON, play, rank_of, summary
from infra.bench.diagnosis_options import Options
from processors.schematics.faults.diagnose import Diagnoser
from processors.schematics.faults.supply import supply_of
from processors.schematics.index import Index
from processors.schematics.model import Design
from tests.processors.schematics.samples import names, needed


def test_a_drawn_board_is_the_same_for_its_number_and_has_room_for_every_fault() -> None:
    assert drawn_board(7) == drawn_board(7)
    assert drawn_board(7) != drawn_board(8)
    kinds = {one.kind for index in drawn_boards(range(4)).values() for one in Diagnoser(index).hypotheses}
    assert kinds >= {"none", "short", "open", "dead_regulator", "no_enable", "no_pull_up"}


def test_no_drawn_controller_has_to_enable_its_own_supply() -> None:
    for index in drawn_boards(range(12)).values():
        supply = supply_of(index)
        first = supply.makers[0]
        lines = [line for line in supply.lines if line.net in first.enables]
        assert all(line.pull_ups for line in lines)


def test_most_faults_are_found_in_the_first_place_with_six_readings_at_most() -> None:
    """A small turn of the benchmark, on boards and seeds that are neither scored nor tuned on; bounds are wide."""
    diagnosers = {name: Diagnoser(index) for name, index in drawn_boards(range(5000, 5003)).items()}
    cases = list(play(diagnosers, 60, seed=50))
    result = summary(cases)
    assert result["top1"] > 0.7
    assert result["top3"] > 0.8
    assert result["sure_and_right"] > 0.85
    assert max(case.readings for case in cases) <= 6
    assert result["class_size_mean"] < 2, "classes so wide that anything is right"
    assert {case.kind for case in cases} >= {"none", "short", "open"}
    assert list(play(diagnosers, 5, seed=50)) == cases[:5], "the same seed gives the same cases"


def test_a_tie_is_no_answer() -> None:
    assert rank_of(np.array([0.2, 0.5, 0.3]), 1) == 1
    assert rank_of(np.array([0.4, 0.4, 0.2]), 0) == 2
    assert rank_of(np.full(4, 0.25), 3) == 4


def test_sections_are_named_and_run_alone() -> None:
    assert "injected" in section_names()
    assert len(set(SECTIONS)) == len(SECTIONS)
    with pytest.raises(ValueError, match="choose among injected"):
        run_diagnosis_bench(Options(), lambda _: None, "nothing")


def test_a_folder_without_designs_is_refused_and_one_with_them_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no design")
    with pytest.raises(ValueError, match="no design that can be read"):
        boards_in(tmp_path)


@needed
def test_real_boards_that_were_developed_on_are_among_the_samples_and_few() -> None:
    assert set(names) > DEVELOPED_ON
    assert len(names) - len(DEVELOPED_ON) > len(DEVELOPED_ON)


def test_boards_without_a_supply_are_told() -> None:
    bare = {"bare": Diagnoser(Index(Design("bare", "test")))}
    with pytest.raises(ValueError, match="no board has room for a fault"):
        list(play(bare, 1, seed=1))
