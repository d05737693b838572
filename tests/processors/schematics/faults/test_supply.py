"""What the netlist says of the supply, and what names say of voltages."""

from dataclasses import replace

import numpy as np
import pytest

from processors.schematics.faults.diagnose import Diagnoser
from processors.schematics.faults.hypotheses import hypotheses
from processors.schematics.faults.readings import Spot
from processors.schematics.faults.supply import supply_of
from processors.schematics.faults.volts import nominal_volts, regulator_volts
from processors.schematics.index import Index
from processors.schematics.model import Design, Part
from processors.schematics.power import Link, diode_ends, power_tree
from tests.processors.schematics.circuit import Pins, circuit, part, two
from tests.processors.schematics.faults.board import board


@pytest.mark.parametrize(
    ("name", "volts"),
    [("+3V3", 3.3), ("PP5V_S5", 5.0), ("-12V", -12.0), ("/sheet/+1.8V", 1.8), ("PP3V42_G3H", 3.42), ("VBUS", 5.0),
     ("+3,3V", 3.3), ("Net-(J1-VBUS-PadA4)", None), ("VCC", None), ("230V", None), ("0V", None), ("SDA", None)],
)  # fmt: skip
def test_a_rail_has_the_voltage_that_its_name_says(name: str, volts: float | None) -> None:
    assert nominal_volts(name) == volts


@pytest.mark.parametrize(
    ("value", "volts"), [("7805", 5.0), ("78L12", 12.0), ("LM7905", -5.0), ("AP2112K-1.8", 1.8), ("TPS73101DBV", None)]
)
def test_a_fixed_regulator_has_the_voltage_of_its_number(value: str, volts: float | None) -> None:
    assert regulator_volts(value) == volts


def test_the_supply_comes_in_at_the_socket_and_goes_through_fuse_regulators_and_bead() -> None:
    supply = supply_of(board())
    assert supply.roots == ("+5V",)
    assert {one.ref: (one.from_net, one.to_net) for one in supply.series} == {
        "F1": ("+5V", "VIN"), "FB1": ("+1V8", "VDDA"),
    }  # fmt: skip
    assert [(one.ref, one.output, one.enables) for one in supply.makers] == [
        ("U1", "+3V3", ()), ("U2", "+1V8", ("EN_1V8",)),
    ]  # fmt: skip
    assert supply.volts == {"+5V": 5.0, "VIN": 5.0, "+3V3": 3.3, "+1V8": 1.8, "VDDA": 1.8}


def test_an_enable_is_fed_by_its_driver_and_a_bus_line_by_its_pull_up() -> None:
    lines = {one.net: one for one in supply_of(board()).lines}
    assert (lines["EN_1V8"].drivers, lines["EN_1V8"].feeder, lines["EN_1V8"].enables) == (("U3",), "+3V3", ("U2",))
    assert (lines["SDA"].pull_ups, lines["SDA"].ohm, lines["SDA"].enables) == (("R1",), 4700.0, ())


def test_every_fault_that_the_board_has_room_for_is_a_hypothesis_once() -> None:
    found = hypotheses(supply_of(board()))
    names = [one.name for one in found]
    assert names[0] == "none:"
    assert len(names) == len(set(names))
    assert {"short:+3V3", "open:F1", "dead_regulator:U1:+3V3", "no_enable:EN_1V8", "no_pull_up:SDA"} <= set(names)
    assert sum(one.prior for one in found) == pytest.approx(1.0)
    assert set(next(one for one in found if one.name == "short:+3V3").parts) >= {"C2", "C3", "U3"}


def test_a_jumper_that_is_drawn_open_carries_nothing() -> None:
    parts = [two("C1", "+5V", "GND", "10u"), two("C2", "VOUT", "GND", "10u"), two("JP1", "+5V", "VOUT", "Open")]
    assert supply_of(circuit(*parts, supplies=["+5V"])).series == ()
    closed = [*parts[:2], two("JP1", "+5V", "VOUT", "Bridged")]
    assert [one.ref for one in supply_of(circuit(*closed, supplies=["+5V"])).series] == ["JP1"]


def test_current_goes_through_a_diode_from_anode_to_cathode_whatever_the_order_of_its_pins() -> None:
    index = circuit(
        part("D1", {"1": ("+5V", "K", "passive"), "2": ("VUSB", "A", "passive")}), two("C1", "+5V", "GND", "10u"),
        two("C2", "VUSB", "GND", "10u"),
    )  # fmt: skip
    assert diode_ends(index, "D1") == ("VUSB", "+5V")
    assert power_tree(index, ["+5V", "VUSB"]) == (Link("D1", "diode", "VUSB", "+5V", True),)
    assert supply_of(index).roots == ("VUSB",)


def _stage(*instead: tuple[Part, Pins]) -> Index:
    """Draw a step-up stage from VCC over L1, D1 and Q1 to HV; ``instead`` replaces parts of the same reference."""
    parts = [
        two("C1", "VCC", "GND", "10u"), two("L1", "VCC", "SW", "22u"), two("C2", "HV", "GND", "10u"),
        part("D1", {"1": ("HV", "K", "passive"), "2": ("SW", "A", "passive")}),
        part("Q1", {"1": ("DRIVE", "G", "input"), "2": ("SW", "D", "passive"), "3": ("GND", "S", "passive")}),
        part("J1", {"1": "VCC", "2": "GND"}),
    ]  # fmt: skip
    replaced = {one.ref for one, _ in instead}
    return circuit(*(one for one in parts if one[0].ref not in replaced), *instead, supplies=["VCC", "HV"])


def test_a_coil_a_switch_and_a_diode_make_a_higher_rail() -> None:
    supply = supply_of(_stage())
    assert [(one.ref, one.inputs, one.output, one.through) for one in supply.makers] == [
        ("Q1", ("VCC",), "HV", ("L1", "D1"))
    ]
    assert {(one.ref, one.one_way) for one in supply.series} == {("L1", False), ("D1", True)}
    assert supply.roots == ("VCC",)
    assert {"short:HV", "short:SW", "open:L1", "open:D1", "dead_regulator:Q1:HV"} <= {
        one.name for one in hypotheses(supply)
    }
    assert Link("Q1", "regulator", "VCC", "HV", True) in power_tree(_stage(), ["VCC", "HV"])


@pytest.mark.parametrize(
    "instead",
    [
        pytest.param(part("D1", {"1": ("VCC", "K", "passive"), "2": ("SW", "A", "passive")}), id="a relay's diode"),
        pytest.param(part("D1", {"1": ("SW", "K", "passive"), "2": ("HV", "A", "passive")}), id="the other way round"),
        pytest.param(part("Q1", {"1": "DRIVE", "2": "SW", "3": "HV"}), id="a switch that is not to ground"),
        pytest.param(part("C2", {"1": "SW", "2": "GND"}, "10u"), id="a filter, its node buffered"),
        pytest.param(part("L1", {"1": "OTHER", "2": "SW"}, "22u"), id="a coil that no supply feeds"),
    ],
)
def test_what_only_looks_like_a_step_up_stage_is_none(instead: tuple[Part, Pins]) -> None:
    assert supply_of(_stage(instead)).makers == ()


def test_a_regulator_that_is_the_switch_of_its_stage_makes_the_rail_behind_the_diode() -> None:
    chip = part("Q1", {
        "1": ("VCC", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("SW", "SW", "passive"),
        "4": ("EN", "EN", "input"), "5": ("HV", "FB", "input"),
    })  # fmt: skip
    named = (replace(chip[0], ref="U1"), chip[1])
    board = _stage(part("Q1", {"1": "X"}), named, two("R1", "EN", "VCC", "100k"))
    assert [(one.ref, one.output, one.enables, one.through) for one in supply_of(board).makers] == [
        ("U1", "HV", ("EN",), ("L1", "D1"))
    ]


def test_a_stage_that_does_not_run_passes_its_input_on_and_one_that_runs_raises_it() -> None:
    found = Diagnoser(_stage())
    volts = found.table(Spot("volt", "HV"))
    assert volts is not None
    rows = {one.name: number for number, one in enumerate(found.hypotheses)}
    feed = found.predicted.draws.nominal[:, found.supply.nets.index("VCC")]
    assert np.median(volts[rows["none:"]] / feed) > 1.5
    assert (volts[rows["dead_regulator:Q1:HV"]] < 1.05 * feed).mean() > 0.75
    assert np.median(volts[rows["dead_regulator:Q1:HV"]] / feed) > 0.5
    assert np.median(volts[rows["open:L1"]] / feed) < 0.4
    assert np.median(volts[rows["open:D1"]] / feed) < 0.4


def test_a_design_without_a_rail_has_an_empty_supply() -> None:
    assert supply_of(Index(Design("x", "test"))).nets == ()
