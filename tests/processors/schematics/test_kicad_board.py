"""KiCad boards and exported netlists."""

import pytest

from processors.schematics.errors import DesignError
from processors.schematics.read import read_design
from tests.processors.schematics.drawing import nets

PADS = (
    '(pad "1" smd rect (at 1 0) (layers "{side}.Cu") {one}) (pad "2" thru_hole circle (at -1 0) (layers "*.Cu") {two})'
)


def footprint(ref: str, at: str, one: str, two: str, side: str = "F", more: str = "") -> str:
    return (
        f'(footprint "lib:R" (layer "{side}.Cu") (at {at}) (property "Reference" "{ref}") (property "Value" "10k")'
        f" {more} {PADS.format(side=side, one=one, two=two)})"
    )


def board(*items: str) -> bytes:
    return f"(kicad_pcb (version 20241229)\n{chr(10).join(items)}\n)".encode()


def test_pads_of_all_versions_have_their_nets() -> None:
    newest = footprint("R1", "10 10", '(net "GND")', '(net "A/B")')
    before = footprint("R2", "20 10", '(net 1 "GND")', '(net 0 "")')
    oldest = (
        "(module R (layer F.Cu) (at 30 10) (fp_text reference R3 (at 0 0)) (fp_text value 10k (at 0 0))"
        " (pad 1 smd rect (at 0 0) (layers F.Cu) (net 1 GND)))"
    )
    design = read_design("b.kicad_pcb", board(newest, before, oldest))
    assert nets(design) == {"GND": {"R1.1", "R2.1", "R3.1"}, "A/B": {"R1.2"}}
    assert [part.value for part in design.parts] == ["10k"] * 3


@pytest.mark.parametrize(
    ("at", "where"), [("10 20", (11, 20)), ("10 20 90", (10, 19)), ("10 20 180", (9, 20)), ("10 20 -90", (10, 21))]
)
def test_a_pad_stands_where_its_turned_footprint_puts_it(at: str, where: tuple[float, float]) -> None:
    [part] = read_design("b.kicad_pcb", board(footprint("R1", at, "", "", "B"))).parts
    pin, through = part.pins
    assert pin.place is not None
    assert through.place is not None
    assert (pin.place.x_mm, pin.place.y_mm) == pytest.approx(where)
    assert (pin.place.side, through.place.side) == ("bottom", "both")


def test_a_footprint_is_found_however_it_is_indented_and_whatever_its_texts_say() -> None:
    text = '(property "Note" "see (footprint x) and (pad 9 \\" (")'
    content = board(footprint("R1", "1 1", '(net 1 "A")', "", more=text)).replace(b" (", b"\n(")
    content += footprint("R2", "2 2", '(net 1 "A")', "").encode() + b")"
    assert nets(read_design("b.kicad_pcb", content)) == {"A": {"R1.1", "R2.1"}}


def test_a_footprint_larger_than_the_first_look_is_read_whole() -> None:
    drawn = "\n".join(f'(fp_text user "{"x" * 200}" (at {number} 0))' for number in range(2000))
    assert nets(read_design("b.kicad_pcb", board(footprint("R1", "1 1", '(net 1 "A")', "", more=drawn)))) == {
        "A": {"R1.1"}
    }


def test_the_parenthesis_that_kicad_9_forgets_in_teardrops_is_put_back() -> None:
    slip = "(teardrops (curved_edges no)filter_ratio 0.9) (enabled yes))"
    design = read_design("b.kicad_pcb", board(footprint("R1", "1 1", f'(net 1 "A") {slip}', '(net 2 "B")')))
    assert nets(design) == {"A": {"R1.1"}, "B": {"R1.2"}}


def test_the_edge_is_what_is_drawn_on_its_layer() -> None:
    edge = '(layer "Edge.Cuts")'
    content = board(
        f"(gr_line (start 0 0) (end 10 0) {edge})", f"(gr_rect (start 0 0) (end 2 1) {edge})",
        f"(gr_arc (start 0 0) (mid 1 1) (end 2 0) {edge})", f"(gr_poly (pts (xy 0 0) (xy 1 0) (xy 0 1)) {edge})",
        '(gr_line (start 5 5) (end 6 6) (layer "F.SilkS"))',
    )  # fmt: skip
    outline = read_design("b.kicad_pcb", content).outline
    assert len(outline) == 1 + 4 + 2 + 3
    assert outline[0] == (0, 0, 10, 0)
    assert outline[5:7] == ((0, 0, 1, 1), (1, 1, 2, 0))
    [*circle] = read_design("b.kicad_pcb", board(f"(gr_circle (center 5 5) (end 8 5) {edge})")).outline
    assert {round((x - 5) ** 2 + (y - 5) ** 2, 6) for x, y, _, _ in circle} == {9}


def test_references_used_twice_are_told_of() -> None:
    design = read_design("b.kicad_pcb", board(footprint("R1", "1 1", "", ""), footprint("R1", "9 9", "", "")))
    [remark] = design.remarks
    assert remark.matter == "duplicate_reference"
    assert "R1 is there 2 times" in remark.what


def test_a_part_that_is_not_fitted_says_so() -> None:
    design = read_design("b.kicad_pcb", board(footprint("R1", "1 1", "", "", more="(attr smd dnp)")))
    assert [part.fitted for part in design.parts] == [False]


def test_a_broken_footprint_is_named_by_its_line() -> None:
    content = board(footprint("R1", "1 1", "", ""), footprint("R2", "here there", "", ""))
    with pytest.raises(DesignError, match=r"b\.kicad_pcb:3: this footprint cannot be read"):
        read_design("b.kicad_pcb", content)


def test_an_exported_netlist_has_parts_pins_and_sheets() -> None:
    content = b"""(export (version "E")
      (design (sheet (number "1") (name "/") (title_block (title "Amp") (source "amp.kicad_sch"))))
      (components (comp (ref "U1") (value "LM317") (footprint "TO") (datasheet "~")
        (fields (field (name "MPN") "LM317T")) (libsource (lib "Reg") (part "LM317") (description "regulator"))
        (property (name "dnp")) (sheetpath (names "/") (tstamps "/"))))
      (nets (net (code "1") (name "/VIN")
        (node (ref "U1") (pin "3") (pinfunction "IN") (pintype "power_in+no_connect")))))"""
    design = read_design("a.net", content)
    [part] = design.parts
    assert (part.value, part.library, part.description, part.datasheet) == ("LM317", "Reg:LM317", "regulator", "")
    assert (part.fields, part.fitted) == ({"MPN": "LM317T"}, False)
    [pin] = part.pins
    assert (pin.number, pin.name, pin.kind) == ("3", "IN", "power_in")
    assert nets(design) == {"/VIN": {"U1.3"}}
    assert [(sheet.path, sheet.title) for sheet in design.sheets] == [("/", "Amp")]
