"""The files of a project: which are designs, which lie beside; and a design as stored bytes."""

from dataclasses import replace

import pytest

from processors.schematics.codec import UnknownIndex, from_bytes, to_bytes
from processors.schematics.errors import DesignError
from processors.schematics.index import Index
from processors.schematics.joined import join
from processors.schematics.project import read_project
from tests.processors.schematics.boards import KICAD, bench_board
from tests.processors.schematics.drawing import Drawing
from tests.processors.schematics.samples import FOLDER, PROJECTS, needed

BELOW = Drawing(uuid="below").symbol("R", "R1", (10, 10)).door("IN", (10, 7.46)).text.encode()
ROOT = Drawing().sheet("sub", "sheets/below.kicad_sch", {"IN": (50, 50)}).label("A", (50, 50)).text.encode()
BOARD = KICAD.encode()


def test_the_sheet_that_no_other_shows_is_the_root_and_a_board_beside_is_joined() -> None:
    design = read_project({"sheets/below.kicad_sch": BELOW, "p.kicad_sch": ROOT, "p.kicad_pcb": BOARD})
    assert design.format == "kicad_sch+kicad_pcb"
    assert set(design.sources) == {"p.kicad_sch", "p.kicad_pcb"}
    assert [one.path for one in design.sheets] == ["/", "/sub/"]
    assert {part.ref for part in design.parts} == {"R1", "U1", "C1", "C2"}


def test_files_that_say_nothing_are_left_out_and_told_and_settings_are_not_even_told() -> None:
    design = read_project({"p.kicad_pcb": BOARD, "notes.txt": b"call them", "p.kicad_pro": b"{}"})
    assert [one.what for one in design.remarks] == ["notes.txt: nothing in it is known; it was left out"]


def test_of_two_roots_the_one_that_the_project_is_called_after_counts() -> None:
    other = Drawing(uuid="other").symbol("R", "R7", (10, 10)).text.encode()
    files = {"p.kicad_sch": ROOT, "sheets/below.kicad_sch": BELOW, "old.kicad_sch": other}
    with pytest.raises(
        DesignError, match=r"2 sheets are shown by no other: old.kicad_sch, p.kicad_sch; give one project"
    ):
        read_project(files)
    assert [part.ref for part in read_project({**files, "p.kicad_pro": b"{}"}).parts] == ["R1"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"x.txt": b"hello"}, "x.txt:1: the format is not known"),
        ({"p.kicad_pcb": BOARD, "all.zip": b"PK\x03\x04" + b"\0" * 9}, "all.zip: .*unpack it first"),
        ({"a.kicad_pcb": BOARD, "b.kicad_pcb": BOARD}, "a.kicad_pcb and b.kicad_pcb are two boards"),
        ({"a.kicad_sch": Drawing().sheet("s", "a.kicad_sch", {}).text.encode()}, "holds itself"),
        ({}, "no file"),
    ],
)
def test_files_that_cannot_be_told_apart_or_read_say_what_to_do(files: dict[str, bytes], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        read_project(files)


def test_a_design_comes_back_from_its_bytes_as_it_was() -> None:
    design = bench_board().design
    joined = join(design, replace(design, source="b", nets=design.nets[1:]))
    for one in (design, joined):
        assert from_bytes(to_bytes(one)) == one
    assert joined.disagreements


def test_bytes_of_another_version_or_of_none_are_not_guessed_at() -> None:
    content = to_bytes(bench_board().design)
    for broken in (content.replace(b'"version":1', b'"version":2'), content[:-9], b"[]", b"{}"):
        with pytest.raises(UnknownIndex, match="analyse its files anew"):
            from_bytes(broken)


@needed
@pytest.mark.parametrize("row", PROJECTS[::6], ids=lambda row: row["project"])
def test_the_folder_of_a_real_project_is_one_design_that_comes_back_from_its_bytes(row: dict[str, str]) -> None:
    folder = (FOLDER / row["root"]).parent
    files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    design = read_project(files)
    assert len(design.parts) >= int(row["parts"]) * 0.99
    assert from_bytes(to_bytes(design)) == design
    assert set(Index(design).nets) == {net.name for net in design.nets}
