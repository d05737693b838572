"""What the netlist says of the supply, and what names say of voltages."""

import pytest

from processors.schematics.faults.hypotheses import hypotheses
from processors.schematics.faults.supply import supply_of
from processors.schematics.faults.volts import nominal_volts, regulator_volts
from processors.schematics.index import Index
from processors.schematics.model import Design
from processors.schematics.power import Link, diode_ends, power_tree
from tests.processors.schematics.circuit import circuit, part, two
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


def test_a_design_without_a_rail_has_an_empty_supply() -> None:
    assert supply_of(Index(Design("x", "test"))).nets == ()
