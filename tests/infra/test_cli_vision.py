"""``noizylab vision inspect``: every kind of file, clear errors, statuses, and the memory it takes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.demo.boards import golden, photo, to_jpeg

NAME = "NZL-PSU-10"
WIDTH = 800
PROGRAM = """
import atexit, sys
from pathlib import Path

def peak():  # of this program alone: what getrusage says of a child counts the parent that it was forked from
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)

atexit.register(peak)
from infra.cli.main import app
app()
"""


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("boards")
    (place / "golden.jpg").write_bytes(to_jpeg(golden(NAME, WIDTH)))
    (place / "photos").mkdir()
    sound, burnt = (photo(NAME, 3, width_px=WIDTH, level="easy", defects=d).picture for d in ((), ("burn",)))
    (place / "photos" / "a-sound.jpg").write_bytes(to_jpeg(sound))
    (place / "photos" / "b-burnt.png").write_bytes(cv2.imencode(".png", burnt)[1].tobytes())
    return place


def asked(*words: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["vision", "inspect", *map(str, words), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_says_sound_and_findings_and_draws_them(boards: Path, tmp_path: Path) -> None:
    status, told = asked(boards / "golden.jpg", boards / "photos/a-sound.jpg")
    assert (status, told["verdict"], told["photos"][0]["findings"]) == (0, "sound", [])
    drawn = tmp_path / "new" / "drawn.png"
    status, told = asked(boards / "golden.jpg", boards / "photos/b-burnt.png", "--out", drawn, "--slider", tmp_path)
    assert (status, told["verdict"]) == (1, "findings")
    assert told["photos"][0]["findings"][0]["kind"] == "burn"
    assert drawn.read_bytes().startswith(b"\x89PNG")
    card = json.loads((tmp_path / "b-burnt" / "slider.json").read_text())
    assert [one["kind"] for one in card["findings"]] == ["burn"]
    for name in ("before", "after", "heat"):
        picture = cv2.imread(str(tmp_path / "b-burnt" / card[name]))
        assert picture is not None
        assert picture.shape[:2] == (card["height_px"], card["width_px"])


def test_inspects_a_folder_and_the_worst_photo_counts(boards: Path, tmp_path: Path) -> None:
    status, told = asked(boards / "golden.jpg", boards / "photos", "--out", tmp_path)
    assert (status, [one["verdict"] for one in told["photos"]]) == (1, ["sound", "findings"])
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "a-sound.jpg.annotated.jpg",
        "b-burnt.png.annotated.jpg",
    ]


@pytest.mark.parametrize("orientation", [2, 3, 5, 6, 8])
def test_honours_the_orientation(boards: Path, tmp_path: Path, orientation: int) -> None:
    upright = cv2.imread(str(boards / "photos/a-sound.jpg"))
    assert upright is not None
    file = tmp_path / "turned.jpg"
    file.write_bytes(with_orientation(to_jpeg(stored(upright, orientation)), orientation))
    assert asked(boards / "golden.jpg", file)[0] == 0


@pytest.mark.parametrize("kind", ["grey", "alpha", "sixteen", "sixteen_grey", "webp"])
def test_takes_every_kind_of_picture(boards: Path, tmp_path: Path, kind: str) -> None:
    picture = cv2.imread(str(boards / "photos/a-sound.jpg"))
    assert picture is not None
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    turned: dict[str, np.ndarray] = {
        "grey": grey, "alpha": cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), "sixteen": picture.astype(np.uint16) * 257,
        "sixteen_grey": grey.astype(np.uint16) * 257, "webp": picture,
    }  # fmt: skip
    file = tmp_path / f"photo.{'webp' if kind == 'webp' else 'png'}"
    cv2.imwrite(str(file), turned[kind])
    status, told = asked(boards / "golden.jpg", file)
    assert told["photos"][0]["problems"] == []
    assert status == 0


@pytest.mark.parametrize("adobe", [True, False])
def test_takes_a_photo_in_cmyk(boards: Path, tmp_path: Path, adobe: bool) -> None:
    from PIL import Image

    with Image.open(boards / "photos/a-sound.jpg") as picture:
        file = tmp_path / "cmyk.jpg"
        picture.convert("CMYK").save(file, quality=92)
    if not adobe:
        data = file.read_bytes()
        at = data.index(b"\xff\xee")
        file.write_bytes(data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :])
    status, told = asked(boards / "golden.jpg", file)
    assert told["photos"][0]["problems"] == []
    assert status == 0


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("name", ["a-sound.jpg", "b-burnt.png"])
def test_says_what_to_do_about_a_file_that_is_cut_short(boards: Path, tmp_path: Path, share: float, name: str) -> None:
    data = (boards / "photos" / name).read_bytes()
    file = tmp_path / name
    file.write_bytes(data[: int(len(data) * share)])
    status, told = asked(boards / "golden.jpg", file)
    assert (status, told["verdict"]) == (2, "not_judged")
    [problem] = told["photos"][0]["problems"]
    assert problem["code"] == "unreadable"
    assert "send the photo again" in problem["advice"]


def test_says_why_when_golden_or_place_cannot_be_used(boards: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    burnt, sound = boards / "photos/b-burnt.png", boards / "golden.jpg"
    for words, said in (
        ((tmp_path / "bad.jpg", burnt), "cannot be used"),
        ((empty, burnt), "holds no .jpg"),
        ((sound, empty), "holds no photo"),
        ((sound, burnt, "--out", tmp_path / "drawn"), "end it in .png or .jpg"),
        ((sound, boards / "photos", "--out", tmp_path / "bad.jpg"), "give a folder"),
    ):
        result = CliRunner().invoke(app, ["vision", "inspect", *map(str, words)])
        assert result.exit_code == 2
        assert said in " ".join(result.stderr.split()), result.stderr


def test_takes_little_memory_for_three_tenths_of_a_megapixel_and_for_four(boards: Path, tmp_path: Path) -> None:
    assert peak_mb(boards, tmp_path, 0.31) < 350
    assert peak_mb(boards, tmp_path, 4) < 450


@pytest.mark.long
def test_takes_less_than_one_and_a_half_gigabytes_for_fifty_megapixels(boards: Path, tmp_path: Path) -> None:
    assert peak_mb(boards, tmp_path, 49.9) < 1500
    assert peak_mb(boards, tmp_path, 49.9, bits=16) < 1500


def peak_mb(boards: Path, place: Path, megapixels: float, bits: int = 8) -> float:
    """Return the most memory that the command held, in MB; golden picture and photo of the same size."""
    golden_file, photo_file = place / "golden.jpg", place / ("photo.png" if bits == 16 else "photo.jpg")
    for source, file in ((boards / "golden.jpg", golden_file), (boards / "photos/b-burnt.png", photo_file)):
        picture = cv2.imread(str(source))
        assert picture is not None
        scale = (megapixels * 1e6 / (picture.shape[0] * picture.shape[1])) ** 0.5
        large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(file), large.astype(np.uint16) * 257 if file.suffix == ".png" else large)
    words = [sys.executable, "-c", PROGRAM, "vision", "inspect", str(golden_file), str(photo_file), "--json"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert json.loads(done.stdout)["photos"][0]["findings"][0]["kind"] == "burn"
    assert done.returncode == 1
    return int(done.stderr.split()[-1]) / 1024


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return the pixels that a camera with this orientation stores for an upright picture (Exif 2.32 section 4.6.4)."""
    # Row 0 and column 0 of the stored picture are these sides of the upright one.
    flips = {1: None, 2: 1, 3: -1, 4: 0}
    if orientation in flips:
        flip = flips[orientation]
        return upright if flip is None else cv2.flip(upright, flip)
    swapped = cv2.transpose(upright)
    return {5: swapped, 6: cv2.flip(swapped, 0), 7: cv2.flip(swapped, -1), 8: cv2.flip(swapped, 1)}[orientation]


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + orientation.to_bytes(2, "little") + b"\0\0\0\0\0\0"
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]
