"""The shipped model on drawn boards that it was not trained on, and model files that cannot be used."""

from pathlib import Path

import numpy as np
import pytest

from infra.train.bare_boards import DrawnPair, Pose, draw_pair
from processors.vision.bare.detect import BareInspection, inspect_bare
from processors.vision.bare.kinds import KINDS
from processors.vision.bare.model import DEFAULT, ModelRefused, default_model, read_model
from processors.vision.bare.score import rates

UNSEEN = 9001
"""A seed that no shipped model was drawn from."""


def inspected(pair: DrawnPair) -> BareInspection:
    golden, photo = ((1 - one) * np.uint8(255) for one in (pair.template, pair.tested))
    return inspect_bare(golden, photo)


def test_finds_and_names_the_defects_of_drawn_boards() -> None:
    pictures = [(pair.marks, inspected(pair).defects) for pair in (draw_pair(UNSEEN, number) for number in range(24))]
    got = rates(pictures)
    assert got.marked > 120
    assert got.recall > 0.9
    assert got.precision > 0.9


def test_sound_boards_pass() -> None:
    called = [inspected(draw_pair(UNSEEN, number, defects=0)).defects for number in range(30)]
    assert sum(bool(one) for one in called) <= 1


def test_a_shift_and_a_turn_bring_no_false_calls() -> None:
    far = Pose(turn_deg=1.0, shift_px=15.0, bend_px=0.5, holes_shifted=0)
    called = [inspected(draw_pair(UNSEEN, number, defects=0, pose=far)).defects for number in range(30)]
    assert sum(bool(one) for one in called) <= 1


def test_another_board_is_not_compared() -> None:
    one, other = draw_pair(UNSEEN, 0), draw_pair(UNSEEN, 3)
    result = inspect_bare((1 - one.template) * np.uint8(255), (1 - other.tested) * np.uint8(255))
    assert not result.comparable
    assert result.defects == ()


def test_colour_and_grey_give_the_same_and_boxes_stay_in_the_picture() -> None:
    pair = draw_pair(UNSEEN, 1)
    golden, photo = ((1 - one) * np.uint8(255) for one in (pair.template, pair.tested))
    grey = inspect_bare(golden, photo)
    colour = inspect_bare(np.repeat(golden[..., None], 3, 2), np.repeat(photo[..., None], 3, 2))
    assert grey == colour
    assert grey.defects
    for one in grey.hypotheses:
        assert 0 <= one.left < one.right <= 640
        assert 0 <= one.top < one.bottom <= 640
        assert one.kind in KINDS


def test_a_sound_picture_of_itself_has_no_defects() -> None:
    golden = (1 - draw_pair(UNSEEN, 2).template) * np.uint8(255)
    assert inspect_bare(golden, golden) == BareInspection((), (), 0.0, comparable=True)


def test_a_model_survives_its_file_and_its_card_bears_its_hash(tmp_path: Path) -> None:
    model = default_model()
    (tmp_path / "m.npz").write_bytes(model.to_bytes())
    assert read_model(tmp_path / "m.npz").to_bytes() == model.to_bytes()
    assert model.digest in DEFAULT.with_suffix(".md").read_text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": np.array(99)}, "its format is 99"),
        ({"names": np.array(["other"])}, "other measures"),
        ({"kinds_value": np.zeros((3, 3), np.float32)}, "do not fit together"),
        ({"kinds_feature": None}, "columns or outputs"),
        ({"edges_start": np.zeros(7, np.float32)}, "four edges"),
    ],
)
def test_a_model_of_another_make_is_refused(tmp_path: Path, change: dict[str, np.ndarray | None], says: str) -> None:
    with np.load(DEFAULT, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for name, value in change.items():
        arrays[name] = arrays[name] + 1000 if value is None else value
    np.savez_compressed(tmp_path / "m.npz", allow_pickle=False, **arrays)
    with pytest.raises(ModelRefused, match=says):
        read_model(tmp_path / "m.npz")


def test_a_model_file_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", allow_pickle=True, format=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelRefused, match="cannot be used"):
        read_model(tmp_path / "m.npz")
    torn = tmp_path / "torn.npz"
    torn.write_bytes(DEFAULT.read_bytes()[:1_000])
    with pytest.raises(ModelRefused, match="cannot be used"):
        read_model(torn)
    with pytest.raises(ModelRefused, match="cannot be read"):
        read_model(tmp_path / "none.npz")
    (tmp_path / "empty.npz").write_bytes(b"")
    with pytest.raises(ModelRefused, match="cannot be used"):
        read_model(tmp_path / "empty.npz")
