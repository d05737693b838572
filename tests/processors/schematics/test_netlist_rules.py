"""Every rule that a naive netlister breaks, one by one, on sheets of a few symbols."""

import pytest

from tests.processors.schematics.drawing import Drawing, nets, read


def test_pins_joined_by_a_wire_are_one_net() -> None:
    # Pin 2 of R1 ends 2.54 below its middle.
    drawing = Drawing().symbol("R", "R1", (10, 10)).symbol("R", "R2", (20, 10)).wire((10, 12.54), (20, 12.54))
    assert {"R1.2", "R2.2"} in nets(read(drawing)).values()


def test_only_the_placed_unit_shows_its_pins() -> None:
    drawing = Drawing().symbol("G", "U1", (10, 10), unit=1).symbol("G", "U1", (10, 30), unit=2)
    drawing.symbol("R", "R1", (7.46, 12.54)).symbol("R", "R2", (7.46, 32.54))
    assert {"U1.1", "R1.1"} in nets(read(drawing)).values()
    assert {"U1.2", "R2.1"} in nets(read(drawing)).values()


def test_only_the_placed_body_style_shows_its_pins() -> None:
    drawing = Drawing().symbol("G", "U1", (10, 10), style=2).symbol("R", "R1", (7.46, 12.54))
    drawing.symbol("R", "R2", (4.92, 12.54))
    found = nets(read(drawing))
    assert {"U1.1", "R2.1"} in found.values()
    assert {"R1.1"} in found.values()


@pytest.mark.parametrize(
    ("turn", "mirror", "collector"),
    [
        (0, "", (2.54, -2.54)), (90, "", (-2.54, -2.54)), (180, "", (-2.54, 2.54)), (270, "", (2.54, 2.54)),
        (0, "x", (2.54, 2.54)), (0, "y", (-2.54, -2.54)), (90, "x", (-2.54, 2.54)), (90, "y", (2.54, -2.54)),
    ],
)  # fmt: skip
def test_a_symbol_is_turned_first_and_mirrored_then(turn: int, mirror: str, collector: tuple[float, float]) -> None:
    drawing = Drawing().symbol("Q", "Q1", (50, 50), turn=turn, mirror=mirror)
    drawing.label("HERE", (50 + collector[0], 50 + collector[1]))
    assert nets(read(drawing))["/HERE"] == {"Q1.2"}


def test_a_sheet_used_twice_has_its_own_references_each_time() -> None:
    more = (
        '(instances (project "p" (path "/top/one" (reference "R11") (unit 1))'
        ' (path "/top/two" (reference "R21") (unit 1)) (path "/elsewhere" (reference "R99") (unit 1))))'
    )
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10), more=more).door("IN", (10, 7.46))
    above = (
        Drawing().sheet("one", "below.kicad_sch", {"IN": (30, 10)}).sheet("two", "below.kicad_sch", {"IN": (60, 10)})
    )
    above.label("LEFT", (30, 10)).label("RIGHT", (60, 10))
    design = read(above, below=below)
    assert nets(design)["/LEFT"] == {"R11.1"}
    assert nets(design)["/RIGHT"] == {"R21.1"}
    assert [sheet.path for sheet in design.sheets] == ["/", "/one/", "/two/"]


def test_version_6_keeps_the_references_of_all_sheets_in_the_root() -> None:
    below = Drawing(20211123, "below").symbol("R", "R1", (10, 10))
    above = Drawing(20211123).sheet("one", "below.kicad_sch", {})
    above.items.append('(symbol_instances (path "/one/R1-1" (reference "R42") (unit 1)))')
    assert [part.ref for part in read(above, below=below).parts] == ["R42"]


def test_a_label_in_the_middle_of_a_wire_names_it() -> None:
    drawing = Drawing().symbol("R", "R1", (10, 10)).wire((10, 12.54), (30, 12.54)).label("MID", (20, 12.54))
    drawing.symbol("R", "R2", (50, 10)).wire((50, 12.54), (60, 22.54)).label("SLANT", (55, 17.54))
    assert nets(read(drawing))["/MID"] == {"R1.2"}
    assert nets(read(drawing))["/SLANT"] == {"R2.2"}


def test_wires_that_cross_or_end_on_another_are_apart_without_a_junction() -> None:
    drawing = Drawing().symbol("R", "R1", (10, 10)).symbol("R", "R2", (20, 30))
    drawing.wire((10, 12.54), (30, 12.54)).wire((20, 27.46), (20, 12.54))
    assert {"R1.2", "R2.1"} not in nets(read(drawing)).values()
    assert {"R1.2", "R2.1"} in nets(read(drawing.junction((20, 12.54)))).values()


@pytest.mark.parametrize("text", ["D[0..1]", "D[1..0]", "{D0 D1}", "{D0,D1}", "{D0, D1}", "{ALL}"])
def test_a_bus_carries_its_members_through_a_sheet_pin(text: str) -> None:
    """Vectors up and down, groups with spaces or commas, and aliases."""
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10)).label("D1", (10, 7.46))
    below.bus((20, 20), (30, 20)).door(text, (20, 20))
    above = Drawing().sheet("sub", "below.kicad_sch", {text: (50, 50)}).bus((50, 50), (60, 50)).label(text, (60, 50))
    above.items.append('(bus_alias "ALL" (members "D0" "D1"))')
    above.symbol("R", "R2", (80, 80)).label("D1", (80, 77.46)).symbol("R", "R3", (90, 80)).label("D0", (90, 77.46))
    found = nets(read(above, below=below))
    assert found["/D1"] == {"R1.1", "R2.1"}
    assert found["/D0"] == {"R3.1"}


def test_a_vector_of_another_prefix_joins_by_position_and_a_group_by_name() -> None:
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10)).label("D1", (10, 7.46)).door("D[0..1]", (20, 20))
    below.symbol("R", "R3", (10, 40)).label("I2C.SDA", (10, 37.46)).door("I2C{SCL SDA}", (20, 50))
    above = Drawing().sheet("sub", "below.kicad_sch", {"D[0..1]": (50, 50), "I2C{SCL SDA}": (50, 60)})
    above.bus((50, 50), (60, 50)).label("A[4..5]", (60, 50)).bus((50, 60), (60, 60)).label("MAIN{SDA SCL}", (60, 60))
    above.symbol("R", "R2", (80, 80)).label("A5", (80, 77.46)).symbol("R", "R4", (90, 80)).label(
        "MAIN.SDA", (90, 77.46)
    )
    found = nets(read(above, below=below))
    assert found["/A5"] == {"R1.1", "R2.1"}
    assert found["/MAIN.SDA"] == {"R3.1", "R4.1"}


def test_two_labels_on_one_bus_are_two_names_of_the_same_nets() -> None:
    drawing = Drawing().bus((10, 10), (30, 10)).label("D[0..1]", (10, 10)).label("A[0..1]", (30, 10))
    drawing.symbol("R", "R1", (80, 80)).label("D1", (80, 77.46)).symbol("R", "R2", (90, 80)).label("A1", (90, 77.46))
    assert nets(read(drawing))["/A1"] == {"R1.1", "R2.1"}


def test_markup_in_braces_is_no_bus() -> None:
    drawing = Drawing().symbol("R", "R1", (10, 10)).label("~{RESET}", (10, 7.46))
    drawing.symbol("R", "R2", (20, 10)).label("~{RESET}", (20, 7.46))
    assert nets(read(drawing))["/~{RESET}"] == {"R1.1", "R2.1"}


def test_a_bar_over_a_member_of_a_group_joins_as_on_the_board() -> None:
    """KiCad 9 leaves these apart, and its own boards have them joined."""
    text = "SWD{~{RESET}, CLK}"
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10)).label("SWD.~{RESET}", (10, 7.46)).door(text, (20, 20))
    above = Drawing().sheet("sub", "below.kicad_sch", {text: (50, 50)})
    above.bus((50, 50), (60, 50)).symbol("R", "R2", (80, 80)).label("SWD.~{RESET}", (80, 77.46))
    assert {"R1.1", "R2.1"} in nets(read(above, below=below)).values()


def test_an_entry_from_bus_to_bus_joins_them() -> None:
    drawing = Drawing().bus((10, 10), (10, 30)).label("D[0..1]", (10, 10)).bus((12.54, 22.54), (30, 22.54))
    drawing.entry((10, 20)).sheet("sub", "below.kicad_sch", {"E[0..1]": (30, 22.54)})
    drawing.symbol("R", "R1", (80, 80)).label("D1", (80, 77.46))
    below = Drawing(uuid="below").symbol("R", "R2", (10, 10)).label("E1", (10, 7.46)).door("E[0..1]", (20, 20))
    assert nets(read(drawing, below=below))["/D1"] == {"R1.1", "R2.1"}


def test_a_power_flag_names_no_net() -> None:
    drawing = Drawing().symbol("R", "R1", (10, 10)).symbol("PWR_FLAG", "#FLG1", (10, 7.46), value="PWR_FLAG")
    drawing.symbol("R", "R2", (20, 10)).symbol("PWR_FLAG", "#FLG2", (20, 7.46), value="PWR_FLAG")
    found = nets(read(drawing))
    assert {"R1.1"} in found.values()
    assert "PWR_FLAG" not in found


def test_a_symbol_edited_in_place_is_found_by_its_own_name() -> None:
    drawing = Drawing().symbol("R", "R1", (10, 10), more='(lib_name "R_1")')
    drawing.library["R_1"] = drawing.library["R"].replace('"R', '"R_1').replace("(at 0 2.54 270)", "(at 0 7.62 270)")
    drawing.label("TOP", (10, 2.38))
    assert nets(read(drawing))["/TOP"] == {"R1.1"}


def test_a_hierarchical_label_and_a_local_label_of_one_name_are_one_net() -> None:
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10)).label("IN", (10, 7.46)).door("IN", (40, 40))
    above = Drawing().sheet("sub", "below.kicad_sch", {"IN": (50, 50)}).label("SRC", (50, 50))
    above.symbol("R", "R2", (80, 80)).label("SRC", (80, 77.46))
    assert nets(read(above, below=below))["/SRC"] == {"R1.1", "R2.1"}


def test_a_hidden_power_pin_joins_everywhere_by_its_name() -> None:
    below = Drawing(uuid="below").symbol("H", "U1", (10, 10))
    above = Drawing().sheet("sub", "below.kicad_sch", {}).symbol("R", "R1", (10, 10)).power("VDD", (10, 7.46))
    assert nets(read(above, below=below))["VDD"] == {"U1.14", "R1.1"}


@pytest.mark.parametrize("kind", ["power", "global_label"])
def test_a_global_name_takes_in_the_local_label_of_the_same_sheet_alone(kind: str) -> None:
    def sheet(uuid: str) -> Drawing:
        return Drawing(uuid=uuid).symbol("R", f"R{uuid}", (10, 10)).label("3V3", (10, 7.46))

    above = sheet("top").sheet("sub", "below.kicad_sch", {}).symbol("R", "R9", (30, 10))
    above = above.power("3V3", (30, 7.46)) if kind == "power" else above.label("3V3", (30, 7.46), "global_label")
    found = nets(read(above, below=sheet("below")))
    assert found["3V3"] == {"Rtop.1", "R9.1"}
    assert found["/sub/3V3"] == {"Rbelow.1"}


def test_pins_that_must_not_be_connected_stay_apart() -> None:
    """Stacked on one point, or drawn on a wire."""
    drawing = Drawing().symbol("N", "U1", (10, 10)).wire((12.54, 10), (30, 10)).label("X", (30, 10))
    found = nets(read(drawing))
    assert found["unconnected-(U1-NC-Pad1)"] == {"U1.1"}
    assert found["unconnected-(U1-NC-Pad2)"] == {"U1.2"}


def test_parts_that_are_not_on_the_board_are_left_out() -> None:
    drawing = Drawing().symbol("R", "R1", (10, 10)).symbol("R", "R2", (10, 10), on_board=False)
    design = read(drawing)
    assert [part.ref for part in design.parts] == ["R1"]
    assert {"R1.1"} in nets(design).values()


@pytest.mark.parametrize(("version", "name"), [(20230220, "VCC"), (20230221, "+5V")])
def test_before_2023_a_power_symbols_pin_named_the_net_and_its_value_does_since(version: int, name: str) -> None:
    drawing = Drawing(version).symbol("R", "R1", (10, 10)).power("+5V", (10, 7.46))
    design = read(drawing)
    assert nets(design)[name] == {"R1.1"}
    assert [net.name for net in design.nets if net.supply] == [name]


def test_the_sheet_nearest_to_the_root_names_the_net() -> None:
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10)).label("INNER", (10, 7.46)).door("IN", (10, 7.46))
    above = Drawing().sheet("sub", "below.kicad_sch", {"IN": (50, 50)}).label("OUTER", (50, 50))
    assert set(nets(read(above, below=below))) >= {"/OUTER"}


def test_without_a_label_the_door_of_the_sheet_below_names_the_net() -> None:
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10)).door("IN", (10, 7.46))
    above = Drawing().sheet("sub", "below.kicad_sch", {"IN": (50, 50)}).symbol("R", "R2", (50, 52.54))
    assert nets(read(above, below=below))["/sub/IN"] == {"R1.1", "R2.1"}


def test_unnamed_nets_are_called_after_a_pin() -> None:
    drawing = Drawing().symbol("Q", "Q1", (10, 10)).symbol("R", "R1", (7.46, 12.54)).symbol("G", "U1", (40, 40), unit=2)
    found = nets(read(drawing))
    assert found["Net-(Q1-B)"] == {"Q1.1", "R1.1"}
    assert "unconnected-(Q1-C-Pad2)" in found
    assert "unconnected-(R1-Pad2)" in found
    assert "unconnected-(U1B-A-Pad2)" in found


def test_a_slash_in_a_name_is_no_path() -> None:
    drawing = Drawing().symbol("R", "R1", (10, 10)).label("A/B", (10, 7.46))
    drawing.symbol("R", "R2", (20, 10)).label("A{slash}B", (20, 7.46))
    assert nets(read(drawing))["/A{slash}B"] == {"R1.1", "R2.1"}


def test_a_pin_in_another_function_has_its_name() -> None:
    drawing = Drawing().symbol("Q", "Q1", (10, 10), more='(pin "1" (alternate "GATE"))')
    drawing.symbol("R", "R1", (7.46, 12.54))
    assert "Net-(Q1-GATE)" in nets(read(drawing))


def test_a_stack_of_pins_is_all_its_pins() -> None:
    drawing = Drawing(20260306).symbol("R", "R1", (10, 10)).label("GND", (10, 7.46))
    drawing.library["R"] = drawing.library["R"].replace('(number "1")', '(number "[1,A3-A5]")')
    assert nets(read(drawing))["/GND"] == {"R1.1", "R1.A3", "R1.A4", "R1.A5"}


def test_a_bus_ends_at_a_sheet_that_has_no_door_for_it() -> None:
    below = Drawing(uuid="below").symbol("R", "R1", (10, 10)).label("D1", (10, 7.46))
    above = Drawing().sheet("sub", "below.kicad_sch", {"D[0..1]": (50, 50)}).bus((50, 50), (60, 50))
    above.label("D[0..1]", (60, 50)).symbol("R", "R2", (80, 80)).label("D1", (80, 77.46))
    assert {"R1.1", "R2.1"} not in nets(read(above, below=below)).values()


def test_tokens_of_a_newer_kicad_are_passed_over() -> None:
    drawing = Drawing(20990101).symbol("R", "R1", (10, 10), more='(in_future (deep "x")) (novelty yes)')
    drawing.items.append('(hologram (at 1 2) "text")')
    assert [part.ref for part in read(drawing).parts] == ["R1"]
