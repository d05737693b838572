import pytest

from connectors.llm.port import Tool
from processors.brain.lookups import lookups
from processors.brain.pack import NO_DESIGN, board_pack
from tests.processors.brain.boards import BOARD

TOOLS: dict[str, Tool] = {tool.name: tool for tool in lookups(BOARD, "laptop")}


def test_offers_the_boards_tools_only_with_its_design_file() -> None:
    assert set(TOOLS) == {"lookup_part", "lookup_net", "trace", "known_faults"}
    assert [tool.name for tool in lookups(None, "laptop")] == ["known_faults"]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("lookup_part", {"name": "u7000"}, "U7000 (ISL9240, QFN-32, top side): 1=PPBUS_G3H, 2=GND, 3=CHGR_EN"),
        ("lookup_part", {"name": "U1950"}, "U1950 (no further facts): 1=PP3V3_S0, 2=GND"),
        ("lookup_net", {"name": " PPBUS_G3H "}, "PPBUS_G3H, 2 pins: F7000.2, U7000.1"),
        ("trace", {"start": "PPDCIN_G3H", "end": "PPBUS_G3H"}, "PPDCIN_G3H - F7000 - PPBUS_G3H"),
    ],
)
def test_answers_from_the_design_file(name: str, given: dict[str, str], said: str) -> None:
    assert TOOLS[name].call(given) == said


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("lookup_part", {"name": "U9999"}, "has no part U9999"),
        ("lookup_net", {"name": "PP42V"}, "has no net PP42V"),
        ("trace", {"start": "U9999", "end": "GND"}, "no way"),
        ("trace", {"start": "GND"}, "needs start, end as text; end is missing"),
        ("lookup_net", {"name": 7}, "name is missing"),
        ("known_faults", {"family": "flux"}, "there is no family flux; there are power"),
    ],
)
def test_says_what_to_ask_when_it_cannot_answer(name: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TOOLS[name].call(given)


def test_tells_how_the_shop_finds_and_repairs_a_family() -> None:
    said = TOOLS["known_faults"].call({"family": "battery"})
    assert "Battery voltage at rest and under load" in said
    assert "disconnect the battery" in said


def test_the_pack_holds_the_families_and_what_the_board_has() -> None:
    pack = board_pack(BOARD)
    assert "- battery: Battery worn out or defective" in pack
    assert "4 parts, 5 nets" in pack
    assert "PP3V3_S0 (2), PPBUS_G3H (2), PPDCIN_G3H (1)" in pack
    assert "U7000 ISL9240" in pack


def test_the_pack_of_an_unknown_board_forbids_names() -> None:
    assert board_pack(None).endswith(NO_DESIGN)
