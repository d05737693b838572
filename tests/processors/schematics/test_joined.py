"""A schematic and a board in one design: what they agree on is one, what they do not is told."""

from dataclasses import replace

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.joined import combine, join, role_of
from processors.schematics.model import Design, Part, Place, Reading, Remark
from tests.processors.schematics.circuit import circuit, part, two
from tests.processors.schematics.samples import PROJECTS, load, needed

SHEET = circuit(
    part(
        "U1", {"1": ("+3V3", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("SDA", "SDA", "bidirectional")}
    ),
    two("R1", "+3V3", "SDA", "4k7"),
    two("R2", "SDA", "GND", "10k"),
    supplies=("+3V3",),
).design


def board(
    *, swap: bool = False, rename: str = "SDA", value: str = "4k7", without: str = "", extra: bool = False
) -> Design:
    """Return the board of the sheet, changed in one way."""
    one, other = ("SDA", "+3V3") if swap else ("+3V3", rename)
    made = [
        part("U1", {"1": "+3V3", "2": "GND", "3": rename}, place=Place(10, 10)),
        two("R1", one, other, value, place=Place(20, 10)),
        two("R2", rename, "GND", "10k", place=Place(30, 10)),
        *([two("FID1", "X1", "X2", place=Place(1, 1))] if extra else []),
    ]
    design = circuit(*(pair for pair in made if pair[0].ref != without)).design
    parts = tuple(
        replace(one, pins=tuple(replace(pin, place=Place(at, 10)) for at, pin in enumerate(one.pins)))
        for one in design.parts
    )
    return replace(design, source="drawn.kicad_pcb", format="kicad_pcb", parts=parts)


def matters(design: Design) -> list[str]:
    return [one.matter for one in design.disagreements]


def test_what_agrees_is_one_design_with_words_of_the_one_and_places_of_the_other() -> None:
    joined = join(SHEET, board())
    assert joined.disagreements == ()
    assert joined.nets == SHEET.nets
    assert {part.ref: part.place.x_mm for part in joined.parts if part.place} == {"U1": 10, "R1": 20, "R2": 30}
    [vin] = [pin for part in joined.parts for pin in part.pins if pin.name == "VIN"]
    assert vin.kind == "power_in"
    assert vin.place == Place(0, 10)
    assert joined.sources == ("drawn", "drawn.kicad_pcb")


def test_a_pin_on_another_net_is_told_and_the_copper_is_followed() -> None:
    joined = join(SHEET, board(swap=True))
    told = [one for one in joined.disagreements if one.matter == "net_differs"]
    assert {one.what.partition(";")[0] for one in told} == {
        "R1.1 is on +3V3 in drawn and on SDA on drawn.kicad_pcb",
        "R1.2 is on SDA in drawn and on +3V3 on drawn.kicad_pcb",
    }
    assert all(one.refs == ("R1",) for one in told)
    assert ("R1", "1") in {net.name: net.pins for net in joined.nets}["SDA"]


def test_a_net_of_two_names_is_one_net_and_told() -> None:
    joined = join(SHEET, board(rename="I2C_DATA"))
    assert matters(joined) == ["name_differs"]
    assert [net.name for net in joined.nets] == [net.name for net in SHEET.nets]


def test_a_value_that_differs_is_told_and_the_schematic_is_quoted() -> None:
    joined = join(SHEET, board(value="4k3"))
    assert [(one.matter, one.refs) for one in joined.disagreements] == [("value_differs", ("R1",))]
    assert [part.value for part in joined.parts if part.ref == "R1"] == ["4k7"]
    assert join(SHEET, board(value="4K7 ")).disagreements == ()


def test_parts_of_only_one_are_kept_and_told() -> None:
    joined = join(SHEET, board(without="R2", extra=True))
    assert [(one.matter, one.refs) for one in joined.disagreements] == [
        ("only_on_board", ("FID1",)),
        ("only_in_schematic", ("R2",)),
    ]
    assert {"FID1", "R2"} <= {part.ref for part in joined.parts}
    assert ("R2", "2") in {net.name: net.pins for net in joined.nets}["GND"]


def test_a_hole_without_pins_is_nothing_to_tell() -> None:
    bare = board()
    assert join(SHEET, replace(bare, parts=(*bare.parts, Part("H1", place=Place(0, 0))))).disagreements == ()


def test_pads_without_numbers_get_them_where_part_and_net_leave_one_choice() -> None:
    counted = board()

    def other(number: str) -> str:
        return str(9 - int(number))

    shuffled = tuple(
        replace(one, pins=tuple(replace(pin, number=other(pin.number)) for pin in one.pins)) for one in counted.parts
    )
    nets = tuple(replace(net, pins=tuple((ref, other(number)) for ref, number in net.pins)) for net in counted.nets)
    unnumbered = replace(counted, parts=shuffled, nets=nets, remarks=(Remark("unnumbered_pins", "counted"),))
    joined = join(SHEET, unnumbered)
    assert joined.disagreements == ()
    assert joined.nets == SHEET.nets
    assert [pin.place for part in joined.parts if part.ref == "U1" for pin in part.pins] == [
        Place(0, 10), Place(1, 10), Place(2, 10),
    ]  # fmt: skip


def test_readings_are_joined_and_two_boards_are_refused() -> None:
    readings = Design("x.txt", "openboarddata", readings=(Reading("SDA", "diode", "0.45"),))
    joined = combine([SHEET, readings, board()])
    assert [one.net for one in joined.readings] == ["SDA"]
    assert joined.sources == ("drawn", "x.txt", "drawn.kicad_pcb")
    assert (role_of(SHEET), role_of(board()), role_of(readings)) == ("schematic", "board", "readings")
    with pytest.raises(DesignError, match=r"are two boards; give the files of one board"):
        combine([board(), board()])


@needed
@pytest.mark.parametrize("name", ["complex_hierarchy", "pico-ice_rev2", "royalblue54L_feather", "tiny_tapeout"])
def test_real_projects_agree_where_their_boards_are_up_to_date(name: str) -> None:
    """Parts that stand on the board alone are marks and stitches; what else is told is really so."""
    [root] = [row["root"] for row in PROJECTS if row["project"] == name]
    placed = load(root.replace(".kicad_sch", ".kicad_pcb"))
    joined = combine([load(root), placed])
    told = {one.matter for one in joined.disagreements} - {"only_on_board"}
    assert told == {"pico-ice_rev2": {"value_differs"}, "royalblue54L_feather": {"name_differs"}}.get(name, set())
    assert len(joined.nets) == len(placed.nets)


@needed
@pytest.mark.parametrize("other", ["boardview/glasgow_revC3.brd", "boardview/glasgow_revC3.bvr",
                                   "expected/glasgow_revC/board.cad", "expected/glasgow_revC/board.d356"])  # fmt: skip
def test_one_schematic_agrees_with_every_format_of_its_board(other: str) -> None:
    joined = combine([load("projects/glasgow_revC/glasgow.kicad_sch"), load(other)])
    assert set(matters(joined)) <= {"only_on_board", "only_in_schematic"}
    assert {one.refs[0][:3] for one in joined.disagreements if one.matter == "only_on_board"} == {"FID"}
