"""The catalogue of patterns, and where they are on a board."""

from typing import get_args

import pytest

from processors.schematics.faults.catalogue import CATALOGUE, CatalogueError, Circuit, catalogue, parse_catalogue
from processors.schematics.faults.circuits import find
from processors.schematics.faults.matching import matches
from processors.schematics.faults.supply import supply_of
from processors.schematics.faults.symptoms import SYMPTOMS
from tests.processors.schematics.circuit import circuit, part, two
from tests.processors.schematics.faults.board import board


def test_there_are_forty_patterns_and_more_each_with_sources_and_a_measurement_that_tells() -> None:
    assert len(catalogue()) >= 40
    for one in catalogue():
        assert one.sources
        assert any(measure.good != measure.fault for measure in one.measure), one.id


def test_every_kind_of_circuit_has_a_pattern_and_every_symptom_is_explained_but_that_all_is_well() -> None:
    assert {one.circuit for one in catalogue()} == set(get_args(Circuit))
    assert {symptom for one in catalogue() for symptom in one.symptoms} == set(SYMPTOMS) - {"works"}


def test_mains_and_cells_stop_the_bench() -> None:
    hazards = {one.circuit: " ".join(one.hazards) for one in catalogue()}
    assert "stop: lethal" in hazards["mains"]
    assert "lithium" in hazards["battery"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[[pattern]]", "[[pattern"), "no TOML"),
        (('circuit = "rail"', 'circuit = "kitchen"'), "put the pattern right"),
        (('id = "rail-missing"', 'id = "rail-shorted"'), "rail-shorted is there more than once"),
        (("good = [100, 1e7]", "good = [1e7, 100]"), "from low to high"),
    ],
)
def test_a_broken_catalogue_says_what_to_put_right(change: tuple[str, str], said: str) -> None:
    with pytest.raises(CatalogueError, match=said):
        parse_catalogue(CATALOGUE.read_text(encoding="utf-8").replace(*change, 1))


def test_patterns_name_the_nets_and_parts_of_the_board() -> None:
    found = {one.id: one for one in matches(board())}
    assert found["fuse-open"].places[0].parts == ("F1",)
    assert found["bead-open"].places[0].parts == ("FB1",)
    assert {one.net for one in found["i2c-no-pull-up"].places} == {"SDA", "SCL"}
    assert found["regulator-not-enabled"].places[0].parts == ("U2", "U3")
    assert found["linear-regulator-dead"].measure[1].what == "voltage of +3V3, board on"
    assert "mains-primary" not in found
    assert "crystal-stopped" not in found


def test_patterns_that_explain_the_symptom_come_alone_and_the_narrowest_first() -> None:
    found = matches(board(), ["bus_silent"])
    assert all("bus_silent" in one.symptoms for one in catalogue() if one.id in {match.id for match in found})
    assert found[0].id.startswith("i2c-")
    assert matches(board(), ["bus_silent"], net="SDA")[0].places == tuple(
        one for one in found[0].places if one.net == "SDA"
    )
    half = matches(board(), ["bus_silent", "hot"])
    assert {one.fit for one in half} == {0.5}


def test_circuits_are_told_from_what_only_looks_like_them() -> None:
    pins = {"1": ("VIN", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("SW", "SW", "passive")}
    coil = [two("L1", "SW", "+5V", "2u2"), two("C1", "+5V", "GND", "22u"), two("C2", "VIN", "GND", "22u")]
    buck = circuit(part("U1", pins), *coil)
    assert [one.parts for one in find("switcher", buck, supply_of(buck))] == [("L1", "U1")]
    assert find("switcher", board(), supply_of(board())) == ()
    lamps = circuit(
        part("D1", {"1": ("+5V", "K", "passive"), "2": ("GND", "A", "passive")}, value="SMAJ5.0"),
        part("D2", {"1": ("GND", "K", "passive"), "2": ("+5V", "A", "passive")}, value="red", library="Device:LED"),
        two("C1", "+5V", "GND", "10u"), part("Y1", {"1": "X1", "2": "X2"}, value="32.768k"),
    )  # fmt: skip
    supply = supply_of(lamps)
    assert [one.parts for one in find("surge_diode", lamps, supply)] == [("D1",)]
    assert [one.parts for one in find("led", lamps, supply)] == [("D2",)]
    assert [one.parts for one in find("watch_crystal", lamps, supply)] == [("Y1",)]
    assert find("crystal", lamps, supply) == ()
