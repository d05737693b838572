"""Learning a board from photos of sound ones: every one of them carries another serial number on its label."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from infra.demo.boards import Photo, golden, photo, to_jpeg
from processors.vision.inspect import PhotoResult, inspect
from processors.vision.learn import CannotLearn, Learned, learn
from processors.vision.references import Reference

NAME, WIDTH = "NZL-PANEL-1", 840
PLACE = (400, 280)
SERIALS = (38201, 90574, 16849, 72356, 45013, 81790)


def labelled(made: Photo, number: int) -> NDArray[Any]:
    """Stick a label on the board, where the camera sees it."""
    (x, y), size = PLACE, made.picture.shape[1::-1]
    label, cover = np.zeros_like(made.picture), np.zeros(made.picture.shape[:2], np.float32)
    cv2.rectangle(label, (x, y), (x + 104, y + 34), (205, 210, 212), -1)
    cv2.rectangle(cover, (x, y), (x + 104, y + 34), 1, -1)
    cv2.putText(label, f"{number}", (x + 6, y + 26), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (40, 40, 40), 2, cv2.LINE_AA)
    seen, alpha = (cv2.warpPerspective(one, made.homography, size) for one in (label, cover))
    mixed: NDArray[Any] = (made.picture * (1 - alpha[..., None]) + seen * alpha[..., None]).astype(np.uint8)
    return mixed


def sound(seed: int) -> NDArray[Any]:
    return labelled(photo(NAME, seed, width_px=WIDTH, level="jig"), SERIALS[seed % len(SERIALS)])


@lru_cache(maxsize=1)
def learned() -> Learned:
    photos = {f"{seed}.jpg": sound(seed) for seed in range(5)}
    scorched = photo(NAME, 9, width_px=WIDTH, level="jig", defects=("burn", "missing_part"))
    photos["scorched.jpg"] = labelled(scorched, 20_467)
    photos["dark.jpg"] = (sound(5) * 0.08).astype(np.uint8)
    return learn(photos, 0.02)


def reference() -> Reference:
    one = learned()
    return Reference(to_jpeg(one.golden, 95), cv2.imencode(".png", one.tolerance)[1].tobytes(), one.lift, "front")


def seen(picture: NDArray[Any], *references: Reference) -> PhotoResult:
    return inspect([to_jpeg(picture)], references).photos[0]


def test_leaves_out_what_is_spoilt_and_names_the_board_that_differs() -> None:
    one = learned()
    assert list(one.refused) == ["dark.jpg"]
    assert "too_dark" in one.refused["dark.jpg"]
    assert one.suspects == ("scorched.jpg",)
    assert one.photos == 5
    assert one.false_calls <= 0.02


def test_has_no_finding_where_sound_boards_differ_when_the_board_was_learned() -> None:
    other = labelled(photo(NAME, 21, width_px=WIDTH, level="jig"), 63_928)
    single = seen(other, Reference(to_jpeg(sound(0), 95)))
    assert single.findings, "the serial numbers alone must make a difference, else this proves nothing"
    result = seen(other, reference())
    assert result.compared
    assert result.findings == ()


def test_still_finds_defects_when_the_board_was_learned() -> None:
    made = photo(NAME, 22, width_px=WIDTH, level="jig", defects=("burn", "open", "missing_part"))
    result = seen(labelled(made, 57_132), reference())
    assert {one.kind for one in result.findings} >= {"burn", "missing_part"}
    assert len(result.findings) == len(made.truths)


def test_holds_each_photo_against_the_side_it_shows_when_the_set_has_both() -> None:
    back = Reference(to_jpeg(golden(NAME, WIDTH, side="back"), 95), name="back")

    def shot(side: Any) -> Photo:
        return photo(NAME, 31, width_px=WIDTH, side=side, level="jig", defects=("burn",))

    for picture in (labelled(shot("front"), 94_605), shot("back").picture):
        result = seen(picture, back, reference())
        assert result.compared
        assert [one.kind for one in result.findings] == ["burn"]


def test_says_what_is_wrong_with_the_photos_when_too_few_can_be_used() -> None:
    with pytest.raises(CannotLearn, match=r"only 1 photos can be used, 3 are needed \(b: too_dark: .*\)"):
        learn({"a": sound(1), "b": (sound(2) * 0.05).astype(np.uint8)}, 0.02)
