"""Reading drawn parts: in typefaces that the reader never saw, either way up, and silence where nothing is printed."""

from pathlib import Path

import numpy as np
import pytest

from infra.bench.vision.chips import ChipPicture, chip_picture
from infra.train.glyph_fonts import SCORED, TRAINED
from infra.train.glyphs import Plan, draw, train
from processors.vision.markings.glyphs import DEFAULT, GlyphsRefused, default_glyphs, patch, read_glyphs
from processors.vision.markings.read import _Reading, _told, read_marking


def part(text: str, kind: str = "resistor") -> ChipPicture:
    """Return the first drawn part with such a text, looked for in the order of seeds."""
    for seed in range(4000):
        made = chip_picture(("VeraBd",), np.random.default_rng((9, seed)))
        if made.text == text and made.kind == kind:
            return made
    raise AssertionError(f"no part with {text}")


def test_reads_nine_of_ten_parts_in_faces_it_never_saw() -> None:
    assert not set(SCORED) & set(TRAINED)
    made = [chip_picture(SCORED, np.random.default_rng((31, n))) for n in range(60)]
    found = [read_marking(one.picture, one.kind) for one in made]
    right = [one is not None and one.text == each.text for one, each in zip(found, made, strict=True)]
    assert sum(right) >= 54


def test_says_which_way_up_the_part_lies() -> None:
    made = [chip_picture(("VeraBd",), np.random.default_rng((32, n))) for n in range(40)]
    for one in made:
        found = read_marking(one.picture, one.kind)
        if found is not None and found.text == one.text and found.upside_down is None:
            # Turning the picture clockwise so far undoes the turn it was drawn with, which was anticlockwise.
            assert found.turned_deg == one.turned_deg


def test_holds_the_marking_against_the_expected_value() -> None:
    made = part("103")
    fits, differs, unknown = (read_marking(made.picture, "resistor", value) for value in ("10k", "4k7", "DNP"))
    assert fits is not None
    assert differs is not None
    assert unknown is not None
    assert (fits.agrees, differs.agrees, unknown.agrees) == (True, False, None)
    assert fits.text == differs.text == "103"
    assert fits.meaning.value == 10_000


@pytest.mark.parametrize(
    ("expected", "text", "other", "turned_deg", "agreed"),
    [
        ("1k", "102", "201", 0, True),
        ("200", "201", "102", 180, True),
        ("47k", "102", "201", 0, False),
    ],
)
def test_lets_the_expected_value_settle_only_which_way_up_a_part_lies(
    expected: str, text: str, other: str, turned_deg: int, agreed: bool
) -> None:
    """Where the 1 is a bare stroke, a 102 upside down is a 201: both are told."""
    found = _told([_Reading("102", -0.2, 0), _Reading("201", -0.6, 180)], "resistor", expected)
    assert (found.text, found.upside_down, found.turned_deg, found.agrees) == (text, other, turned_deg, agreed)


def test_tells_no_other_way_up_when_it_is_far_less_likely() -> None:
    found = _told([_Reading("220", -0.1, 0), _Reading("01B", -4.0, 180)], "resistor", None)
    assert (found.text, found.upside_down, found.agrees) == ("220", None, None)
    assert found.confidence > 0.9


@pytest.mark.parametrize("tone", [30, 128])
def test_reads_nothing_when_nothing_is_printed(tone: int) -> None:
    rng = np.random.default_rng(4)
    blank = np.full((50, 100), tone, np.uint8)
    blank[:, :14], blank[:, -14:] = 200, 200
    noisy = np.clip(blank + rng.normal(0, 4, blank.shape), 0, 255).astype(np.uint8)
    assert read_marking(blank) is None
    assert read_marking(noisy) is None
    assert read_marking(np.full((8, 8), tone, np.uint8)) is None


def test_training_learns_and_a_file_gives_the_same_reader(tmp_path: Path) -> None:
    glyphs, right = train(Plan(samples=3000, hidden=48, rounds=6))
    assert right > 0.35  # of 28 classes; the shipped one saw more
    path = tmp_path / "glyphs.npz"
    path.write_bytes(glyphs.to_bytes())
    seen, _ = draw(20, 0.1, 5)
    assert np.allclose(read_glyphs(path).log_shares(seen), glyphs.log_shares(seen), atol=0.05)


def test_refuses_a_file_that_is_no_reader(tmp_path: Path) -> None:
    path = tmp_path / "glyphs.npz"
    with pytest.raises(GlyphsRefused, match="make it again"):
        read_glyphs(path)
    path.write_bytes(DEFAULT.read_bytes()[:1000])
    with pytest.raises(GlyphsRefused, match="make it again"):
        read_glyphs(path)


def test_fits_ink_of_any_size_into_what_the_network_sees() -> None:
    assert not patch(np.zeros((9, 9), np.float32)).any()
    thin = patch(np.ones((80, 4), np.float32))
    assert thin.shape == (24, 18)
    assert np.flatnonzero(thin.any(0)).size <= 2
    assert default_glyphs().log_shares(np.zeros((0, 24, 18), np.float32)).shape == (0, 28)
