"""Parts by their places, through the whole engine: each fault is one finding that names its part."""

from functools import lru_cache

import cv2
import numpy as np
import pytest

from infra.bench.vision.cases import boards, draw, draw_golden, take
from infra.bench.vision.components import KINDS, Changed, change, places_of
from infra.demo.boards import to_jpeg
from processors.vision.inspect import PhotoResult, inspect
from processors.vision.parts.places import write_places
from processors.vision.parts.verify import Body, crop, look
from processors.vision.references import Reference

WIDTH = 1300


@lru_cache(maxsize=1)
def inspected() -> tuple[Changed, PhotoResult, PhotoResult]:
    """One board, with a fault of each kind and sound."""
    board, rng = next(boards(9405, 21, 1))
    golden = to_jpeg(draw_golden(board, WIDTH), 92)
    places, _ = places_of(board, golden, WIDTH)
    reference = Reference(golden, name="front", places=write_places(places))
    changed = change(board, WIDTH, rng)
    faulty, sound = (
        inspect([to_jpeg(take(one, "easy", rng).picture, 92)], [reference]).photos[0]
        for one in (changed.drawn, draw(board, WIDTH))
    )
    return changed, faulty, sound


def test_every_fault_is_one_finding_that_names_its_part_and_place() -> None:
    changed, faulty, _ = inspected()
    assert [kind for _, kind in changed.faults] == list(KINDS)
    for part, _ in changed.faults:
        [told] = [one for one in faulty.findings if part.refdes in one.references]
        assert told.x_mm is not None
        assert told.y_mm is not None
        assert abs(told.x_mm - part.x_mm) + abs(told.y_mm - part.y_mm) < 2.5
    assert len(faulty.findings) == len(changed.faults)


def test_the_missing_part_is_called_missing() -> None:
    changed, faulty, _ = inspected()
    assert faulty.parts is not None
    verdicts = {one.reference: one.verdict for one in faulty.parts.parts}
    lost = next(part for part, kind in changed.faults if kind == "missing_part")
    assert verdicts[lost.refdes] == "not_mounted"
    assert faulty.parts.checked - faulty.parts.mounted == len(faulty.parts.parts) >= 3


def test_a_sound_board_has_all_its_parts() -> None:
    _, _, sound = inspected()
    assert sound.compared
    assert sound.findings == ()
    assert sound.parts is not None
    assert sound.parts.checked == sound.parts.mounted > 30


def test_a_damaged_file_of_places_costs_only_the_places() -> None:
    board, rng = next(boards(9405, 21, 1))
    golden = to_jpeg(draw_golden(board, 900), 92)
    photo = to_jpeg(take(draw(board, 900), "easy", rng).picture, 92)
    result = inspect([photo], [Reference(golden, name="front", places=b"{}")])
    assert result.photos[0].compared
    assert result.photos[0].parts is None
    assert "vision places" in (result.golden_problem or "")


def drawn(angle_deg: float = 0.0, x: float = 100.0, *, empty: bool = False, other: bool = False) -> np.ndarray:
    """A green board with pads and, on them, a dark part with a band at its left end."""
    picture = np.full((200, 200, 3), (40, 90, 30), np.uint8)
    for side in (62, 138):
        cv2.rectangle(picture, (side - 9, 84), (side + 9, 116), (190, 195, 198), -1)
    if empty:
        return picture
    part = np.full((40, 70, 3), (60, 60, 200) if other else (40, 40, 42), np.uint8)
    part[6:-6, 8:18] = (150, 40, 40) if other else (220, 220, 220)
    part[14:26, 40:50] = (90, 90, 92)
    canvas, cover = np.zeros_like(picture), np.zeros((200, 200), np.uint8)
    canvas[80:120, 65:135], cover[80:120, 65:135] = part, 255
    turn = cv2.getRotationMatrix2D((99.5, 99.5), angle_deg, 1.0) + np.array([[0, 0, x - 100], [0, 0, 0]])
    canvas, cover = (cv2.warpAffine(one, turn, (200, 200)) for one in (canvas, cover))
    return np.where(cover[..., None] > 127, canvas, picture)


BODY = Body(99.5, 99.5, 70, 40, 0.0, 20.0)
MASK = cv2.cvtColor(np.array([[(40, 90, 30)]], np.uint8), cv2.COLOR_BGR2LAB).reshape(1, 3).astype(np.float32)


@pytest.mark.parametrize(
    ("photo", "verdict", "shift_mm", "turned_deg"),
    [
        (drawn(), "mounted", None, None),
        (drawn(empty=True), "not_mounted", None, None),
        (drawn(x=112), "shifted", 0.6, None),
        (drawn(180), "rotated", None, 180),
        (drawn(30), "rotated", None, 30),
        (drawn(-30), "rotated", None, 330),
        (drawn(other=True), "wrong_part", None, None),
    ],
)
def test_a_part_is_what_it_looks_like(
    photo: np.ndarray, verdict: str, shift_mm: float | None, turned_deg: int | None
) -> None:
    seen = look(drawn(), photo, BODY, MASK, changed=0.0 if verdict == "mounted" else 0.4)
    assert (seen.verdict, seen.turned_deg) == (verdict, turned_deg)
    assert seen.shift_mm == (None if shift_mm is None else pytest.approx(shift_mm, abs=0.1))


def test_a_part_where_none_belongs_is_seen() -> None:
    assert look(drawn(empty=True), drawn(), BODY, MASK, 0.4, fitted=False).verdict == "not_wanted"
    assert look(drawn(), drawn(x=112), BODY, MASK, 0.4, fitted=False).verdict == "unclear"


def test_a_body_of_a_few_pixels_is_left_unclear() -> None:
    assert look(drawn(), drawn(180), Body(100, 100, 7, 3, 0, 4), MASK, 0.4).verdict == "unclear"


def test_a_crop_stands_upright_however_the_part_lies() -> None:
    upright, turned = crop(drawn(), BODY), crop(drawn(-90), Body(99.5, 99.5, 70, 40, 90.0, 20.0))
    assert upright.shape == turned.shape == (40, 70, 3)
    assert np.abs(upright.astype(int) - turned).mean() < 4
