import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.boards.memory import MemoryBoard, MemoryBoards
from connectors.boards.port import PartFacts

# PP5V - F1 - PP5V_F - L1 - PP5V_S0 - U1; R1 joins PP5V_S0 and EN; everything hangs on GND.
BOARD = MemoryBoard(
    "mainboard.kicad_sch",
    [
        PartFacts("J1", pins={"1": "PP5V", "2": "GND"}),
        PartFacts("F1", "2 A", pins={"1": "PP5V", "2": "PP5V_F"}),
        PartFacts("L1", "1 uH", pins={"1": "PP5V_F", "2": "PP5V_S0"}),
        PartFacts("R1", "10k", pins={"1": "PP5V_S0", "2": "EN"}),
        PartFacts("U1", "TPS1", "SOT23", "top", {"1": "PP5V_S0", "2": "GND", "3": "EN"}),
        *(PartFacts(f"C{number}", pins={"1": f"N{number}", "2": "GND"}) for number in range(100)),
    ],
)


def test_finds_parts_and_nets_by_name_without_regard_to_case() -> None:
    part = BOARD.part("u1")
    assert part is not None
    assert (part.reference, part.pins["3"]) == ("U1", "EN")
    net = BOARD.net("pp5v_s0")
    assert net is not None
    assert net.pins == (("L1", "2"), ("R1", "1"), ("U1", "1"))
    assert (BOARD.part("U9"), BOARD.net("PP9")) == (None, None)


@pytest.mark.parametrize(
    ("start", "end", "way"),
    [
        ("PP5V", "PP5V_S0", ("PP5V", "F1", "PP5V_F", "L1", "PP5V_S0")),
        ("J1", "U1", ("GND",)),
        ("f1", "EN", ("PP5V_F", "L1", "PP5V_S0", "R1", "EN")),
        ("EN", "EN", ("EN",)),
    ],
)
def test_traces_through_parts_in_series(start: str, end: str, way: tuple[str, ...]) -> None:
    assert BOARD.trace(start, end) == way


def test_takes_no_way_over_a_net_on_which_everything_hangs() -> None:
    assert BOARD.trace("N1", "N2") is None
    assert BOARD.trace("N1", "GND") == ("N1", "C1", "GND")


def test_finds_no_way_to_what_is_not_there() -> None:
    assert BOARD.trace("PP5V", "PP9") is None
    assert BOARD.trace("U9", "PP5V") is None


@given(st.sampled_from(sorted(BOARD.names().nets)), st.sampled_from(sorted(BOARD.names().nets)))
def test_a_way_leads_back_and_each_part_on_it_joins_its_neighbours(start: str, end: str) -> None:
    way = BOARD.trace(start, end)
    back = BOARD.trace(end, start)
    if way is None:
        return
    assert (way[0], way[-1]) == (start, end)
    for before, part, after in zip(way[::2], way[1::2], way[2::2], strict=False):
        found = BOARD.part(part)
        assert found is not None
        assert {before, after} == set(found.pins.values())
    assert back is None or len(back) == len(way)


async def test_a_shop_without_design_files_knows_no_board() -> None:
    assert await MemoryBoards().of("main", "NZL-1") is None
    boards = MemoryBoards({"NZL-1": BOARD}, "hafen")
    assert await boards.of("hafen", "NZL-1") is BOARD
    assert await boards.of("main", "NZL-1") is None
