"""``noizylab schematic``, as a process would see it."""

import json
from pathlib import Path

import pytest

from infra.cli import main
from tests.processors.schematics.boards import KICAD
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


@pytest.fixture
def board(tmp_path: Path) -> Path:
    (tmp_path / "b.kicad_pcb").write_text(KICAD)
    return tmp_path / "b.kicad_pcb"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("part", "U1"), "  3 VOUT: +3V3"),
        (("net", "+3V3"), "+3V3: C1.1, U1.3"),
        (("path", "C1", "C2"), "  +3V3 through U1 to +5V"),
        (("rails",), "U1: +5V to +3V3"),
        (("overlay", "--part", "C1"), "C1 10u: 40.00, 20.00 mm, bottom, pin 1 at 39.00, 20.00"),
        (("overlay", "--net", "+3V3"), "+3V3: C1.1 at 39.00, 20.00 mm, bottom"),
    ],
)
def test_questions_are_answered_to_be_read_and_as_json(
    board: Path, words: tuple[str, ...], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = said(monkeypatch, capsys, "schematic", *words, str(board))
    assert status == 0
    assert line in out.splitlines()
    status, out, _ = said(monkeypatch, capsys, "schematic", *words, str(board), "--json")
    assert status == 0
    assert isinstance(json.loads(out), dict)


def test_two_files_are_one_project_and_what_differs_is_told_apart(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "b.kicad_sch"
    sheet.write_text(Drawing().symbol("R", "C1", (10, 10)).symbol("R", "C2", (20, 10)).text)
    status, out, err = said(monkeypatch, capsys, "schematic", "buses", str(sheet), str(board), "--json")
    assert (status, json.loads(out)) == (0, {"buses": []})
    assert "U1 is on b.kicad_pcb and not in b.kicad_sch" in err
    assert "C1 is R in b.kicad_sch and 10u on b.kicad_pcb" in err


def test_a_side_is_drawn_into_a_file(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "side.svg"
    words = ("schematic", "svg", str(board), "--side", "bottom", "--net", "+3V3", "--out", str(to))
    assert said(monkeypatch, capsys, *words)[0] == 0
    assert to.read_text().startswith("<svg ")
    assert "net +3V3: 1 of 2 pads on this side" in to.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("part", "U11"), "noizylab: b.kicad_pcb has no part 'U11'; alike are U1"),
        (("svg", "--side", "both"), "noizylab: a drawing shows one side; give --side top or --side bottom"),
        (("overlay", "--side", "left"), "noizylab: there is no side left; give top, bottom or both"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_status_1(
    board: Path, words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = said(monkeypatch, capsys, "schematic", *words, str(board))
    assert status == 1
    assert err.splitlines()[-1] == told
