"""PDF files: references and labels with page and place, and what cannot be read."""

import time

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.joined import combine, link_texts
from processors.schematics.model import Design
from processors.schematics.pdf import words
from processors.schematics.read import read_design
from tests.processors.schematics.circuit import circuit, part, two
from tests.processors.schematics.papers import locked, packed, pictures_alone, printed
from tests.processors.schematics.samples import PROJECTS, load, needed

BOARD = circuit(
    part("U1", {"1": ("+3V3", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("/mcu/SDA", "", "")}, "LM75"),
    two("R1", "+3V3", "/mcu/SDA", "4k7"),
    two("C12", "+3V3", "GND", "100n"),
    two("J2", "+3V3", "D0"),
    two("J3", "D1", "D0"),
    two("J4", "D1", "GND"),
).design


def read(content: bytes) -> Design:
    return read_design("paper.pdf", content)


def test_a_pdf_gives_references_with_their_places_and_says_that_it_has_no_nets() -> None:
    board = circuit(two("R1", "+3V3", "SDA"), two("C12", "+3V3", "GND"))
    design = read(printed(board.design))
    assert [one.ref for one in design.parts] == ["C12", "R1"]
    assert design.nets == ()
    assert [one.matter for one in design.remarks] == ["no_nets"]
    [place] = [one for one in design.texts if one.ref == "C12"]
    assert (place.page, place.kind) == (1, "reference")
    assert 0 < place.x_mm < 420
    assert 0 < place.y_mm < 297
    assert 0.5 < min(place.height_mm, place.width_mm) < 2


def test_values_numbers_and_words_of_the_title_are_neither_parts_nor_nets() -> None:
    texts = {one.text for one in read(printed(BOARD)).texts}
    assert {"R1", "C12", "U1", "+3V3", "GND", "SDA"} <= texts
    assert not texts & {"4k7", "100n", "Drawn", "hand", "sheet", "1.2", "see"}


def test_lines_that_are_counted_from_nought_and_values_without_a_first_are_no_parts() -> None:
    assert {one.ref for one in read(printed(BOARD)).parts} == {"R1", "C12", "U1", "J2", "J3", "J4"}
    diode = circuit(two("R1", "A_1", "B_1", "BAT43"), two("XQ1", "A_1", "B_1"))
    assert [one.ref for one in read(printed(diode.design)).parts] == ["R1", "XQ1"]


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_turned_page_gives_places_as_it_is_shown(rotate: int) -> None:
    straight = {one.text: one for one in words("paper.pdf", printed(BOARD, seed=3))}
    turned = {one.text: one for one in words("paper.pdf", printed(BOARD, seed=3, rotate=rotate))}
    left, top, right, bottom = straight["U1"].box
    width, height = 1190.55 * 25.4 / 72, 841.89 * 25.4 / 72
    low, high = height - bottom, height - top
    expected = {  # a page on its side is written upright: it is as wide as it was high
        0: (left, top, right, bottom),
        90: (low, left, high, right),
        180: (width - right, low, width - left, high),
        270: (width - high, height - right, width - low, height - left),
    }[rotate]
    assert turned["U1"].box == pytest.approx(expected, abs=0.05)


def test_units_of_one_part_are_one_part() -> None:
    board = circuit(two("U2", "A_1", "B_1"), two("U3", "A_1", "B_1"))
    assert [one.ref for one in read(printed(board.design, units=("U2",))).parts] == [
        "R1",
        "U2",
        "U3",
    ]  # R1 of the title


def test_beside_a_board_only_what_names_its_parts_and_nets_is_kept() -> None:
    joined = link_texts(BOARD, read(printed(BOARD, units=("U1",))))
    assert {one.ref for one in joined.texts} - {""} == {part.ref for part in BOARD.parts}
    assert {one.net for one in joined.texts} - {""} == {"+3V3", "GND", "/mcu/SDA", "D0", "D1"}
    assert all(bool(one.ref) != bool(one.net) for one in joined.texts)


def test_a_pdf_beside_a_board_is_joined_with_it() -> None:
    joined = combine([BOARD, read(printed(BOARD))])
    assert joined.sources == ("drawn", "paper.pdf")
    assert joined.nets == BOARD.nets
    assert "no_nets" not in {one.matter for one in joined.remarks}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (locked(BOARD), "a password locks it; save it without one"),
        (printed(BOARD)[:200], "it is no PDF any more; fetch it again"),
        (b"%PDF-1.7\nnothing", "it is no PDF any more; fetch it again"),
        (pictures_alone(), "hold pictures and no text; run text recognition"),
    ],
    ids=["locked", "cut off", "empty", "scanned"],
)
def test_a_pdf_that_cannot_be_read_says_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(DesignError, match=said) as caught:
        read(content)
    assert caught.value.file == "paper.pdf"


def test_a_page_that_unpacks_without_end_is_refused_before_it_is_drawn() -> None:
    small = packed(b"BT /F 10 Tf 50 50 Td (R1 C2) Tj ET")
    assert [part.ref for part in read(small).parts] == ["C2", "R1"]
    traps = [packed(b"BT /F 10 Tf " + drawn + b"ET") for drawn in (b"(R1) Tj " * 500_000, b" " * (1 << 27))]
    began = time.process_time()
    for trap in traps:
        with pytest.raises(DesignError, match=r"paper\.pdf:\d+: what is packed here is more than a schematic"):
            read(trap)
    assert time.process_time() - began < 5


@needed
def test_references_and_labels_of_real_designs_are_found_in_their_printed_pages() -> None:
    """Drawn by our own printer: 94 % of references, few that are none, and nearly all beside the design itself."""
    found = there = wrong = linked = 0
    for row in PROJECTS[::4]:
        design = load(row["root"])
        pdf = read(printed(design, seed=7))
        refs, truth = {one.ref for one in pdf.parts}, {one.ref for one in design.parts}
        found, there, wrong = found + len(refs & truth), there + len(truth), wrong + len(refs - truth)
        joined = link_texts(design, pdf)
        linked += len({one.ref for one in joined.texts} & truth)
    assert found / there >= 0.94
    assert wrong / found <= 0.1
    assert linked / there >= 0.99
