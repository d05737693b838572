"""Eagle's XML, schematic and board, small ones written here."""

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.read import read_design
from tests.processors.schematics.drawing import nets

LIBRARY = """<library name="lib"><packages>
  <package name="0603"><smd name="1" x="-1" y="0.5"/><smd name="2" x="1" y="0"/><pad name="3" x="0" y="2"/></package>
</packages>
<symbols><symbol name="R"><pin name="A" direction="pas"/><pin name="B" direction="pwr"/></symbol></symbols>
<devicesets><deviceset name="RES"><gates><gate name="G$1" symbol="R"/></gates><devices>
  <device name="-0603" package="0603"><connects>
    <connect gate="G$1" pin="A" pad="1"/><connect gate="G$1" pin="B" pad="2 3"/></connects></device>
  <device name="-FRAME"><connects><connect gate="G$1" pin="A" pad="1"/></connects></device>
</devices></deviceset></devicesets></library>"""
SCHEMATIC = f"""<?xml version="1.0"?><!DOCTYPE eagle SYSTEM "eagle.dtd">
<eagle version="7"><drawing><schematic><libraries>{LIBRARY}</libraries><parts>
<part name="R1" library="lib" deviceset="RES" device="-0603" value="10k"><attribute name="MPN" value="X"/></part>
<part name="R2" library="lib" deviceset="RES" device="-0603"/>
<part name="FRAME1" library="lib" deviceset="RES" device="-FRAME"/>
</parts><sheets>
<sheet><nets><net name="GND"><segment><pinref part="R1" gate="G$1" pin="A"/></segment>
  <segment><pinref part="FRAME1" gate="G$1" pin="A"/></segment></net></nets></sheet>
<sheet><nets><net name="GND"><segment><pinref part="R2" gate="G$1" pin="B"/></segment></net>
  <net name="N$1"><segment><pinref part="R1" gate="G$1" pin="B"/></segment></net></nets></sheet>
</sheets></schematic></drawing></eagle>""".encode()
BOARD = f"""<?xml version="1.0"?><eagle version="7"><drawing><board>
<plain><wire x1="0" y1="0" x2="10" y2="5" layer="20"/><wire x1="0" y1="0" x2="1" y2="1" layer="21"/></plain>
<libraries>{LIBRARY}</libraries>
<elements><element name="R1" library="lib" package="0603" value="10k" x="10" y="20" rot="R90"/>
<element name="R2" library="lib" package="0603" value="" x="10" y="20" rot="MR0"/></elements>
<signals><signal name="GND"><contactref element="R1" pad="1"/></signal></signals>
</board></drawing></eagle>""".encode()


def test_segments_of_one_name_are_one_net_on_all_sheets_and_frames_are_no_parts() -> None:
    design = read_design("x.sch", SCHEMATIC)
    assert nets(design) == {"GND": {"R1.1", "R2.2", "R2.3"}, "N$1": {"R1.2", "R1.3"}}
    assert {net.name: net.named for net in design.nets} == {"GND": True, "N$1": False}
    [first, second] = design.parts
    assert (first.value, first.fields, second.value) == ("10k", {"MPN": "X"}, "RES-0603")
    assert [(pin.number, pin.name, pin.kind) for pin in first.pins][1:] == [
        ("2", "B", "power_in"),
        ("3", "B", "power_in"),
    ]
    assert [sheet.path for sheet in design.sheets] == ["/1", "/2"]


def test_elements_of_a_board_are_turned_and_mirrored() -> None:
    design = read_design("x.brd", BOARD)
    assert nets(design) == {"GND": {"R1.1"}}
    where = {
        (part.ref, pin.number): (round(pin.place.x_mm, 6), round(pin.place.y_mm, 6), pin.place.side)
        for part in design.parts for pin in part.pins if pin.place
    }  # fmt: skip
    assert where["R1", "1"] == (9.5, -19, "top")
    assert where["R2", "1"] == (11, -20.5, "bottom")
    assert where["R2", "3"] == (10, -22, "both")
    assert design.outline == ((0, 0, 10, -5),)


def test_entities_that_would_fill_the_memory_are_refused() -> None:
    bomb = b'<!DOCTYPE eagle [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><eagle><drawing>&b;</drawing></eagle>'
    with pytest.raises(DesignError, match=r"x\.sch: this XML is refused"):
        read_design("x.sch", bomb)


def test_xml_that_is_cut_off_is_named_by_its_line() -> None:
    with pytest.raises(DesignError, match=r"x\.sch:\d+: no XML any more"):
        read_design("x.sch", SCHEMATIC[:-300])


def test_xml_of_something_else_is_told_of() -> None:
    with pytest.raises(DesignError, match="neither a schematic nor a board"):
        read_design("x.sch", b"<eagle><drawing><library/></drawing></eagle>")
    with pytest.raises(DesignError, match="lacks a name or a number"):
        read_design("x.brd", BOARD.replace(b'x="10"', b""))
