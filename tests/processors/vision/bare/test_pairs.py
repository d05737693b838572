"""Pairs in DeepPCB's layout, and corrections that become such pairs."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from processors.vision.bare.corrections import LIST, keep_correction
from processors.vision.bare.kinds import Mark
from processors.vision.bare.pairs import PairsRefused, read_grey, read_marks, read_pairs


def layout(folder: Path, annotation: str = "1 2 30 40 1\n", line: str = "g/b/1.png g/b/1.txt\n") -> Path:
    (folder / "g" / "b").mkdir(parents=True)
    for part in ("temp", "test"):
        cv2.imwrite(str(folder / "g" / "b" / f"1_{part}.png"), np.full((64, 64), 255, np.uint8))
    (folder / "g" / "b" / "1.txt").write_text(annotation)
    (folder / "list.txt").write_text(line)
    return folder / "list.txt"


def test_reads_a_pair_with_its_board_and_marks(tmp_path: Path) -> None:
    (pair,) = read_pairs(tmp_path, layout(tmp_path, "1 2 30 40 1\n\n 5 6 7 8 6\n"))
    assert pair.board == "g"
    assert pair.marks == (Mark("open", 1, 2, 30, 40), Mark("pin_hole", 5, 6, 7, 8))
    assert (pair.template.name, pair.tested.name) == ("1_temp.png", "1_test.png")
    assert read_grey(pair.tested).shape == (64, 64)


@pytest.mark.parametrize(
    ("annotation", "line", "says"),
    [
        ("1 2 30 40\n", "g/b/1.png g/b/1.txt\n", r"1\.txt, line 1: .*whole numbers"),
        ("1 2 30 40 1\n1 2 x 40 1\n", "g/b/1.png g/b/1.txt\n", r"1\.txt, line 2: .*whole numbers"),
        ("30 2 1 40 1\n", "g/b/1.png g/b/1.txt\n", "no box"),
        ("1 2 30 40 7\n", "g/b/1.png g/b/1.txt\n", "kind 7 is not 1 to 6"),
        ("", "g/b/1.png\n", r"list\.txt, line 1: .*image annotation"),
        ("", "g/b/1.png g/b/1.txt\ng/b/2.png g/b/1.txt\n", r"line 2: .*2_temp\.png is missing"),
        ("", "../b/1.png g/b/1.txt\n", "leaves the folder"),
        ("", "\n", "names no pair"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_and_line(tmp_path: Path, annotation: str, line: str, says: str) -> None:
    listed = layout(tmp_path, annotation, line)
    with pytest.raises(PairsRefused, match=says):
        read_pairs(tmp_path, listed)


def test_a_damaged_picture_and_a_missing_list_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(PairsRefused, match=r"x\.png is no picture"):
        read_grey(tmp_path / "x.png")
    with pytest.raises(PairsRefused, match="cannot be read"):
        read_pairs(tmp_path, tmp_path / "none.txt")


def test_a_correction_becomes_a_pair_and_a_second_one_replaces_it(tmp_path: Path) -> None:
    template, tested = np.full((64, 64), 255, np.uint8), np.zeros((64, 64), np.uint8)
    keep_correction(tmp_path, "NZL-1", "t1", template, tested, [Mark("open", 1, 2, 30, 40)])
    keep_correction(tmp_path, "NZL-1", "t2", template, tested, [])
    keep_correction(tmp_path, "NZL-1", "t1", template, tested, [Mark("spur", 3, 4, 30, 40)])
    first, second = read_pairs(tmp_path, tmp_path / LIST)
    assert (first.board, first.marks) == ("NZL-1", (Mark("spur", 3, 4, 30, 40),))
    assert second.marks == ()
    assert np.array_equal(read_grey(first.tested), tested)


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_a_correction_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(PairsRefused, match="not fit for a file name"):
        keep_correction(tmp_path, "b", name, np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8), [])
    assert not list(tmp_path.iterdir())


def test_the_sample_of_deeppcb_is_read_whole() -> None:
    samples = os.environ.get("NOIZYLAB_SAMPLES")
    folder = Path(samples or ".", "deeppcb", "sample")
    if not samples or not folder.is_dir():
        pytest.skip("NOIZYLAB_SAMPLES is not set, or holds no deeppcb/sample")
    annotations = sorted(folder.rglob("*_not/*.txt"))
    assert len(annotations) == 28
    assert all(read_marks(path) for path in annotations)
