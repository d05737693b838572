"""Where things are: the overlay, the drawing of a side, and the answers that name places."""

from xml.etree import ElementTree

import pytest

from processors.schematics.answers import buses_answer, net_answer, part_answer, path_answer, rails_answer
from processors.schematics.draw import board_svg
from processors.schematics.index import Index
from processors.schematics.overlay import overlay
from tests.processors.schematics.boards import bench_board, without_places

SVG = "{http://www.w3.org/2000/svg}"
BOARD = bench_board()


def drawn(side: str = "top", ref: str = "", net: str = "") -> ElementTree.Element:
    return ElementTree.fromstring(board_svg(BOARD, side, ref, net))  # type: ignore[arg-type]  # top or bottom


def groups(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {group.attrib["data-ref"]: group for group in root.iter(f"{SVG}g")}


def legend(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.findall(f"{SVG}text")]


# --- the overlay


def test_an_overlay_holds_the_board_its_parts_and_which_pin_is_the_first() -> None:
    over = overlay(BOARD)
    assert (over.board.left_mm, over.board.top_mm, over.board.right_mm, over.board.bottom_mm) == (0, 0, 50, 30)
    assert len(over.outline) == 4
    assert [one.ref for one in over.parts] == ["U1", "R1", "C1", "TP1"]
    first = over.parts[0]
    assert (first.box.left_mm, first.box.right_mm) == (8.5, 13.5)
    assert [(pad.number, pad.net, pad.first) for pad in first.pads] == [
        ("1", "+3V3", True), ("2", "GND", False), ("3", "/a/SDA", False),
    ]  # fmt: skip


def test_an_overlay_of_a_side_holds_that_side_and_of_a_net_its_pads_and_places_to_touch() -> None:
    assert [one.ref for one in overlay(BOARD, "bottom").parts] == ["C1"]
    [net] = overlay(BOARD, nets=("+3V3",)).nets
    assert {(pad.ref, pad.number) for pad in net.pads} == {("U1", "1"), ("R1", "1"), ("C1", "1")}
    assert [(one.name, one.place.side) for one in net.touch if one.place] == [("n12", "bottom")]
    assert overlay(BOARD, nets=("+3V3",)).parts == ()


def test_what_has_no_place_is_named_and_not_put_anywhere() -> None:
    over = overlay(BOARD, refs=("J9", "U1"), nets=("/b/SDA",))
    assert over.without_place == ("J9", "/b/SDA")
    assert [one.ref for one in over.parts] == ["U1"]


def test_a_design_without_places_says_what_is_missing() -> None:
    for ask in (lambda: overlay(Index(without_places())), lambda: board_svg(Index(without_places()))):
        with pytest.raises(ValueError, match="give a board or a boardview"):
            ask()


# --- the drawing


def test_a_side_is_drawn_with_its_own_parts_and_the_other_side_turned_over() -> None:
    assert set(groups(drawn())) == {"U1", "R1", "TP1"}
    below = drawn("bottom")
    assert set(groups(below)) == {"C1"}
    pads = [pad.attrib["cx"] for pad in groups(below)["C1"].iter(f"{SVG}circle")]
    assert pads == ["11.000", "9.000"]  # at 39 and 41 of 50 mm, seen from below
    assert legend(below) == ["drawn: bottom, turned over like a page"]


def test_a_part_stands_out_last_with_its_first_pin_ringed_and_the_rest_is_paler() -> None:
    root = drawn(ref="R1")
    assert list(groups(root))[-1] == "R1"
    assert groups(root)["R1"].attrib["class"] == "part out"
    assert groups(root)["U1"].attrib["class"] == "part quiet"
    [ring] = [one for one in root.iter(f"{SVG}circle") if one.attrib["class"] == "first"]
    assert (ring.attrib["cx"], ring.attrib["cy"]) == ("24.000", "10.000")
    assert legend(root)[1] == "R1 4k7 at 25.0, 10.0 mm, pin 1 ringed"
    assert legend(drawn(ref="C1"))[1] == "C1 100n is on the other side"
    assert legend(drawn(ref="J9"))[1] == "J9: the board does not say where it is"


def test_the_pads_of_a_net_are_lit_and_counted_and_a_nail_is_shown() -> None:
    root = drawn("bottom", net="+3V3")
    lit = [one for one in root.iter(f"{SVG}circle") if one.attrib["class"] == "pad net"]
    assert [one.attrib["data-net"] for one in lit] == ["+3V3"]
    assert [one.attrib["cx"] for one in root.iter(f"{SVG}circle") if one.attrib["class"] == "nail"] == ["5.000"]
    assert legend(root)[1] == "net +3V3: 1 of 3 pads on this side; touch it at n12"


def test_what_a_file_says_is_text_in_the_drawing_and_nothing_else() -> None:
    assert "LM<75>" not in board_svg(BOARD)
    [title] = [one.text for one in groups(drawn())["U1"].iter(f"{SVG}title")]
    assert title == "U1 LM<75>"


# --- the answers


def test_a_part_is_told_with_its_pins_nets_and_pages() -> None:
    answer = part_answer(BOARD, "u1")
    assert (answer.ref, answer.kind, answer.value) == ("U1", "chip", "LM<75>")
    assert [(pin.name, pin.net) for pin in answer.pins] == [("VIN", "+3V3"), ("GND", "GND"), ("SDA", "/a/SDA")]
    assert [(one.page, one.x_mm) for one in answer.papers] == [(2, 10.0)]
    with pytest.raises(LookupError, match="drawn has no part 'U11'; alike are U1"):
        part_answer(BOARD, "U11")


def test_a_net_is_told_with_what_is_behind_it_and_where_to_touch_it() -> None:
    answer = net_answer(BOARD, "+3V3", 1)
    assert [(step.ref, step.to_net) for step in answer.steps] == [("R1", "/a/SDA")]
    assert [one.name for one in answer.touch] == ["n12"]
    assert [(one.value, one.comment) for one in answer.readings] == [("450", "good board")]
    assert net_answer(BOARD, "/a/SDA").papers[0].page == 2
    assert net_answer(BOARD, "GND").ground
    with pytest.raises(
        LookupError, match="2 nets of drawn are called 'SDA' on their sheets: /a/SDA, /b/SDA; say which"
    ):
        net_answer(BOARD, "SDA")


def test_the_way_between_two_parts_is_told_or_that_there_is_none() -> None:
    assert path_answer(BOARD, "U1", "TP1").steps == ()
    assert [step.ref for step in path_answer(BOARD, "C1", "TP1").steps] in (["U1"], ["R1"])
    assert not path_answer(BOARD, "U1", "J9").joined


def test_rails_and_buses_are_told() -> None:
    assert [(rail.net, rail.by) for rail in rails_answer(BOARD).rails] == [("+3V3", "symbol")]
    assert buses_answer(BOARD).buses == ()
