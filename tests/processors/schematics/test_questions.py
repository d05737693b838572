"""Questions to a design: what hangs on a net, what carries the supply, what can short it, what is where."""

import pytest

from processors.schematics.buses import serial_buses
from processors.schematics.index import Index, Step
from processors.schematics.model import Place, Probe
from processors.schematics.parts import kind_of, value_of
from processors.schematics.places import neighbours, points_to_touch
from processors.schematics.power import Link, power_tree, shorted_rail_candidates
from processors.schematics.rails import is_supply_name, rail_chance, rails
from processors.schematics.regulators import control, regulators
from tests.processors.schematics.circuit import circuit, part, two
from tests.processors.schematics.samples import load, needed


def supply() -> Index:
    """Draw a socket, a fuse, a regulator with divider and enable, a bead, and a controller."""
    return circuit(
        part("J1", {"1": "VBUS", "2": "GND"}), two("F1", "VBUS", "VIN"), two("C1", "VIN", "GND", "10u"),
        part("U1", {
            "1": ("VIN", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("EN", "~{SHDN}", "input"),
            "4": ("FB", "FB", "input"), "5": ("+3V3", "VOUT", "power_out"),
        }),
        two("R1", "EN", "VIN", "100k"), two("R2", "+3V3", "FB", "30k"), two("R3", "FB", "GND", "10k"),
        two("C2", "+3V3", "GND", "10u"), two("C3", "+3V3", "GND", "100n"), two("D9", "+3V3", "GND"),
        two("FB1", "+3V3", "AVDD", "600R"), two("C4", "AVDD", "GND", "100n"),
        part("U2", {
            "1": ("+3V3", "VDD", "power_in"), "2": ("AVDD", "AVDD", "power_in"), "3": ("GND", "VSS", "power_in"),
            "4": ("I2C_SDA", "PB0/SDA", "bidirectional"), "5": ("I2C_SCL", "PB1/SCL", "output"),
            "6": ("EN", "PA0", "output"), "7": ("LED", "PA1", "output"),
        }),
        part("U3", {
            "1": ("+3V3", "VDD", "power_in"), "2": ("I2C_SDA", "SDA", "bidirectional"),
            "3": ("I2C_SCL", "SCL", "input"),
        }),
        two("R4", "I2C_SDA", "+3V3", "4k7"), two("R5", "LED", "LED_A", "330"), two("D1", "LED_A", "GND"),
        part("TP1", {"1": "+3V3"}), supplies=["+3V3"],
    )  # fmt: skip


def test_parts_and_nets_are_found_by_name() -> None:
    index = supply()
    assert index.part("u1") is index.parts["U1"]
    assert index.part("U99") is None
    assert index.nets_of("F1") == {"1": "VBUS", "2": "VIN"}
    nested = circuit(two("R1", "/a/OUT", "/b/OUT"), two("R2", "/a/IN", "GND"))
    assert nested.net("OUT") is None, "two nets end so"
    assert nested.net("IN") is nested.nets["/a/IN"]


def test_a_trace_goes_through_series_parts_and_not_through_ground() -> None:
    trace = supply().trace("VBUS", hops=2)
    assert trace.nets == ("VBUS", "VIN", "EN")
    assert trace.steps[0] == Step("F1", "VBUS", "VIN")
    assert ("U1", "1") in trace.pins
    assert supply().trace("VBUS", hops=0).nets == ("VBUS",)
    assert "GND" not in supply().trace("FB", hops=9).nets


def test_the_shortest_path_between_two_parts_avoids_ground() -> None:
    index = supply()
    assert index.path("J1", "U1") == (Step("F1", "VBUS", "VIN"),)
    assert index.path("U2", "U3") == (), "they share a net"
    assert index.path("D1", "R3", avoid=["+3V3", "EN"]) is None
    with pytest.raises(KeyError):
        index.path("J1", "U99")


def test_ground_is_found_by_name_and_without_names_by_its_capacitors() -> None:
    assert supply().grounds == {"GND"}
    assert circuit(two("R1", "/sub/AGND", "GNDPWR"), two("R2", "VSS", "GNDX_SIGNAL")).grounds >= {
        "/sub/AGND",
        "GNDPWR",
        "VSS",
    }
    hidden = circuit(two("C1", "N1", "N9"), two("C2", "N2", "N9"), two("R1", "N1", "N2"), two("R2", "N1", "N2"))
    assert hidden.grounds == {"N9"}


@pytest.mark.parametrize(
    ("name", "is_supply"),
    [("+3V3", True), ("/sub/VDD_IO", True), ("VCC_PIC", True), ("+1.8V", True), ("VREG_EN", False), ("SDA", False),
     ("Net-(U1-VDD)", False), ("AMUX_3V3", False), ("VIN", True), ("/USB.VBUS", True)],
)  # fmt: skip
def test_names_of_supplies_are_told_from_names_of_signals(name: str, is_supply: bool) -> None:
    assert is_supply_name(name) is is_supply


def test_rails_are_found_by_symbol_name_and_structure() -> None:
    by = {rail.net: rail.by for rail in rails(supply())}
    assert by["+3V3"] == "symbol"
    assert by["VIN"] == "name"
    assert "I2C_SDA" not in by
    assert "LED" not in by
    index = supply()
    assert rail_chance(index, "+3V3") > 0.9 > 0.1 > rail_chance(index, "I2C_SCL")
    assert "+3V3" in {rail.net for rail in rails(index, use_names=False)}


def test_a_regulator_has_inputs_outputs_enable_and_feedback() -> None:
    [one] = regulators(supply())
    assert (one.ref, one.inputs, one.outputs, one.enable, one.feedback) == ("U1", ("VIN",), ("+3V3",), ("EN",), ("FB",))


def test_what_acts_on_an_enable_and_a_feedback_net_is_told() -> None:
    enable, feedback = control(supply(), "EN"), control(supply(), "FB")
    assert enable.pulled_to == (("R1", "VIN"),)
    assert enable.drivers == (("U2", "6"),)
    assert feedback.pulled_to == (("R2", "+3V3"), ("R3", "GND"))


def test_a_switch_of_a_socket_is_no_regulator_and_a_coil_leads_to_the_output() -> None:
    pins = {"1": ("VIN", "IN", "power_in"), "2": ("SW", "SW", "passive"), "3": ("GND", "GND", "power_in")}
    coil = [two("L1", "SW", "+5V", "2u2"), two("C1", "+5V", "GND", "22u"), two("C9", "VIN", "GND", "22u")]
    [buck] = regulators(circuit(part("U1", pins), *coil))
    assert buck.outputs == ("SW",)
    guarded = pins | {"4": ("DP", "D+", "passive")}
    assert regulators(circuit(part("U1", guarded), *coil)) == ()


def test_the_power_tree_goes_through_regulators_and_series_parts() -> None:
    links = power_tree(supply())
    assert Link("U1", "regulator", "VIN", "+3V3", True) in links
    assert {(link.ref, link.kind) for link in links} == {("U1", "regulator"), ("F1", "fuse"), ("FB1", "bead")}
    sense = circuit(two("R1", "VIN", "VSYS", "10m"), two("R2", "VIN", "VBAT", "10k"), two("C1", "VIN", "GND"))
    assert [link.ref for link in power_tree(sense, ["VIN", "VSYS", "VBAT"])] == ["R1"]


def test_what_can_short_a_rail_comes_likeliest_first_and_names_the_bead_before_it() -> None:
    suspects = shorted_rail_candidates(supply(), "+3V3")
    assert [one.ref for one in suspects[:3]] == ["C2", "C3", "D9"]
    assert {one.ref: one.behind for one in suspects} == {
        "C2": "", "C3": "", "D9": "", "U1": "", "U2": "", "C4": "FB1",
    }  # fmt: skip
    with pytest.raises(KeyError):
        shorted_rail_candidates(supply(), "NOWHERE")


def test_buses_are_told_with_the_pull_ups_that_are_seen() -> None:
    [bus] = serial_buses(supply())
    assert (bus.kind, bus.lines) == ("i2c", {"sda": "I2C_SDA", "scl": "I2C_SCL"})
    assert bus.refs == ("U2", "U3")
    assert [one.ref for one in bus.pull_ups["sda"]] == ["R4"]
    assert bus.pull_ups["scl"] == ()


def test_spi_and_uart_are_known_by_their_pins_where_nets_have_no_names() -> None:
    chips = [
        part(
            ref, {str(n): (f"Net-({n})", name, "input") for n, name in enumerate(("SCK", "MOSI", "MISO", "TXD", "RXD"))}
        )
        for ref in ("U1", "U2")
    ]
    kinds = {bus.kind: set(bus.lines) for bus in serial_buses(circuit(*chips))}
    assert kinds == {"spi": {"sck", "mosi", "miso"}, "uart": {"tx", "rx"}}


def test_places_to_touch_and_neighbours_are_those_of_the_board() -> None:
    index = circuit(
        two("R1", "A", "B", place=Place(0, 0)), two("R2", "A", "B", place=Place(3, 4)),
        two("R3", "A", "B", place=Place(1, 0, "bottom")), part("TP1", {"1": "A"}, place=Place(9, 9)),
        probes=[Probe("7", "B", Place(1, 1))],
    )  # fmt: skip
    assert neighbours(index, "R1", within_mm=5) == (("R2", 5.0),)
    assert neighbours(index, "R1", within_mm=4.9) == ()
    assert [(one.name, one.net) for one in points_to_touch(index)] == [("TP1", "A"), ("7", "B")]
    assert [one.name for one in points_to_touch(index, "B")] == ["7"]
    with pytest.raises(ValueError, match="give a board"):
        neighbours(supply(), "R1")


@pytest.mark.parametrize(
    ("text", "value"),
    [("4.7k", 4700), ("4k7", 4700), ("100n", 1e-7), ("0R", 0), ("10uF/16V", 1e-5), ("2R2", 2.2), ("2,2u", 2.2e-6),
     ("1M", 1e6), ("10m", 0.01), ("BAT54", None), ("", None)],
)  # fmt: skip
def test_values_are_read_as_people_write_them(text: str, value: float | None) -> None:
    assert value_of(text) == (pytest.approx(value) if value is not None else None)


@pytest.mark.parametrize(
    ("ref", "library", "kind"),
    [("R1", "", "resistor"), ("FB2", "", "bead"), ("L3", "Device:FerriteBead", "bead"), ("D1", "Device:LED", "diode"),
     ("TP4", "", "test_point"), ("J1", "", "connector"), ("U7", "", "chip"), ("ZZ1", "", "other")],
)  # fmt: skip
def test_the_kind_of_a_part_is_told(ref: str, library: str, kind: str) -> None:
    assert kind_of(part(ref, {"1": "A", "2": "B"}, library=library)[0]) == kind


@needed
def test_a_real_board_answers() -> None:
    index = Index(load("projects/glasgow_revC/glasgow.kicad_sch"))
    found = {one.ref: one for one in regulators(index)}
    assert found["U8"].outputs == ("+3V3",)
    assert {"+5V", "+3V3", "+1V2"} <= {rail.net for rail in rails(index)}
    assert {"U8", "U36"} <= {link.ref for link in power_tree(index) if link.kind == "regulator"}
    assert any(bus.kind == "i2c" and bus.pull_ups["sda"] for bus in serial_buses(index))
    assert len(shorted_rail_candidates(index, "+3V3")) > 30
    assert index.path("U8", "U30") is not None
