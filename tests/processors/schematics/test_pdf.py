"""PDF files: references and labels with page and place, and what cannot be read."""

import time

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.joined import combine, link_texts
from processors.schematics.model import Design
from processors.schematics.pdf import Word, read_words
from processors.schematics.read import read_design
from tests.processors.schematics.circuit import circuit, part, two
from tests.processors.schematics.papers import locked, packed, pictures_alone, plain, printed, stream
from tests.processors.schematics.samples import PROJECTS, load, needed

BOARD = circuit(
    part("U1", {"1": ("+3V3", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("/mcu/SDA", "", "")}, "LM75"),
    two("R1", "+3V3", "/mcu/SDA", "4k7"),
    two("C12", "+3V3", "GND", "100n"),
    two("J2", "+3V3", "D0"),
    two("J3", "D1", "D0"),
    two("J4", "D1", "GND"),
).design


PICTURE = b"q 200 0 0 100 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x00 EI Q"
NAMELESS = (
    b"<</Type/Font/Subtype/Type0/BaseFont/ABCDEF+Sub/Encoding/Identity-H/DescendantFonts[11 0 R]>>",
    (
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/ABCDEF+Sub/FontDescriptor 12 0 R/DW 600"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
    ),
    (
        b"<</Type/FontDescriptor/FontName/ABCDEF+Sub/Flags 4/FontBBox[0 0 999 999]/ItalicAngle 0/Ascent 800"
        b"/Descent -200/CapHeight 700/StemV 80>>"
    ),
)
"""A part of a font with numbers for letters, and no table that says which."""


def set_singly(text: bytes, pitch: float, *, up: bool = False) -> bytes:
    """Return a drawing that places each letter by itself."""
    turned, ways = (b"0 1 -1 0", (50.0, 50.0)) if up else (b"1 0 0 1", (50.0, 50.0))
    places = [(ways[0], ways[1] + number * pitch) if up else (ways[0] + number * pitch, ways[1])
              for number in range(len(text))]  # fmt: skip
    return b"".join(
        b"BT /F 10 Tf %b %.2f %.2f Tm (%c) Tj ET " % (turned, *place, letter)
        for letter, place in zip(text, places, strict=True)
    )


def read(content: bytes) -> Design:
    return read_design("paper.pdf", content)


def words(content: bytes) -> tuple[Word, ...]:
    return read_words("paper.pdf", content).words


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
    straight = {one.text: one for one in words(printed(BOARD, seed=3))}
    turned = {one.text: one for one in words(printed(BOARD, seed=3, rotate=rotate))}
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


WAYS = {
    "one string": b"BT /F 10 Tf 50 50 Td (R12) Tj ET",
    "letters one by one": set_singly(b"R12", 7),
    "letters one by one, set wide": set_singly(b"R12", 9),
    "letters one by one, upwards": set_singly(b"R12", 7, up=True),
    "letters one by one, upwards and wide": set_singly(b"R12", 9, up=True),
    "spread by a kerning table": b"BT /F 10 Tf 50 50 Td [(R)-200(1)-200(2)] TJ ET",
    "spread by character spacing": b"BT /F 10 Tf 3 Tc 50 50 Td (R12) Tj ET",
    "on its side": b"BT /F 10 Tf 0 1 -1 0 50 50 Tm (R12) Tj ET",
    "aslant": b"BT /F 10 Tf .7 .7 -.7 .7 50 50 Tm (R12) Tj ET",
    "upside down": b"BT /F 10 Tf -1 0 0 -1 90 50 Tm (R12) Tj ET",
    "mirrored, as a bottom side": b"BT /F 10 Tf -1 0 0 1 90 50 Tm (R12) Tj ET",
    "drawn three times for bold": b"".join(
        b"BT /F 10 Tf %.1f %.1f Td (R12) Tj ET " % place for place in ((50, 50), (50.3, 50), (50, 50.3))
    ),
    "invisible, behind drawn letters": b"50 50 m 55 59 l S q 10 0 0 10 50 50 cm BT 3 Tr /F 1 Tf 85 Tz (R12) Tj ET Q",
    "invisible, and to be seen": b"BT 3 Tr /F 10 Tf 50 50 Td (R12) Tj ET BT 0 Tr /F 10 Tf 50 50 Td (R12) Tj ET",
}
"""How programs put a word on a page."""


@pytest.mark.parametrize("drawn", WAYS.values(), ids=WAYS)
def test_a_word_is_one_word_however_a_program_draws_it(drawn: bytes) -> None:
    [word] = words(plain(b"BT /F 10 Tf 300 300 Td (C7) Tj ET " + drawn))[1:]
    assert word.text == "R12"
    left, top, right, bottom = word.box
    assert 15 < left < right < 33
    assert 255 < top < bottom < 268
    assert {"R12", "C7"} == {word.text for word in words(plain(drawn + b" BT /F 10 Tf 300 300 Td (C7) Tj ET"))}


def test_words_drawn_apart_stay_apart() -> None:
    beside = b"BT /F 10 Tf 50 50 Td [(R12)-400(C7)] TJ ET BT /F 10 Tf 50 70 Td (1) Tj 20 0 Td (2) Tj 20 0 Td (3) Tj ET"
    assert [word.text for word in words(plain(beside))] == ["R12", "C7", "1", "2", "3"]
    above = b"BT /F 4 Tf 50 50 Td (R1) Tj 0 -4.2 Td (10k) Tj ET"
    assert [word.text for word in words(plain(above))] == ["R1", "10k"]


def test_a_block_that_is_drawn_twice_is_found_twice_where_it_stands() -> None:
    block = stream(
        b"BT /F 10 Tf 0 0 Td (R12) Tj ET",
        b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Matrix[1 0 0 1 50 50]/Resources<</Font<</F 3 0 R>>>>",
    )
    content = plain(b"/X Do q 1 0 0 1 60 0 cm /X Do Q", block, uses=b">>/XObject<</X 10 0 R")
    first, second = words(content)
    assert (first.text, second.text) == ("R12", "R12")
    assert second.box[0] - first.box[0] == pytest.approx(60 * 25.4 / 72, abs=0.05)


def test_what_stands_beside_the_part_of_a_page_that_is_shown_is_no_part_of_it() -> None:
    drawn = b"BT /F 10 Tf 50 50 Td (R12) Tj 200 0 Td (C9) Tj ET"
    assert [word.text for word in words(plain(drawn))] == ["R12", "C9"]
    for rotated in (b"", b"/Rotate 90", b"/Rotate 180", b"/Rotate 270"):
        shown = words(plain(drawn, more=b"/CropBox[20 20 200 150]" + rotated))
        assert [word.text for word in shown] == ["R12"]


def test_a_font_that_names_its_letters_is_read_and_one_that_does_not_is_told_of() -> None:
    named = (
        b"<</Type/Font/Subtype/Type1/BaseFont/ABCDEF+Sub/FirstChar 1/LastChar 3/Widths[600 600 600]"
        b"/Encoding<</Type/Encoding/Differences[1/R/one/two]>>>>"
    )
    drawn = b"BT /G 10 Tf 50 50 Td (\001\002\003) Tj ET"
    assert [word.text for word in words(plain(drawn, named, uses=b"/G 10 0 R"))] == ["R12"]
    mixed = b"BT /F 10 Tf 50 50 Td (R12) Tj ET BT /G 10 Tf 50 90 Td <00150014> Tj ET"
    design = read(plain(mixed, *NAMELESS, uses=b"/G 10 0 R"))
    assert [part.ref for part in design.parts] == ["R12"]
    [remark] = [one for one in design.remarks if one.matter == "nameless_letters"]
    assert "the fonts of 2 characters do not say which letters they draw" in remark.what


def test_pages_without_text_among_others_are_named() -> None:
    design = read(plain(b"BT /F 10 Tf 50 50 Td (R12) Tj ET", pages=(b"0 0 m 9 9 l S", PICTURE)))
    [remark] = [one for one in design.remarks if one.matter == "no_text"]
    assert remark.what.startswith("paper.pdf: pages 2, 3: drawn lines, which may be letters, and no text; print it")
    blank = read(plain(b"BT /F 10 Tf 50 50 Td (R12) Tj ET", pages=(b"",)))
    assert [one.matter for one in blank.remarks] == ["no_nets"]


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
        (
            pictures_alone(),
            "its only page holds drawn lines, which may be letters, and no text; print it with text as text",
        ),
        (plain(PICTURE), "its only page holds pictures and no text; .*run text recognition"),
        (
            plain(b"BT /G 10 Tf 50 50 Td <00150014> Tj ET", *NAMELESS, uses=b"/G 10 0 R"),
            "fonts do not say which letters",
        ),
    ],
    ids=["locked", "cut off", "empty", "outlines", "scanned", "nameless"],
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
