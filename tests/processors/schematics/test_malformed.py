"""Broken files: an error that names file and place, never a crash, never a wait."""

import time
from collections.abc import Iterator

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.read import read_design
from tests.processors.schematics import test_boardviews, test_eagle, test_kicad_legacy
from tests.processors.schematics.drawing import Drawing, nets, read
from tests.processors.schematics.samples import FOLDER, needed
from tests.processors.schematics.test_kicad_board import board, footprint

SHEET = Drawing().symbol("R", "R1", (10, 10)).wire((10, 7.46), (20, 7.46)).label("GND", (20, 7.46)).text.encode()
LONGEST_SECONDS = 5.0
FILES = {
    "a.kicad_sch": SHEET,
    "a.kicad_pcb": board(footprint("R1", "1 1", '(net 1 "A")', "")),
    "a.net": b'(export (components (comp (ref "R1"))) (nets (net (name "A") (node (ref "R1") (pin "1")))))',
    "old.sch": (test_kicad_legacy.HEAD + test_kicad_legacy.symbol("R", "R1", 1, 1) + test_kicad_legacy.END).encode(),
    "a.brd": test_boardviews.BRD,
    "a.bdv": test_boardviews.bdv(),
    "a.cad": test_boardviews.GENCAD,
    "a.ipc": test_boardviews.IPC,
    "eagle.sch": test_eagle.SCHEMATIC,
    "eagle.brd": test_eagle.BOARD,
}


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    # Of the processor: a wait would be one of these readers, and other work of the machine is not theirs.
    started = time.process_time()
    yield
    assert time.process_time() - started < LONGEST_SECONDS


def error_of(name: str, content: bytes) -> str | None:
    """Return what is said of a file; None when it can be read."""
    try:
        read_design(name, content)
    except DesignError as error:
        return str(error) if error.file == name else f"of another file: {error}"
    return None


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_off_anywhere_is_read_or_refused(name: str) -> None:
    content = FILES[name]
    assert error_of(name, content) is None
    for length in range(0, len(content), max(1, len(content) // 200)):
        error_of(name, content[:length])


@pytest.mark.parametrize("name", ["a.kicad_sch", "a.kicad_pcb", "a.net", "eagle.sch", "eagle.brd", "old.sch"])
def test_a_design_cut_off_is_never_taken_for_whole(name: str) -> None:
    """These forms have an end that can be missed."""
    content = FILES[name].rstrip()
    for tenth in range(1, 10):
        assert error_of(name, content[: len(content) * tenth // 10]) is not None


@pytest.mark.parametrize("name", FILES)
def test_other_line_ends_change_nothing(name: str) -> None:
    content = FILES[name]
    if b"\r\n" not in content:
        plain, turned = read_design(name, content), read_design(name, content.replace(b"\n", b"\r\n"))
        assert nets(plain) == nets(turned)
        assert plain.parts == turned.parts


@pytest.mark.parametrize("name", ["a.kicad_sch", "a.brd", "a.ipc", "a.cad", "a.net"])
def test_latin_1_is_read_and_told_of(name: str) -> None:
    content = FILES[name].replace(b"GND", b"M\xe4sse").replace(b"a net", b"M\xe4sse").replace(b'"A"', b'"M\xe4sse"')
    design = read_design(name, content)
    assert any("Mässe" in net.name for net in design.nets)
    assert "encoding" in [remark.matter for remark in design.remarks]


@pytest.mark.parametrize("start", ["(kicad_sch ", "(kicad_pcb (footprint x ", "(export "])
def test_a_hundred_thousand_parentheses_are_refused(start: str) -> None:
    suffix = {"(kicad_sch ": "a.kicad_sch", "(export ": "a.net"}.get(start, "a.kicad_pcb")
    message = error_of(suffix, (start + "\n(" * 100_000 + ")" * 100_002).encode())
    assert message is not None
    assert "nest deeper than 64" in message
    assert error_of(suffix, (start + "(a " * 100_000).encode()) is not None


def test_deep_xml_is_read_or_refused() -> None:
    error_of("a.sch", b"<eagle>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</eagle>")


def test_a_sheet_that_holds_itself_is_named() -> None:
    looped = Drawing().sheet("again", "root.kicad_sch", {})
    with pytest.raises(DesignError, match=r"root\.kicad_sch:3: the sheet 'root.kicad_sch' holds itself"):
        read(looped, root=looped)
    above = Drawing().sheet("one", "one.kicad_sch", {})
    one = Drawing(uuid="one").symbol("R", "R1", (1, 1)).sheet("two", "two.kicad_sch", {})
    two = Drawing(uuid="two").sheet("one", "one.kicad_sch", {})
    with pytest.raises(DesignError, match=r"two\.kicad_sch:3: the sheet 'one.kicad_sch' holds itself"):
        read(above, one=one, two=two)


def test_sheets_that_multiply_without_end_are_refused() -> None:
    def twice(number: int) -> Drawing:
        below = f"s{number + 1}.kicad_sch"
        return Drawing(uuid=f"s{number}").sheet("a", below, {}).sheet("b", below, {})

    with pytest.raises(DesignError, match="more than 2000 sheets"):
        read(twice(0), **{f"s{number}": twice(number) for number in range(1, 40)})


def test_a_missing_sheet_is_told_of_and_the_rest_is_read() -> None:
    above = Drawing().symbol("R", "R1", (10, 10)).sheet("sub", "gone.kicad_sch", {"IN": (10, 7.46)})
    design = read(above)
    assert [part.ref for part in design.parts] == ["R1"]
    [remark] = design.remarks
    line = above.text.split("(sheet ")[0].count("\n") + 1
    assert remark.what.startswith(f"root.kicad_sch:{line}: the sheet 'gone.kicad_sch' is not there")


def test_a_sheet_outside_the_folder_is_never_opened() -> None:
    asked: list[str] = []

    def beside(path: str) -> bytes | None:
        asked.append(path)
        return None

    above = (
        Drawing()
        .sheet("a", "../secret.kicad_sch", {})
        .sheet("b", "/etc/passwd", {})
        .sheet("c", "x/../ok.kicad_sch", {})
    )
    read_design("root.kicad_sch", above.text.encode(), beside)
    assert asked == ["ok.kicad_sch"]


def test_references_used_twice_are_told_of() -> None:
    design = read(Drawing().symbol("R", "R1", (10, 10)).symbol("R", "R1", (40, 10)))
    [remark] = design.remarks
    assert remark.matter == "duplicate_reference"


@pytest.mark.parametrize("number", ["1e999", "nan", "-inf", "9" * 400, "x", ""])
@pytest.mark.parametrize("name", ["a.kicad_sch", "a.kicad_pcb", "a.brd", "a.cad", "eagle.brd"])
def test_numbers_that_are_none_are_refused_where_they_stand(name: str, number: str) -> None:
    old = {"a.kicad_sch": b"(xy 10 7.46)", "a.kicad_pcb": b"(at 1 1)", "a.brd": b"100 200 -99", "a.cad": b"PLACE 1000"}
    text = old.get(name, b'x="10"')
    assert text in FILES[name]
    words = text.replace(b"10 7.46", b"%s 7.46").replace(b"at 1 1", b"at %s 1").replace(b"100 200", b"%s 200")
    words = words.replace(b"E 1000", b"E %s").replace(b'"10"', b'"%s"')
    message = error_of(name, FILES[name].replace(text, words % number.encode(), 1))
    assert message is not None


def test_an_error_in_a_sheet_names_its_line() -> None:
    message = error_of("a.kicad_sch", SHEET.replace(b"(xy 10 7.46)", b"(xy ten 7.46)"))
    assert message is not None
    line = SHEET.split(b"(wire")[0].count(b"\n") + 1
    assert message.startswith(f"a.kicad_sch:{line}: this wire cannot be read")


def test_a_bus_of_a_million_members_does_not_fill_the_memory() -> None:
    drawing = Drawing().bus((1, 1), (9, 1)).label("D[0..999999]", (1, 1)).label("A[0..9]{B[0..999999]}", (9, 1))
    assert read(drawing).nets == ()


def test_files_made_to_be_slow_are_not() -> None:
    """Blank lines for the detection, thousands of sheets for the lines, openings in a text for the board."""
    error_of("x.brd", b"x" + b"\n" * 200_000)
    many = Drawing()
    for number in range(5000):
        many.sheet(f"s{number}", f"s{number}.kicad_sch", {})
    assert len(read(many).remarks) == 5000
    text = "(footprint x " * 80_000
    error_of("a.kicad_pcb", board(footprint("R1", "1 1", "", "")).replace(b"10k", text.encode()))
    error_of("a.kicad_pcb", board(f'(gr_text "{text}" (at 1 1) (layer "F.SilkS"))', footprint("R1", "1 1", "", "")))


def test_an_empty_file_is_refused() -> None:
    assert error_of("a.kicad_sch", b" \n") == "a.kicad_sch: the file is empty; fetch it again"


@needed
@pytest.mark.parametrize("tenth", range(1, 10))
@pytest.mark.parametrize(
    "path", ["projects/stickhub/StickHub.kicad_sch", "projects/stickhub/StickHub.kicad_pcb", "eagle/RedBoard.sch"]
)
def test_a_real_file_cut_off_at_every_tenth_is_refused(path: str, tenth: int) -> None:
    content = (FOLDER / path).read_bytes()
    name = path.rpartition("/")[2]
    message = error_of(name, content[: len(content) * tenth // 10])
    assert message is not None
    assert message.startswith(f"{name}:")
