"""Boardviews and exchange files, small ones written here: every field where it belongs."""

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.model import Design, Place
from processors.schematics.numbers import MM_PER_INCH, MM_PER_MIL
from processors.schematics.read import read_design
from tests.processors.schematics.drawing import nets

BRD = b"""str_length: 20 10
var_data: 4 2 3 1
Format:
0 0
1000 0
1000 500
0 500
Parts:
R1 5 2
U1 10 3
Pins:
100 200 -99 1 GND
150 200 7 1
300 400 -99 2 GND
Nails:
7 150 200 1 VCC
"""
ASC = {
    "format.asc": b"Title\n\nX Y\n0.0 0.0\n1.0 0.0\n1.0 0.5\n",
    "pins.asc": b"""Title of the board
Pin Name X Y Layer Net Nail

Part R1 (T)
    1 1 0.1 0.2 1 GND 7
    2 2 0.15 0.2 1 VCC
Part U1 (B)
    1 A1 0.3 0.4 2 GND
""",
    "nails.asc": b"Title\nNail X Y Type Grid Side Id Net\n$7 0.15 0.2 1 A1 (T) #2 VCC\n",
}


def place(design: Design, ref: str, number: str) -> Place:
    [found] = [pin.place for part in design.parts if part.ref == ref for pin in part.pins if pin.number == number]
    assert found is not None
    return found


def disguised(plain: bytes) -> bytes:
    """Turn bytes so that reading turns them back: two bits to the other end, all of them over."""
    table = {
        ~((code >> 6 & 3) | (code << 2)) & 0xFF: code for code in range(256) if code not in b"\r\n\0"
    }  # fmt: skip
    return bytes(code if code in b"\r\n\0" else table[code] for code in plain)


@pytest.mark.parametrize("content", [BRD, disguised(BRD)], ids=["plain", "rotated"])
def test_a_landrex_board_has_its_nets_also_those_of_its_nails(content: bytes) -> None:
    design = read_design("x.brd", content)
    assert design.format == "brd"
    assert nets(design) == {"GND": {"R1.1", "U1.1"}, "VCC": {"R1.2"}}
    assert {part.ref: part.place.side for part in design.parts if part.place} == {"R1": "top", "U1": "bottom"}
    assert place(design, "R1", "1") == Place(pytest.approx(100 * MM_PER_MIL), pytest.approx(-200 * MM_PER_MIL))
    assert [(probe.name, probe.net) for probe in design.probes] == [("7", "VCC")]
    assert len(design.outline) == 4
    assert [remark.matter for remark in design.remarks] == ["unnumbered_pins"]


def test_the_rotated_form_begins_as_it_is_recognised() -> None:
    assert disguised(BRD)[:4] == bytes((0x23, 0xE2, 0x63, 0x28))


def test_brdout_counts_the_bottom_from_the_other_edge() -> None:
    content = b"""0
BRDOUT: 3 1000 500
0 0
1000 0
1000 500

NETS: 2
1 GND
2 VCC

PARTS: 2
R1 0 0 9 9 0 1
U1 0 0 9 9 2 2

PINS: 3
100 200 1 1
150 200 2 1
300 400 1 2

NAILS: 1
7 150 200 2 2
"""
    design = read_design("x.brd", content)
    assert nets(design) == {"GND": {"R1.1", "U1.1"}, "VCC": {"R1.2"}}
    assert place(design, "R1", "1").y_mm == pytest.approx(-200 * MM_PER_MIL)
    assert place(design, "U1", "1").y_mm == pytest.approx(-100 * MM_PER_MIL)
    assert design.probes[0].place.y_mm == pytest.approx(-300 * MM_PER_MIL)
    with pytest.raises(DesignError, match="PINS holds 2 lines and says 3"):
        read_design("x.brd", content.replace(b"300 400 1 2\n", b""))


def check_asc_family(design: Design) -> None:
    assert nets(design) == {"GND": {"R1.1", "U1.A1"}, "VCC": {"R1.2"}}
    assert place(design, "R1", "2") == Place(pytest.approx(0.15 * MM_PER_INCH), pytest.approx(-0.2 * MM_PER_INCH))
    assert place(design, "U1", "A1").side == "bottom"
    assert [(probe.name, probe.net) for probe in design.probes] == [("7", "VCC")]
    assert len(design.outline) == 3


@pytest.mark.parametrize("given", ["pins.asc", "format.asc", "nails.asc"])
def test_an_asc_set_is_read_whole_whichever_of_its_files_is_given(given: str) -> None:
    check_asc_family(read_design(given, ASC[given], ASC.get))


def bdv() -> bytes:
    plain = b"".join(b"<<%s>>\n%s" % (name.encode(), content) for name, content in ASC.items())
    out, key = bytearray(), 0xA0
    for code in plain.replace(b"\n", b"\r\n"):
        key += code == 0x0D
        out.append(code if code in b"\r\n" else (key - code) & 0xFF)
        key = 159 if key > 285 else key
    return bytes(out)


def test_bdv_is_the_same_set_in_disguise() -> None:
    assert bdv().startswith(b"dd:1.3?,r?-=bb")
    check_asc_family(read_design("x.bdv", bdv()))


def test_a_long_bdv_goes_through_all_its_keys() -> None:
    many = b"".join(b"Part R%d (T)\n 1 1 0.1 0.2 1 GND\n" % number for number in range(200))
    plain = b"<<format.asc>>\n0.0 0.0\n<<pins.asc>>\n" + many
    out, key = bytearray(), 0xA0
    for code in plain.replace(b"\n", b"\r\n"):
        key += code == 0x0D
        out.append(code if code in b"\r\n" else (key - code) & 0xFF)
        key = 159 if key > 285 else key
    assert len(nets(read_design("x.bdv", bytes(out)))["GND"]) == 200


def test_bvr1_is_a_table() -> None:
    content = b"""BVRAW_FORMAT_1
<<Layout>>
X, Y
0.0, 0.0
1.0, 0.0
1.0, 0.5
<<Pin>>
Part\tSide\tId\tName\tX\tY\tLayer\tNet
R1\t(T)\t1\t1\t0.1\t0.2\t1\tGND
R1\t(T)\t2\t2\t0.15\t0.2\t1\tVCC
U1\t(B)\t1\tA1\t0.3\t0.4\t2\tGND
<<Nail>>
Nail\tX\tY\tType\tGrid\tSide\tId\tNet
$7\t0.15\t0.2\t1\tA1\t(T)\t#2\tVCC
"""
    check_asc_family(read_design("x.bvr", content))


def test_bvr3_is_blocks() -> None:
    content = b"""BVRAW_FORMAT_3
PART_NAME U1
   PART_SIDE B
   PART_ORIGIN 100.0 50.0
   PIN_ID U1-A1
      PIN_NUMBER A1
      PIN_NAME SDA
      PIN_SIDE B
      PIN_ORIGIN 10.0 20.0
      PIN_NET I2C_SDA
   PIN_END
PART_END
OUTLINE_SEGMENTED 0 0 1000 0 1000 0 1000 500
"""
    design = read_design("x.bvr", content)
    [part] = design.parts
    assert part.pins[0].name == "SDA"
    assert place(design, "U1", "A1") == Place(
        pytest.approx(110 * MM_PER_MIL), pytest.approx(-70 * MM_PER_MIL), "bottom"
    )
    assert nets(design) == {"I2C_SDA": {"U1.A1"}}
    assert len(design.outline) == 2
    with pytest.raises(DesignError, match=r"x\.bvr:\d+: the part 'U1' never ends"):
        read_design("x.bvr", content.replace(b"PART_END\n", b"").replace(b"OUTLINE", b"#"))


GENCAD = b"""$HEADER
GENCAD 1.4
UNITS USER 1000
$ENDHEADER
$BOARD
LINE 0 0 1000 0
$ENDBOARD
$PADSTACKS
PADSTACK P1 0
PADSTACK P2 30
$ENDPADSTACKS
$SHAPES
SHAPE "two pins"
PIN "1" P1 100 50 TOP 0 0
PIN "2" P2 -100 0 TOP 0 0
$ENDSHAPES
$COMPONENTS
COMPONENT "R1"
DEVICE "D1"
PLACE 1000 500
LAYER TOP
ROTATION 90
SHAPE "two pins" 0 0
COMPONENT "R2"
DEVICE "D1"
PLACE 1000 500
LAYER BOTTOM
ROTATION 0
SHAPE "two pins" MIRRORX FLIP
$ENDCOMPONENTS
$DEVICES
DEVICE "D1"
PART "10k"
PACKAGE "0603"
$ENDDEVICES
$SIGNALS
SIGNAL "a net"
NODE "R1" "1"
NODE "R2" "1"
$ENDSIGNALS
"""


def test_gencad_turns_and_mirrors_shapes() -> None:
    design = read_design("x.cad", GENCAD)
    assert nets(design) == {"a net": {"R1.1", "R2.1"}}
    assert [(part.value, part.footprint) for part in design.parts] == [("10k", "0603")] * 2
    assert place(design, "R1", "1") == Place(pytest.approx(950 * MM_PER_MIL), pytest.approx(-600 * MM_PER_MIL))
    assert place(design, "R2", "1") == Place(
        pytest.approx(1100 * MM_PER_MIL), pytest.approx(-450 * MM_PER_MIL), "bottom"
    )
    assert place(design, "R1", "2").side == "both"
    assert design.outline == ((0, 0, pytest.approx(25.4), 0),)


IPC = b"""P  CODE 00
P  UNITS CUST 0
P  NNAME1         /A_LONG_NAME_INDEED
317GND              VIA        MD0118PA00X+061909Y-040335X0197Y0000R000S3
327GND              R1    -1          A01X+010000Y+020000X0157Y0236R090S2
327NNAME1           R1    -2          A02X+010000Y-020000X0157Y0236R090S2
317N/C              J1    -MP    D0394PA00X+000000Y+000000X0669Y0669R000S0
999
"""


def test_ipc_d_356_is_read_by_its_columns() -> None:
    design = read_design("x.ipc", IPC)
    assert nets(design) == {"GND": {"R1.1"}, "/A_LONG_NAME_INDEED": {"R1.2"}}
    assert place(design, "R1", "1") == Place(pytest.approx(25.4), pytest.approx(-50.8))
    assert place(design, "R1", "2").side == "bottom"
    assert place(design, "J1", "MP").side == "both"
    assert design.remarks == ()
    cut = IPC.replace(b"NNAME1           R1 ", b"/IO_BANKS/IO_B   R1 ").replace(b"P  NNAME1", b"P  OTHER ")
    assert [remark.matter for remark in read_design("x.ipc", cut).remarks] == ["cut_names"]


def test_openboarddata_of_both_forms() -> None:
    content = b"""ID 820-0
BRAND
DIAGNOSIS_DATA_BEGIN
Check 5V on [p:FB200:1]
DIAGNOSIS_DATA_END
# NETNAME  DIODE_VALUE  NORMAL_VOLTAGE  RESISTANCE  COMMENT
#NOT_MEASURED
PP3V3 0.45 3.3 na 'at the coil'
PP5V ol
PPBUS/G3H v 12.6 before the button
"""
    design = read_design("820-0.txt", content)
    found = [(one.net, one.quantity, one.value, one.condition, one.comment) for one in design.readings]
    assert found == [
        ("PP3V3", "diode", "0.45", "", "at the coil"),
        ("PP3V3", "volt", "3.3", "", "at the coil"),
        ("PP5V", "diode", "ol", "", ""),
        ("PPBUS", "volt", "12.6", "G3H", "before the button"),
    ]
    assert design.notes == "Check 5V on [p:FB200:1]"
