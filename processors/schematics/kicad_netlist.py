"""A netlist as KiCad exports it (``.net``, versions D and E)."""

from processors.schematics.errors import DesignError
from processors.schematics.model import Design, Part, Pin, Sheet
from processors.schematics.nets import NetTable
from processors.schematics.sexpr import Node, child, children, head, parse, value, word
from processors.schematics.text import decode


def read_kicad_netlist(name: str, content: bytes) -> Design:
    """Return the parts and nets of a ``.net`` file.

    Raises:
        DesignError: it is no such file or is cut off.
    """
    text, remark = decode(content, name)
    root = parse(text, name)
    if head(root) != "export":
        raise DesignError(name, 1, f"this is {head(root)!r}, no netlist of KiCad; export one as KiCad S-expressions")
    nets = NetTable()
    pins: dict[str, dict[str, Pin]] = {}
    for net in children(child(root, "nets") or [], "net"):
        for node in children(net, "node"):
            ref, number = value(node, "ref"), value(node, "pin")
            nets.add(value(net, "name"), ref, number)
            kind = value(node, "pintype").removesuffix("+no_connect")
            pins.setdefault(ref, {})[number] = Pin(number, value(node, "pinfunction"), kind)
    parts = [
        _part(one, tuple(pins.get(value(one, "ref"), {}).values()))
        for one in children(child(root, "components") or [], "comp")
    ]
    design = nets.design(name, "kicad_net", parts, remarks=[remark] if remark is not None else [])
    sheets = tuple(_sheet(one) for one in children(child(root, "design") or [], "sheet"))
    return Design(name, design.format, design.parts, design.nets, sheets, remarks=design.remarks)


def _sheet(one: Node) -> Sheet:
    block = child(one, "title_block") or []
    return Sheet(value(one, "name"), value(block, "source"), value(block, "title"))


def _part(one: Node, pins: tuple[Pin, ...]) -> Part:
    source = child(one, "libsource") or []
    fields = {
        value(field, "name"): word(field, len(field) - 1) for field in children(child(one, "fields") or [], "field")
    }
    datasheet = value(one, "datasheet")
    return Part(
        value(one, "ref"), value(one, "value"), value(one, "footprint"),
        f"{value(source, 'lib')}:{value(source, 'part')}",
        value(source, "description") or value(one, "description"), "" if datasheet == "~" else datasheet, fields,
        value(child(one, "sheetpath") or [], "names"),
        fitted=all(value(prop, "name") != "dnp" for prop in children(one, "property")), pins=pins,
    )  # fmt: skip
