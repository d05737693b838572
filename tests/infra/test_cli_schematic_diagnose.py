"""``noizylab schematic diagnose`` and ``noizylab bench diagnosis``, as a process would see them."""

import json
from pathlib import Path

import pytest

from tests.infra.test_cli_schematic import said

NETS = """(export (version "E") (components
  (comp (ref "U1") (value "LDO") (libsource (lib "x") (part "LDO") (description "")))
  (comp (ref "C1") (value "10u")) (comp (ref "C2") (value "10u")) (comp (ref "C3") (value "100n"))
  (comp (ref "F1") (value "1A")) (comp (ref "J1") (value "in")))
 (libparts (libpart (lib "x") (part "LDO") (pins
  (pin (num "1") (name "VIN") (type "power_in")) (pin (num "2") (name "GND") (type "power_in"))
  (pin (num "3") (name "VOUT") (type "power_out")))))
 (nets
  (net (code "1") (name "+5V") (node (ref "J1") (pin "1")) (node (ref "F1") (pin "1")))
  (net (code "2") (name "VIN") (node (ref "F1") (pin "2")) (node (ref "C1") (pin "1")) (node (ref "U1") (pin "1")))
  (net (code "3") (name "+3V3") (node (ref "U1") (pin "3")) (node (ref "C2") (pin "1")) (node (ref "C3") (pin "1")))
  (net (code "4") (name "GND") (node (ref "J1") (pin "2")) (node (ref "C1") (pin "2")) (node (ref "C2") (pin "2"))
   (node (ref "C3") (pin "2")) (node (ref "U1") (pin "2")))))
"""


@pytest.fixture
def netlist(tmp_path: Path) -> Path:
    file = tmp_path / "board.net"
    file.write_text(NETS)
    return file


def test_suspects_are_printed_with_evidence_and_what_to_do(
    netlist: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = netlist.with_name("r.csv")
    table.write_text("net,quantity,value\n+3V3,ohm,0.6\n")
    words = ("schematic", "diagnose", str(netlist), "--readings", str(table), "--symptom", "dead", "--fails", "u1")
    status, out, err = said(monkeypatch, capsys, *words)
    assert (status, err) == (0, "")
    assert "short to ground: +3V3" in out.splitlines()[1]
    assert "C2" in out
    assert "+3V3 to ground is 0.6 ohm" in out
    assert "look for heat" in out


def test_without_readings_the_first_measurement_is_proposed(
    netlist: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = said(monkeypatch, capsys, "schematic", "diagnose", str(netlist))
    assert status == 0
    assert "measure next: " in out
    status, out, _ = said(monkeypatch, capsys, "schematic", "diagnose", str(netlist), "--symptom", "dead", "--json")
    found = json.loads(out)
    assert sum(one["probability"] for one in found["suspects"]) == pytest.approx(1.0)
    assert found["measure"]["bits"] > 0
    assert found["patterns"][0]["places"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--symptom", "sad"), "the symptom 'sad' is not known; choose among dead, "),
        (("--fails", "U99"), "there is no part 'U99' in board.net; name it as the schematic does"),
    ],
)
def test_what_is_asked_wrongly_is_one_line_and_status_1(
    words: tuple[str, ...], told: str, netlist: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    status, out, err = said(monkeypatch, capsys, "schematic", "diagnose", str(netlist), *words)
    assert (status, out) == (1, "")
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_table_with_a_foreign_net_and_a_board_without_supply_are_refused(
    netlist: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = netlist.with_name("r.csv")
    table.write_text("net,quantity,value\n+9V,ohm,0.6\n")
    status, _, err = said(monkeypatch, capsys, "schematic", "diagnose", str(netlist), "--readings", str(table))
    assert status == 1
    assert "r.csv:2: there is no one net '+9V'" in err
    bare = netlist.with_name("bare.net")
    bare.write_text(
        '(export (version "E") (components (comp (ref "R1") (value "1k")) (comp (ref "R2") (value "1k"))) (nets '
        '(net (code "1") (name "A") (node (ref "R1") (pin "1")) (node (ref "R2") (pin "1")))))'
    )
    status, _, err = said(monkeypatch, capsys, "schematic", "diagnose", str(bare))
    assert status == 1
    assert "no supply net was found in bare.net" in err


def test_the_benchmark_prints_its_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, netlist: Path
) -> None:
    words = ("bench", "diagnosis", "--cases", "20", "--designs", str(tmp_path), "--only", "injected", "--json")
    status, out, _ = said(monkeypatch, capsys, *words)
    assert status == 0
    found = json.loads(out)["injected"]
    assert {"top1", "top3", "measurements", "by_fault", "cases", "without_complaint"} <= set(found)
    assert found["cases"] == 20
    status, _, err = said(monkeypatch, capsys, "bench", "diagnosis", "--only", "tea")
    assert status == 1
    assert "choose among injected" in err
