"""The engine from bytes to findings, on drawn boards with known defects."""

import pickle
from functools import lru_cache

import cv2
import numpy as np
import pytest

from connectors.images.decode import decode
from infra.bench.vision.cases import draw_golden
from infra.bench.vision.parallax import take_tall
from infra.demo.boards import Conditions, Photo, golden, photo, to_jpeg
from infra.demo.boards_layout import board_model, layout
from infra.demo.labels import label
from processors.vision.board_mask import board_mask
from processors.vision.config import Policy
from processors.vision.inspect import Inspection, PhotoResult, inspect
from processors.vision.labels import CodeLimits
from processors.vision.register import project, register

WIDTH = 1200


@lru_cache(maxsize=4)
def reference(name: str) -> bytes:
    return to_jpeg(golden(name, WIDTH))


def seen(made: Photo, name: str) -> PhotoResult:
    return inspect([to_jpeg(made.picture)], reference(name)).photos[0]


@pytest.mark.parametrize("level", ["jig", "medium"])
def test_lands_within_half_a_pixel_when_the_true_homography_is_known(level: str) -> None:
    name = "NZL-AMP-2"
    made, flat = photo(name, 21, width_px=WIDTH, level=level), decode(reference(name))
    found = register(made.picture, flat, board_mask(flat))
    assert found is not None
    points = np.stack(np.meshgrid(np.linspace(120, 1080, 12), np.linspace(120, 720, 12)), -1).reshape(-1, 2)
    off = np.linalg.norm(project(found.homography, points) - project(made.homography, points), axis=1)
    assert float(np.sqrt(np.mean(off**2))) < 0.5
    assert found.zncc > 0.8


@pytest.mark.parametrize("name", ["NZL-PANEL-1", "NZL-MOTOR-6"])
def test_finds_and_names_defects_when_they_are_there(name: str) -> None:
    defects = ("missing_part", "bridge", "open", "residue", "corrosion", "burn", "scratch")
    made = photo(name, 33, width_px=WIDTH, level="easy", defects=defects)
    result = seen(made, name)
    assert result.compared
    named = 0
    for truth in made.truths:
        left, top, right, bottom = truth.box_px
        x, y = (left + right) / 2, (top + bottom) / 2
        hits = [
            f
            for f in result.findings
            if f.box.x_px - 4 < x < f.box.x_px + f.box.width_px + 4
            and f.box.y_px - 4 < y < f.box.y_px + f.box.height_px + 4
        ]
        assert hits, truth
        named += any(hit.kind == truth.kind for hit in hits)
    assert named >= 6
    assert len(result.findings) <= len(made.truths) + 1


@pytest.mark.parametrize("name", ["NZL-PANEL-1"])
def test_finds_nothing_when_the_board_is_sound_and_lies_on_another_bench(name: str) -> None:
    result = seen(photo(name, 34, width_px=WIDTH, level="easy"), name)
    assert result.compared
    assert result.findings == ()


def test_finds_nothing_when_the_photo_of_a_sound_board_is_smaller_than_the_golden_picture() -> None:
    name = "NZL-USB-HUB"
    picture = photo(name, 35, width_px=WIDTH, level="medium").picture
    small = cv2.resize(picture, (WIDTH * 2 // 3, round(picture.shape[0] * 2 / 3)), interpolation=cv2.INTER_AREA)
    result = inspect([to_jpeg(small)], reference(name)).photos[0]
    assert result.compared
    assert result.findings == ()


def test_asks_for_another_photo_when_tall_parts_stand_beside_their_place_by_little() -> None:
    board = layout(board_model("NZL-PSU-24"))
    golden_file, rng = to_jpeg(draw_golden(board, WIDTH)), np.random.default_rng(4)
    still, moved = (to_jpeg(take_tall(board, WIDTH, tilt, rng).picture) for tilt in (0, 3))
    assert inspect([still], golden_file).photos[0].findings == ()
    result = inspect([moved], golden_file).photos[0]
    assert result.metrics["zncc"] > Policy().pose.min_zncc, "else this shows nothing about stray places"
    assert [problem.code for problem in result.problems] == ["moved"]
    assert result.findings == ()


def test_does_not_compare_when_the_photo_shows_the_other_side_or_another_board() -> None:
    name = "NZL-PANEL-1"
    for other in (photo(name, 3, width_px=WIDTH, side="back"), photo("NZL-MOTOR-6", 3, width_px=WIDTH)):
        result = seen(other, name)
        assert result.usable
        assert not result.compared
        assert result.findings == ()


def test_asks_for_another_photo_when_tall_parts_are_seen_from_elsewhere() -> None:
    """Each patch is shifted by up to 10 px on its own, as parallax shifts what stands off the board."""
    name = "NZL-PANEL-1"
    flat = photo(name, 5, width_px=WIDTH, seen=Conditions()).picture
    size, rng = (flat.shape[1], flat.shape[0]), np.random.default_rng(1)
    ys, xs = np.indices(flat.shape[:2], np.float32)
    dx, dy = (
        cv2.resize(rng.uniform(-10, 10, (9, 13)).astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
        for _ in range(2)
    )
    torn = cv2.remap(flat, xs + dx, ys + dy, cv2.INTER_LINEAR)
    result = inspect([to_jpeg(torn)], reference(name)).photos[0]
    assert [problem.code for problem in result.problems] == ["moved"]
    assert result.findings == ()


def test_judges_without_comparing_when_no_golden_picture_is_known() -> None:
    name = "NZL-PANEL-1"
    inspection = inspect([reference(name)], None)
    assert inspection.photos[0].usable
    assert not inspection.photos[0].compared
    assert inspection.photos[0].metrics["sharp"] > 0.5


def test_says_why_when_photos_or_the_golden_picture_cannot_be_opened() -> None:
    inspection = inspect([None, b"not a photo", to_jpeg(np.zeros((200, 200, 3), np.uint8))], b"broken")
    assert [result.problems[0].code for result in inspection.photos] == ["unreadable", "unreadable", "too_small"]
    assert inspection.golden_problem is not None
    assert "unsupported_type" in inspection.golden_problem


def test_gives_the_same_answer_when_asked_twice_and_survives_pickling() -> None:
    name = "NZL-PANEL-1"
    data = to_jpeg(photo(name, 12, width_px=900, level="easy", defects=("burn", "open")).picture)
    first, second = (inspect([data], reference(name)) for _ in range(2))
    assert first == second
    assert isinstance(pickle.loads(pickle.dumps(first)), Inspection)
    assert first.photos[0].annotated is not None
    assert cv2.imdecode(np.frombuffer(first.photos[0].annotated, np.uint8), cv2.IMREAD_COLOR) is not None


def test_reads_labels_on_any_photo_but_tries_less_on_a_board_that_was_compared() -> None:
    name = "NZL-AMP-2"
    board = photo(name, 21, width_px=WIDTH, level="jig").picture
    photos = [to_jpeg(board), to_jpeg(label("S/N: C02XL0GTJGH5")), b"no picture"]
    hasty, usual = (
        inspect(photos, reference(name), Policy(codes=CodeLimits(most_looks=looks, looks_on_board=2)))
        for looks in (0, 16)
    )
    assert [one.compared for one in usual.photos] == [True, False, False]
    assert [[code.kind for code in one.codes] for one in usual.photos] == [[], ["serial"], []]
    assert hasty.photos[1].codes == ()
    sticker = cv2.resize(label("https://example.com/help"), (200, 200), interpolation=cv2.INTER_AREA)
    marked = board.copy()
    marked[:200, :200] = sticker
    for looks, kinds in ((0, []), (2, ["link"])):
        limits = CodeLimits(looks_on_board=looks)
        seen = inspect([to_jpeg(marked)], reference(name), Policy(codes=limits)).photos[0]
        assert (seen.compared, [code.kind for code in seen.codes]) == (True, kinds)
