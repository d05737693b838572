"""``noizylab vision codes``: what the labels on photos say."""

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from infra.cli.main import app
from infra.demo.boards import to_jpeg
from infra.demo.labels import label


def test_reads_each_photo_of_a_folder_and_says_when_there_is_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(to_jpeg(label("IMEI:490154203237518", "https://example.com/help")))
    (tmp_path / "b.jpg").write_bytes(to_jpeg(np.full((500, 500, 3), 120, np.uint8)))
    told = CliRunner().invoke(app, ["vision", "codes", str(tmp_path), "--json"])
    first, second = json.loads(told.stdout)["photos"]
    assert (told.exit_code, second["codes"]) == (0, [])
    assert [(one["kind"], one["number"]) for one in first["codes"]] == [
        ("imei", "490154203237518"), ("link", "https://example.com/help"),
    ]  # fmt: skip
    assert all(one["width_px"] > 50 for one in first["codes"])
    plain = CliRunner().invoke(app, ["vision", "codes", str(tmp_path / "b.jpg")])
    assert (plain.exit_code, plain.stdout.strip().endswith("no codes")) == (1, True)


def test_asks_for_photos_when_a_folder_holds_none(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["vision", "codes", str(tmp_path)])
    assert refused.exit_code == 1
    assert "holds no photo" in refused.stderr
