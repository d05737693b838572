"""Codes on drawn labels: read under hard conditions, placed where they are, and never read wrongly."""

import cv2
import numpy as np
import pytest

from infra.bench.vision.labels import CONDITIONS, SYMBOLOGIES, Condition, Symbology, label_picture
from processors.vision.codes.read import _trusted, read_codes


@pytest.mark.parametrize("symbology", SYMBOLOGIES)
@pytest.mark.parametrize("condition", [one for one in CONDITIONS if one not in {"hard", "blur_06", "modules_14px"}])
def test_reads_a_label_when_it_is_turned_small_faint_or_lit_badly(symbology: Symbology, condition: Condition) -> None:
    made = label_picture(symbology, condition, np.random.default_rng(41))
    [found] = read_codes(made.picture)
    assert (found.symbology, found.text) == (symbology, made.text)


def test_says_where_the_code_is_also_when_it_was_read_from_an_enlarged_part() -> None:
    for symbology in ("qr", "code_128"):
        made = label_picture(symbology, "blur_06", np.random.default_rng(5))
        [found] = read_codes(made.picture)
        assert found.text == made.text
        assert found.looks >= (1 if symbology == "qr" else 2)
        x, y = np.mean(found.corners_px, axis=0)
        assert abs(x - 400) < 40
        assert abs(y - 300) < 40
        assert all(0 <= px <= 800 and 0 <= py <= 600 for px, py in found.corners_px)


def test_reads_every_label_when_there_are_several() -> None:
    made = [label_picture(one, "clean", np.random.default_rng(3)) for one in SYMBOLOGIES]
    sheet = np.vstack([one.picture for one in made])
    found = read_codes(cv2.cvtColor(sheet, cv2.COLOR_GRAY2BGR), most=4)
    assert [one.text for one in found] == [one.text for one in made]


def test_finds_nothing_in_noise_and_in_stripes() -> None:
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, (300, 400), np.uint8)
    stripes = np.repeat(rng.integers(0, 2, 200).astype(np.uint8).repeat(2)[None] * 255, 300, 0)
    assert read_codes(noise) == ()
    assert read_codes(stripes) == ()
    assert read_codes(np.full((40, 30), 7, np.uint8)) == ()


@pytest.mark.parametrize(
    ("votes", "trusted"),
    [
        ({("qr", "a"): 1}, [("qr", "a")]),
        ({("ean_13", "a"): 1}, []),
        ({("ean_13", "a"): 2}, [("ean_13", "a")]),
        ({("ean_13", "a"): 2, ("ean_13", "b"): 1}, []),
        ({("ean_13", "a"): 3, ("code_128", "b"): 1}, [("ean_13", "a")]),
        ({("code_128", "a"): 1, ("qr", "b"): 1}, [("qr", "b")]),
    ],
)
def test_trusts_linear_codes_only_when_looks_agree(
    votes: dict[tuple[str, str], int], trusted: list[tuple[str, str]]
) -> None:
    here = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    assert _trusted(votes, dict.fromkeys(votes, here)) == trusted


def test_does_not_let_one_label_cast_doubt_on_another_beside_it() -> None:
    here, there = (((x, 0.0), (x + 9, 0.0), (x + 9, 9.0), (x, 9.0)) for x in (0.0, 20.0))
    first, second = ("ean_13", "a"), ("code_128", "b")
    assert _trusted({first: 2, second: 1}, {first: here, second: there}) == [first]
