"""Real projects: the netlist that KiCad makes of them, their boards, and the exchange files of these boards."""

from collections import defaultdict
from statistics import median

import pytest

from processors.schematics.model import Design, Place
from tests.processors.schematics.samples import PROJECTS, load, names, needed

pytestmark = needed
LEFT_APART = {"royalblue54L_feather": 3}
"""KiCad 9 leaves members with ``~{}`` of a bus group apart that the board joins: nets that therefore differ."""
LAGGING = {"flat_hierarchy": 6, "tiny_tapeout": 1}
"""Nets of the schematic that its board does not have: mounting holes, and one change that was not carried over."""
MM_PER_MIL = 0.0254


def pin_sets(design: Design) -> set[tuple[tuple[str, str], ...]]:
    return {net.pins for net in design.nets}


@pytest.mark.parametrize("row", PROJECTS, ids=names)
def test_a_schematic_comes_to_kicads_own_netlist(row: dict[str, str]) -> None:
    found, expected = load(row["root"]), load(row["netlist"])
    allowed = LEFT_APART.get(row["project"], 0)
    sets = pin_sets(found)
    assert sum(net.pins not in sets for net in expected.nets) == allowed
    by_name = {net.name: net.pins for net in found.nets}
    assert sum(by_name.get(net.name) != net.pins for net in expected.nets) == allowed
    assert {part.ref for part in found.parts} == {part.ref for part in expected.parts}
    assert {part.ref: part.value for part in found.parts} == {part.ref: part.value for part in expected.parts}


@pytest.mark.parametrize(
    "row", [row for row in PROJECTS if row["pcb"]], ids=[r["project"] for r in PROJECTS if r["pcb"]]
)
def test_a_board_has_the_nets_of_its_schematic(row: dict[str, str]) -> None:
    board, schematic = load(row["pcb"]), load(row["root"])
    sets = pin_sets(board)
    assert sum(net.pins not in sets for net in schematic.nets) == LAGGING.get(row["project"], 0)


def places(design: Design) -> dict[tuple[str, str], Place]:
    """Return where pins are that a board has but once."""
    found: defaultdict[tuple[str, str], list[Place]] = defaultdict(list)
    for part in design.parts:
        for pin in part.pins:
            if pin.place is not None and pin.number:
                found[part.ref, pin.number].append(pin.place)
    return {key: some[0] for key, some in found.items() if len(some) == 1}


def apart_mm(one: Design, other: Design) -> float:
    """Return the largest distance between the same pins of two designs, once their origins lie on each other."""
    left, right = places(one), places(other)
    both = left.keys() & right.keys()
    assert len(both) > 0.7 * len(left)
    dx = median(left[key].x_mm - right[key].x_mm for key in both)
    dy = median(left[key].y_mm - right[key].y_mm for key in both)
    return max(
        max(abs(left[key].x_mm - right[key].x_mm - dx), abs(left[key].y_mm - right[key].y_mm - dy)) for key in both
    )


@pytest.mark.parametrize(
    "row", [row for row in PROJECTS if row["pcb"]], ids=[r["project"] for r in PROJECTS if r["pcb"]]
)
def test_gencad_and_ipc_d_356_have_the_pins_of_the_board_where_the_board_has_them(row: dict[str, str]) -> None:
    board, gencad, ipc = load(row["pcb"]), load(row["gencad"]), load(row["ipc_d_356"])
    assert pin_sets(board) <= pin_sets(gencad)
    assert apart_mm(board, gencad) < MM_PER_MIL
    assert apart_mm(board, ipc) < MM_PER_MIL
    # IPC-D-356 cuts references to six signs: nets of longer ones cannot be the same.
    short = {net.pins for net in board.nets if all(len(ref) <= 6 and len(pin) <= 4 for ref, pin in net.pins)}
    assert len(short & pin_sets(ipc)) >= len(short) - 2


def test_boardviews_of_a_board_have_its_pins_where_it_has_them() -> None:
    board, bvr, brd = (load(f"boardview/glasgow_revC3.{kind}") for kind in ("kicad_pcb", "bvr", "brd"))
    assert pin_sets(board) == pin_sets(bvr)
    assert apart_mm(board, bvr) < MM_PER_MIL
    # This form has test points as nails alone.
    points = {(ref, net) for ref, net in _part_nets(board) if ref.startswith("TP")}
    assert _part_nets(brd) == _part_nets(board) - points
    assert sorted(probe.net for probe in brd.probes) == sorted(net for _, net in points)
    where = {part.ref: sorted((pin.place.x_mm, pin.place.y_mm) for pin in part.pins if pin.place) for part in bvr.parts}
    for part in brd.parts:
        mine = sorted((pin.place.x_mm, pin.place.y_mm) for pin in part.pins if pin.place)
        for (x, y), (other_x, other_y) in zip(mine, where[part.ref], strict=True):
            # Both forms round to whole mils, one up and one down.
            assert max(abs(x - other_x), abs(y - other_y)) < 1.01 * MM_PER_MIL


def _part_nets(design: Design) -> set[tuple[str, str]]:
    return {(ref, net.name) for net in design.nets for ref, _ in net.pins}


def test_an_eagle_schematic_has_the_nets_of_its_board() -> None:
    schematic, board = load("eagle/RedBoard.sch"), load("eagle/RedBoard.brd")
    assert {net.name: net.pins for net in schematic.nets} == {net.name: net.pins for net in board.nets}
    assert {part.ref: part.value for part in board.parts}["C1"] == "0.1uF"


def test_readings_of_openboarddata_are_all_there() -> None:
    found = load("openboarddata/820-3115.txt")
    assert len({reading.net for reading in found.readings}) == 63
    [power] = [one for one in found.readings if one.net == "CHGR_CELL"]
    assert (power.quantity, power.value) == ("diode", "0.55")
    assert "[p:FB200:1]" in load("openboarddata/820-00239.txt").notes
