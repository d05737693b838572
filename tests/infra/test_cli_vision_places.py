"""``noizylab vision places``: from a file of places and a golden picture to a set that inspections use."""

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from infra.bench.vision.cases import boards, draw, draw_golden, take
from infra.bench.vision.components import placements_of
from infra.cli.main import app
from infra.demo.boards import to_jpeg
from infra.demo.boards_draw import MARGIN
from processors.vision.parts.places import read_places

WIDTH = 1200
BOARD, RNG = next(boards(9403, 21, 1))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sets")
    (place / "NZL-T").mkdir()
    (place / "NZL-T" / "front.jpg").write_bytes(to_jpeg(draw_golden(BOARD, WIDTH), 92))
    (place / "photo.jpg").write_bytes(to_jpeg(take(draw(BOARD, WIDTH), "easy", RNG).picture, 92))
    rows = [
        f"{one.reference};{one.value};{one.package};{one.x_mm};{-one.y_mm};{one.rotation_deg};top"
        for one in placements_of(BOARD)
    ]
    (place / "board.csv").write_text("Ref;Val;Package;PosX (mm);PosY (mm);Rot;Side\n" + "\n".join(rows) + "\n")
    return place


def asked(shop: Path, *words: object) -> tuple[int, str, str]:
    fixed = ["vision", "places", str(shop / "board.csv"), "--board", "NZL-T", "--out", str(shop)]
    result = CliRunner().invoke(app, [*fixed, *map(str, words)])
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def corners() -> list[str]:
    scale, margin = WIDTH / (BOARD.model.width_mm * (1 + 2 * MARGIN)), WIDTH * MARGIN / (1 + 2 * MARGIN)
    chosen = {
        part.refdes: part
        for sx in (-1, 1) for sy in (-1, 1)
        for part in [max(BOARD.parts, key=lambda part: sx * part.x_mm + sy * part.y_mm)]
    }  # fmt: skip
    return [f"{p.refdes}={round(p.x_mm * scale + margin)},{round(p.y_mm * scale + margin)}" for p in chosen.values()]


def test_points_make_a_set_that_an_inspection_uses(shop: Path, tmp_path: Path) -> None:
    points = [word for text in corners() for word in ("--at", text)]
    status, told, _ = asked(shop, *points, "--out-picture", tmp_path / "drawn.png", "--json")
    assert status == 0
    card = json.loads(told)
    assert card["how"] == "points"
    assert card["off_mm"] < 0.1
    assert card["checked"] == card["parts"] == len(BOARD.parts)
    assert cv2.imread(str(tmp_path / "drawn.png")) is not None
    folder = shop / "NZL-T"
    assert read_places("front", (folder / "front.places.json").read_bytes(), (folder / "front.jpg").read_bytes()).parts
    result = CliRunner().invoke(app, ["vision", "inspect", str(folder), str(shop / "photo.jpg"), "--json"])
    assert json.loads(result.stdout)["photos"][0]["parts"]["checked"] == len(BOARD.parts)


def test_says_what_to_do_when_it_cannot(shop: Path) -> None:
    for words, said in (
        (("--at", "R1=5"), "write a reference and its pixel"),
        (("--at", "X999=5,5"), "has no X999"),
        (("--at", corners()[0]), "too few"),
        (("--side", "bottom"), "no part on the bottom side"),
        (("--side", "left"), "--side is top or bottom"),
        (("--name", "../front"), "give letters"),
        (("--name", "back"), "learn the board first"),
    ):
        status, _, complaint = asked(shop, *words)
        assert status != 0
        assert said in complaint
