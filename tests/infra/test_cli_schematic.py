"""``noizylab schematic``, as a process would see it."""

import json
from pathlib import Path

import pytest

from infra.cli import main
from tests.processors.schematics.drawing import Drawing


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["noizylab", *words])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10)).door("IN", (10, 7.46))
    above = Drawing().sheet("sub", "below.kicad_sch", {"IN": (50, 50)}).label("[red]A", (50, 50))
    above.sheet("lost", "lost.kicad_sch", {})
    (tmp_path / "below.kicad_sch").write_text(below.text)
    (tmp_path / "root.kicad_sch").write_text(above.text)
    return tmp_path / "root.kicad_sch"


def test_nets_are_printed_as_json_and_remarks_apart(
    sheet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(monkeypatch, capsys, "schematic", "nets", str(sheet), "--json")
    assert status == 0
    assert {"name": "/[red]A", "pins": [["R1", "1"]]} in json.loads(out)["nets"]
    assert "the sheet 'lost.kicad_sch' is not there" in err


def test_nets_are_printed_to_be_read(
    sheet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = said(monkeypatch, capsys, "schematic", "nets", str(sheet))
    assert status == 0
    assert "/[red]A: R1.1\n" in out
    assert "2 nets, 1 parts (kicad_sch)" in out


def test_a_file_that_cannot_be_read_is_one_line_and_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "x.kicad_sch"
    broken.write_text("(kicad_sch\n(wire")
    status, out, err = said(monkeypatch, capsys, "schematic", "nets", str(broken))
    assert (status, out) == (1, "")
    assert err == "noizylab: x.kicad_sch:2: the file ends inside open parentheses: it is cut off, fetch it again\n"
