"""Pick-and-place files of many makers come to the same places."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.vision.parts.pick_and_place import PlacementError, number_of, read_pick_and_place
from processors.vision.parts.placement import Placement

R1 = Placement("R1", "10k", "R_0603", 12.7, -25.4, 90.0, "top")
C2 = Placement("C2", "100n", "C_0402", 2.54, 5.08, 270.0, "bottom")

KICAD_POS = """### Footprint positions - created on 2026-03-01 ###
### Printed by KiCad version 9.0.8
## Unit = mm, Angle = deg.
## Side : All
# Ref     Val     Package    PosX       PosY       Rot       Side
R1        10k     R_0603     12.7000    25.4000    90.0000   top
C2        100n    C_0402     2.5400     -5.0800    -90.0000  bottom
## End
"""
KICAD_CSV = """Ref,Val,Package,PosX,PosY,Rot,Side
"R1","10k","R_0603",12.700000,25.400000,90.000000,top
"C2","100n","C_0402",2.540000,-5.080000,270.000000,bottom
"""
ALTIUM = """Altium Designer Pick and Place Locations
PSU.PcbDoc

========================================================
Units used: mil

"Designator","Comment","Layer","Footprint","Center-X(mil)","Center-Y(mil)","Rotation","Description"
"R1","10k","TopLayer","R_0603","500","1000","90","resistor, thick film"
"C2","100n","BottomLayer","C_0402","100","-200","270",""
"""
JLC = """Designator;Val;Package;Mid X;Mid Y;Rotation;Layer
R1;10k;R_0603;12,7mm;25,4mm;90;T
C2;100n;C_0402;2,54mm;-5,08mm;270;B
"""
EASYEDA = (
    "Designator\tFootprint\tMid X\tMid Y\tRef X\tRef Y\tLayer\tRotation\tComment\r\n"
    "R1\tR_0603\t12.7mm\t25.4mm\t0mm\t0mm\tT\t90\t10k\r\nC2\tC_0402\t0.1in\t-0.2in\t0mm\t0mm\tB\t270\t100n\r\n"
)
INCHES = """Reference, Value, Footprint, X (in), Y (in), Angle, Side
R1, 10k, R_0603, 0.5, 1, 90, Front
C2, 100n, C_0402, .1, -.2, -90, Back
"""


@pytest.mark.parametrize("text", [KICAD_POS, KICAD_CSV, ALTIUM, JLC, EASYEDA, INCHES])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_every_maker_and_encoding_gives_the_same_places(text: str, encoding: str) -> None:
    read = read_pick_and_place("board.csv", text.encode(encoding))
    assert read.placements == (R1, C2)
    assert all("says no unit" in one for one in read.remarks)
    assert bool(read.remarks) == (text == KICAD_CSV)


def test_eagle_says_no_titles_and_the_side_by_the_name_of_the_file() -> None:
    rows = b"R1   12.70  25.40   90 10k R_0603\nLED2  1.00   2.00 MR180 red LED_0805\n"
    top, bottom = (read_pick_and_place(name, rows) for name in ("psu.mnt", "psu.mnb"))
    assert [one.reference for one in top.placements] == ["R1", "LED2"]
    assert top.placements[0] == R1
    assert top.placements[1].rotation_deg == 180
    assert {one.side for one in bottom.placements} == {"bottom"}
    assert "says no unit" in top.remarks[0]


def test_values_keep_their_blanks_and_foreign_letters() -> None:
    text = KICAD_POS.replace("10k ", "10 kΩ ±1%")
    [first, _] = read_pick_and_place("a.pos", text.encode()).placements
    assert first.value == "10 kΩ ±1%"
    assert (
        read_pick_and_place("a.csv", KICAD_CSV.replace("10k", "10 µH").encode("latin-1")).placements[0].value == "10 µH"
    )


def test_what_is_missing_or_double_is_remarked_and_nothing_is_lost() -> None:
    text = "Ref,Val,Package,PosX,PosY,Rot\nR1,,R_0603,1,2,90\nR1,1k,R_0603,3,4,\nTP1,,,,,\n,1k,R_0603,1,1,0\n"
    read = read_pick_and_place("a.csv", text.encode())
    assert [(one.reference, one.x_mm) for one in read.placements] == [("R1", 1), ("R1", 3)]
    said = "\n".join(read.remarks)
    for what in (
        "no column of sides", "line 2: R1 has no value", "line 3: R1 has no rotation", "line 4: TP1 has no place",
        "line 5: a row without a name", "R1 is there 2 times", "says no unit",
    ):  # fmt: skip
        assert what in said


@pytest.mark.parametrize(
    ("was", "becomes", "line", "column", "advice"),
    [
        ("12.700000", "12.a", 2, "PosX", "write it like 12.5"),
        ("-5.080000", "north", 3, "PosY", "write it like 12.5"),
        ("90.000000", "left", 2, "Rot", "write degrees"),
        (",bottom", ",inner", 3, "Side", "write top or bottom"),
    ],
)
def test_errors_name_line_and_column_and_what_to_do(
    was: str, becomes: str, line: int, column: str, advice: str
) -> None:
    with pytest.raises(PlacementError) as caught:
        read_pick_and_place("a.csv", KICAD_CSV.replace(was, becomes).encode())
    assert (caught.value.line, caught.value.column) == (line, column)
    assert advice in str(caught.value)
    assert str(caught.value).startswith(f"a.csv:{line}: column '{column}'")


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b" \n", "empty"),
        (b"Quantity,Price\n1,2\n", "with its titles"),
        (b"Ref,PosX,PosY\n## End\n", "no row has a place"),
        (b"Ref,PosX,PosY\nR1,0,0\nR2,4000,10\n", "--unit mil"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "with its titles"),
    ],
)
def test_a_file_that_is_none_says_what_to_do(content: bytes, advice: str) -> None:
    with pytest.raises(PlacementError, match=advice):
        read_pick_and_place("a.csv", content)


def test_a_given_unit_counts_over_what_the_file_says() -> None:
    text = KICAD_CSV.replace("12.700000,25.400000", "500,1000").replace("2.540000,-5.080000", "100,-200")
    assert read_pick_and_place("a.csv", text.encode(), unit="mil").placements == (R1, C2)


def test_parts_that_are_not_to_be_placed_are_known() -> None:
    text = "Ref,Val,Package,PosX,PosY,Rot,Side,DNP\nR1,1k,R,1,2,0,top,\nR2,1k,R,3,2,0,top,1\nR3,DNP,R,4,2,0,top,\n"
    assert [one.fitted for one in read_pick_and_place("a.csv", text.encode()).placements] == [True, False, False]


def test_a_turned_sign_of_the_bottom_side_is_undone() -> None:
    rows = [f"R{n},1k,R,{10 + n},{n},0,top\nC{n},1n,C,{-20 - n},{n},0,bottom" for n in range(3)]
    read = read_pick_and_place("a.csv", ("Ref,Val,Package,PosX,PosY,Rot,Side\n" + "\n".join(rows)).encode())
    assert [one.x_mm for one in read.placements if one.side == "bottom"] == [20, 21, 22]
    assert "sign is turned" in read.remarks[-1]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.5", 1.5), ("1,5", 1.5), ("1,234.5", 1234.5), ("1.234,5", 1234.5), ("1'234.5", 1234.5), ("1,234,567", 1234567),
     ("-.5", -0.5), ("1e3", 1000), ("nan", None), ("1.2.3", None), ("", None)],
)  # fmt: skip
def test_numbers_with_point_and_comma(text: str, number: float | None) -> None:
    assert number_of(text) == number


@given(st.binary(max_size=400))
def test_any_bytes_give_places_or_a_clear_error(content: bytes) -> None:
    for data in (content, b"Ref,Val,Package,PosX,PosY,Rot,Side\n" + content, b"Ref;PosX;PosY;Rot\n" + content):
        with suppress(PlacementError):
            assert read_pick_and_place("a.csv", data).placements
