"""Schematics of KiCad 4 and 5: the same netlister, fed from another form. Lengths are thousandths of an inch."""

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.model import Design
from processors.schematics.read import read_design
from tests.processors.schematics.drawing import nets

CACHE = """EESchema-LIBRARY Version 2.4
#encoding utf-8
DEF Device_R R 0 0 N Y 1 F N
F0 "R" 80 0 50 V V C CNN
DRAW
X ~ 1 0 150 50 D 50 50 1 1 P
X ~ 2 0 -150 50 U 50 50 1 1 P
ENDDRAW
ENDDEF
DEF ~power_VCC #PWR 0 0 Y Y 1 F P
DRAW
X VCC 1 0 0 0 U 50 50 1 1 W N
ENDDRAW
ENDDEF
DEF GATE U 0 10 Y Y 2 F N
ALIAS 74HC00
DRAW
X A 1 -100 0 50 R 50 50 1 1 I
X A 2 -100 0 50 R 50 50 2 1 I
X VDD 14 0 100 0 D 50 50 0 0 W N
ENDDRAW
ENDDEF
"""
END = "$EndSCHEMATC\n"
HEAD = """EESchema Schematic File Version 4
EELAYER 30 0
EELAYER END
$Descr A4 11693 8268
Title "Old \\"Amp\\""
$EndDescr
"""
PLAIN = "1    0    0    -1"


def symbol(
    library: str, ref: str, x: int, y: int, *, unit: int = 1, matrix: str = PLAIN, value: str = "10k", more: str = ""
) -> str:
    return (
        f'$Comp\nL {library} {ref}\nU {unit} 1 {ref}T{unit}\nP {x} {y}\n{more}F 0 "{ref}" V 0 0 50  0000 C CNN\n'
        f'F 1 "{value}" V 0 0 50  0000 C CNN\nF 3 "~" H 0 0 50  0001 C CNN\n'
        f'F 4 "RC0603" H 0 0 50  0001 C CNN "MPN"\n\t{unit}    {x} {y}\n\t{matrix}  \n$EndComp\n'
    )


def wire(x1: int, y1: int, x2: int, y2: int, kind: str = "Wire Wire") -> str:
    return f"{kind} Line\n\t{x1} {y1} {x2} {y2}\n"


def label(kind: str, text: str, x: int, y: int) -> str:
    return f"Text {kind} {x} {y} 0    50   ~ 0\n{text}\n"


def read(root: str, **others: str) -> Design:
    files = {"amp-cache.lib": CACHE.encode()} | {f"{name}.sch": text.encode() for name, text in others.items()}
    return read_design("amp.sch", root.encode(), files.get)


def test_parts_wires_labels_and_junctions_are_read() -> None:
    body = symbol("Device:R", "R1", 1000, 1000) + symbol("Device:R", "R2", 2000, 1000)
    body += wire(1000, 1150, 2000, 1150) + wire(1500, 1150, 1500, 1500) + "Connection ~ 1500 1150\n"
    body += label("Label", "OUT", 1500, 1500) + label("Notes", "words", 1500, 1500)
    body += wire(1000, 850, 2000, 850, "Wire Notes") + "NoConn ~ 1000 850\n"
    design = read(HEAD + body + END)
    assert nets(design)["/OUT"] == {"R1.2", "R2.2"}
    assert nets(design)["unconnected-(R1-Pad1)"] == {"R1.1"}
    [first, _] = design.parts
    assert (first.value, first.fields, first.datasheet) == ("10k", {"MPN": "RC0603"}, "")
    assert design.sheets[0].title == 'Old \\"Amp\\"'


@pytest.mark.parametrize(("matrix", "number"), [(PLAIN, "1"), ("1    0    0    1", "2"), ("-1   0    0    1", "2")])
def test_the_matrix_places_the_pins(matrix: str, number: str) -> None:
    body = symbol("Device:R", "R1", 1000, 1000, matrix=matrix) + label("Label", "TOP", 1000, 850)
    assert nets(read(HEAD + body + END))["/TOP"] == {f"R1.{number}"}


def test_power_symbols_and_hidden_supply_pins_join_everywhere_by_the_pins_name() -> None:
    body = symbol("power:VCC", "#PWR01", 1000, 850, value="VDD") + symbol("Device:R", "R1", 1000, 1000)
    body += symbol("74HC00", "U1", 3000, 3000) + symbol("74HC00", "U1", 3000, 4000, unit=2)
    body += label("GLabel", "VDD", 5000, 5000) + symbol("Device:R", "R2", 5000, 5150)
    found = nets(read(HEAD + body + END))
    assert found["VCC"] == {"R1.1"}
    assert found["VDD"] == {"U1.14", "R2.1"}


def test_sheets_have_references_of_their_own_and_buses_go_through() -> None:
    moved = 'AR Path="/5A/R1T1" Ref="R11"  Part="1" \nAR Path="/5B/R1T1" Ref="R21"  Part="1" \n'
    below = HEAD + symbol("Device:R", "R1", 1000, 1000, more=moved) + label("Label", "D1", 1000, 850)
    below += label("HLabel", "D[0..1]", 3000, 3000) + END

    def sheet(uuid: str, y: int) -> str:
        door = f'F2 "D[0..1]" I L 4000 {y} 50 \n'
        return f'$Sheet\nS 4000 {y} 1000 800 \nU {uuid}\nF0 "{uuid}" 50\nF1 "below.sch" 50\n{door}$EndSheet\n'

    root = HEAD + sheet("5A", 2000) + wire(3000, 2000, 4000, 2000, "Wire Bus") + label("Label", "D[0..1]", 3000, 2000)
    root += sheet("5B", 5000) + wire(3000, 5000, 4000, 5000, "Wire Bus") + label("Label", "E[0..1]", 3000, 5000)
    found = nets(read(root + END, below=below))
    assert found["/D1"] == {"R11.1"}
    assert found["/E1"] == {"R21.1"}


def test_a_symbol_that_no_library_has_is_told_of() -> None:
    design = read(HEAD + symbol("Lost:X", "X1", 0, 0) + END)
    assert [part.ref for part in design.parts] == ["X1"]
    assert [remark.matter for remark in design.remarks] == ["missing_symbol"]


def test_a_file_that_is_cut_off_says_so() -> None:
    with pytest.raises(DesignError, match=r"amp\.sch:\d+: .*ends"):
        read(HEAD + symbol("Device:R", "R1", 0, 0))
    with pytest.raises(DesignError, match=r"amp\.sch:\d+: no line of a schematic"):
        read(HEAD + symbol("Device:R", "R1", 0, 0)[:40])
