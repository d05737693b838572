"""Formats are known by what is in a file; what is not read is named with what to do."""

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.read import read_design
from tests.processors.schematics.test_malformed import FILES

REFUSED = {
    "Cadence Allegro": (b"\x00\x04\x14\x00".ljust(0xF8, b"\0") + b"allv16", "binary"),
    "Teboview": (b"\x13O95w-28ps49m 02v9o.\x00\x01", "export it from Teboview"),
    "XZZ": (b"XZZPCB V1.0\0\0", "maker's viewer"),
    "FZ or CAE": (b"\x00\x01\x02\x03\x78\x9c\x00", "maker's key"),
    "Eagle 4 or 5": (b"\x10\x80\x00\x01", "Eagle 6"),
    "Altium": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "export IPC-D-356"),
    "packer": (b"PK\x03\x04" + b"\0" * 40, "unpack it first"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_format_that_is_not_read_is_named_with_what_to_do(kind: str) -> None:
    content, advice = REFUSED[kind]
    with pytest.raises(DesignError) as caught:
        read_design("board.brd", content)
    assert kind in str(caught.value)
    assert advice in str(caught.value)


def test_a_locked_file_is_known_by_its_name_alone() -> None:
    with pytest.raises(DesignError, match="FZ or CAE"):
        read_design("board.fz", bytes(range(128, 256)))


@pytest.mark.parametrize("name", FILES)
def test_the_name_of_a_file_says_nothing(name: str) -> None:
    assert read_design("board.brd", FILES[name]).format == read_design(name, FILES[name]).format


def test_a_byte_order_mark_and_space_before_it_change_nothing() -> None:
    content = b"\xef\xbb\xbf\n" + FILES["a.kicad_sch"]
    assert read_design("a", content).nets == read_design("a", FILES["a.kicad_sch"]).nets
    wide = FILES["a.kicad_sch"].decode().encode("utf-16")
    assert read_design("a", wide).nets == read_design("a", FILES["a.kicad_sch"]).nets


def test_an_unknown_format_names_what_can_be_read() -> None:
    with pytest.raises(
        DesignError, match=r"x\.bin:1: the format is not known; readable are: KiCad schematic, .*GenCAD"
    ):
        read_design("x.bin", b"hello")
