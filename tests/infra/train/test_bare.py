"""Training on drawn bare boards: what is drawn is what it says, trees learn, the same seed gives the same model."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.train.bare import EXTRA_COPPER, TrainPlan, draw_examples, measure_pairs, train
from infra.train.bare_boards import DrawnPair, Pose, draw_pair
from infra.train.boost import BoostPlan, fit_classes, fit_values
from processors.vision.bare.corrections import LIST, keep_correction
from processors.vision.bare.kinds import KINDS
from processors.vision.bare.pairs import read_pairs
from processors.vision.bare.trees import softmax

SMALL = TrainPlan(drawn=24, kinds=BoostPlan(rounds=10, depth=3), edges=BoostPlan(rounds=4, depth=2, min_weight=0.5))
STILL = Pose(turn_deg=0, shift_px=0, bend_px=0, holes_shifted=0)


def written(folder: Path, pairs: dict[str, list[DrawnPair]]) -> Path:
    for board, drawn in pairs.items():
        for number, pair in enumerate(drawn):
            template, tested = ((1 - one) * np.uint8(255) for one in (pair.template, pair.tested))
            keep_correction(folder, board, f"{number:03}", template, tested, pair.marks)
    return folder / LIST


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    written(folder, {board: [draw_pair(seed, number) for number in range(6)] for board, seed in (("a", 71), ("b", 72))})
    return folder


def test_a_drawn_mark_holds_copper_that_changed_in_the_sense_of_its_kind() -> None:
    seen = set()
    for number in range(6):
        pair = draw_pair(11, number, pose=STILL)
        for mark in pair.marks:
            inside = np.s_[int(mark.top) : int(mark.bottom) + 1, int(mark.left) : int(mark.right) + 1]
            before, after = pair.template[inside], pair.tested[inside]
            # Ragged edges come and go by a pixel; what is wider is the defect.
            gained, lost = (
                int(cv2.morphologyEx(one, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).sum())
                for one in (after & (1 - before), before & (1 - after))
            )
            assert (gained > lost) == (mark.kind in EXTRA_COPPER), mark
            seen.add(mark.kind)
    assert seen == set(KINDS)


def test_a_drawn_pin_hole_is_a_new_hole_and_spurious_copper_a_new_island() -> None:
    counted = 0
    for number in range(8):
        pair = draw_pair(12, number, pose=STILL)
        for mark in pair.marks:
            if mark.kind not in ("pin_hole", "spurious_copper"):
                continue
            inside = np.s_[int(mark.top) : int(mark.bottom) + 1, int(mark.left) : int(mark.right) + 1]
            before, after = pair.template[inside], pair.tested[inside]
            if mark.kind == "pin_hole":
                before, after = 1 - before, 1 - after
            assert cv2.connectedComponents(after)[0] > cv2.connectedComponents(before)[0], (number, mark)
            counted += 1
    assert counted > 10


def test_a_hole_of_the_template_alone_is_no_mark() -> None:
    """The same pair with and without it: only the template differs, by a few small holes."""
    apart = 0
    for number in range(6):
        plain, holed = (draw_pair(13, number, pose=Pose(template_holed=share)) for share in (0, 1))
        assert plain.marks == holed.marks
        lost = plain.template & (1 - holed.template)
        apart += int(cv2.connectedComponents(cv2.morphologyEx(lost, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))[0] > 1)
    assert apart >= 4


def test_the_same_number_draws_the_same_pair_and_another_another() -> None:
    one, same, other = draw_pair(3, 1), draw_pair(3, 1), draw_pair(3, 2)
    assert np.array_equal(one.tested, same.tested)
    assert one.marks == same.marks
    assert not np.array_equal(one.template, other.template)
    assert draw_pair(3, 1, defects=0).marks == ()


def test_trees_learn_classes_that_no_single_column_tells() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(600, 4)).astype(np.float32)
    labels = (rows[:, 0] > 0).astype(int) + 2 * (rows[:, 1] * rows[:, 2] > 0)
    plan = BoostPlan(rounds=40, depth=3)
    trees = fit_classes(rows[:400], labels[:400], 4, plan, 1, np.ones(400))
    guessed = softmax(trees.predict(rows[400:])).argmax(1)
    assert np.mean(guessed == labels[400:]) > 0.75  # one column alone reaches a half
    again = fit_classes(rows[:400], labels[:400], 4, plan, 1, np.ones(400))
    assert np.array_equal(trees.predict(rows), again.predict(rows))


def test_trees_learn_values_and_one_wild_value_does_not_sway_them() -> None:
    random = np.random.default_rng(0)
    rows = random.uniform(-1, 1, size=(500, 3)).astype(np.float32)
    values = np.stack([10 * (rows[:, 0] > 0), 5 * rows[:, 1]], 1).astype(float)
    values[0] = 1e6
    trees = fit_values(rows, values, BoostPlan(rounds=80, depth=3), 1, clip=4.0)
    assert np.abs(trees.predict(rows[1:]) - values[1:]).mean() < 0.7


def test_what_is_measured_of_a_drawn_pair_is_labelled_by_its_marks() -> None:
    examples = draw_examples(SMALL, lambda line: None)
    marked = sum(len(one.marks) for one in examples)
    labelled = sum(int(np.sum(one.labels < len(KINDS))) for one in examples)
    assert marked > 100
    assert 0.9 * marked < labelled <= marked
    assert all(np.isnan(one.edges[one.labels == len(KINDS)]).all() for one in examples)
    assert all(not len(one.marks) for one in examples[7::8])


def test_trains_scores_and_writes_a_card_and_again_the_same(layout: Path) -> None:
    pairs = read_pairs(layout, layout / LIST)
    told: list[str] = []
    one, again = (train(pairs, SMALL, told.append) for _ in range(2))
    assert one.model.to_bytes() == again.model.to_bytes()
    assert set(one.boards) == {"a", "b"}
    assert one.figures is not None
    assert one.figures["images"] == 12
    assert one.figures["recall"] > 0.6
    assert any("cross-validation: b" in line for line in told)


def test_one_board_alone_is_not_its_own_judge(layout: Path) -> None:
    pairs = [pair for pair in read_pairs(layout, layout / LIST) if pair.board == "a"]
    assert train(pairs, SMALL, lambda line: None).figures is None


def test_measured_pairs_come_with_progress(layout: Path) -> None:
    told: list[str] = []
    assert len(measure_pairs(read_pairs(layout, layout / LIST), told.append)) == 12
    assert told == ["measured 12 of 12 pairs"]


def test_the_command_trains_with_corrections_and_evaluates_its_model(layout: Path, tmp_path: Path) -> None:
    corrected = tmp_path / "corrected"
    written(corrected, {"c": [draw_pair(73, 1)]})
    model, where = tmp_path / "out" / "model.npz", [str(layout), "--list", str(layout / LIST)]
    runner = CliRunner()
    made = runner.invoke(
        app, ["vision", "train", *where, "--out", str(model), "--drawn", "4", "--corrections", str(corrected)]
    )
    assert made.exit_code == 0, made.output
    card = model.with_suffix(".md").read_text()
    assert "13 labelled pairs of 3 boards" in card
    assert "| c | 1 |" in card
    scored = runner.invoke(app, ["vision", "evaluate", *where, "--model", str(model), "--json"])
    assert scored.exit_code == 0, scored.output
    result = json.loads(scored.stdout)
    assert set(result) == {"images", "precision", "recall", "f", "map33", "map50", "ms_per_image"}
    assert result["images"] == 12
    assert result["f"] > 0.8


def test_the_command_names_what_cannot_be_read(layout: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a/000.png a/none.txt\n")
    (tmp_path / "model.npz").write_bytes(b"no model")
    runner = CliRunner()
    missing = runner.invoke(
        app, ["vision", "train", str(layout), "--list", str(tmp_path / "list.txt"), "--out", str(tmp_path / "m.npz")]
    )
    assert missing.exit_code == 1
    assert "none.txt is missing" in missing.stderr
    damaged = runner.invoke(
        app, ["vision", "evaluate", str(layout), "--list", str(layout / LIST), "--model", str(tmp_path / "model.npz")]
    )
    assert damaged.exit_code == 1
    assert "train it again" in damaged.stderr
