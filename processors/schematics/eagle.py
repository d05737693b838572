"""Eagle's XML (version 6 on): schematics and boards.

Binary files of Eagle 4 and 5 are recognised elsewhere and refused. A schematic joins by name alone: segments of one
name are one net on all sheets.
"""

from collections.abc import Iterator
from math import cos, radians, sin
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from processors.schematics.errors import DesignError
from processors.schematics.model import Design, Line, Part, Pin, Place, Sheet, Side
from processors.schematics.nets import NetTable
from processors.schematics.numbers import finite
from processors.schematics.text import check_size

_KINDS = {
    "pwr": "power_in", "sup": "power_out", "in": "input", "out": "output", "io": "bidirectional", "pas": "passive",
    "oc": "open_collector", "hiz": "tri_state", "nc": "no_connect",
}  # fmt: skip
_EDGE_LAYERS = {"20"}
Connects = dict[tuple[str, str], tuple[str, ...]]


def read_eagle(name: str, content: bytes) -> Design:
    """Return the design of an Eagle schematic or board.

    Raises:
        DesignError: it is no Eagle file, is cut off, or holds entities; names the line where XML has one.
    """
    check_size(content, name)
    try:
        root: Element = fromstring(content)
    except ParseError as error:
        raise DesignError(name, error.position[0], f"no XML any more ({error.msg}); fetch the file again") from error
    except (DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise DesignError(name, None, f"this XML is refused ({error}); save the file anew in Eagle") from error
    try:
        schematic, board = root.find("drawing/schematic"), root.find("drawing/board")
        if schematic is not None:
            return _schematic(name, schematic)
        if board is not None:
            return _board(name, board)
    except (ValueError, KeyError) as error:
        raise DesignError(
            name, None, f"an element lacks a name or a number ({error}); save it anew in Eagle"
        ) from error
    raise DesignError(name, 1, "neither a schematic nor a board of Eagle is in it; name the .sch or .brd file")


def _schematic(name: str, root: Element) -> Design:
    nets, connects = NetTable(), _all_connects(root)
    pads: dict[str, Connects] = {}
    parts: list[Part] = []
    kinds = _pin_kinds(root)
    for one in root.iterfind("parts/part"):
        key = (one.get("library", ""), one.get("deviceset", ""), one.get("device", ""))
        # A part without a package is a drawing: a frame, a supply symbol.
        if key not in connects:
            continue
        package, table = connects[key]
        ref = one.attrib["name"]
        pads[ref] = table
        pins = tuple(
            Pin(pad, pin.partition("@")[0], kinds.get((key[0], key[1], gate, pin), ""))
            for (gate, pin), numbers in table.items() for pad in numbers
        )  # fmt: skip
        fields = {field.get("name", ""): field.get("value", "") for field in one.iterfind("attribute")}
        value = one.get("value") or f"{key[1]}{key[2]}"
        parts.append(Part(ref, value, package, ":".join(key[:2]), fields=fields, pins=pins))
    for net in root.iter("net"):
        for at in net.iter("pinref"):
            ref = at.attrib["part"]
            for pad in pads.get(ref, {}).get((at.attrib["gate"], at.attrib["pin"]), ()):
                nets.add(net.attrib["name"], ref, pad)
    design = nets.design(name, "eagle_sch", parts)
    sheets = tuple(Sheet(f"/{number}", name) for number, _ in enumerate(root.iterfind("sheets/sheet"), 1))
    return Design(name, design.format, design.parts, design.nets, sheets, remarks=design.remarks)


def _all_connects(root: Element) -> dict[tuple[str, str, str], tuple[str, Connects]]:
    """Return package, and pads by (gate, pin), of every device that has a package."""
    out: dict[tuple[str, str, str], tuple[str, Connects]] = {}
    for library in root.iterfind("libraries/library"):
        for group in library.iterfind("devicesets/deviceset"):
            for device in group.iterfind("devices/device"):
                package = device.get("package")
                if package:
                    key = (library.get("name", ""), group.get("name", ""), device.get("name", ""))
                    out[key] = (
                        package,
                        {
                            (one.attrib["gate"], one.attrib["pin"]): tuple(one.attrib["pad"].split())
                            for one in device.iterfind("connects/connect")
                        },
                    )
    return out


def _pin_kinds(root: Element) -> dict[tuple[str, str, str, str], str]:
    """Return the electrical type by (library, device set, gate, pin)."""
    out: dict[tuple[str, str, str, str], str] = {}
    for library in root.iterfind("libraries/library"):
        name = library.get("name", "")
        symbols = {one.get("name", ""): list(one.iterfind("pin")) for one in library.iterfind("symbols/symbol")}
        for group in library.iterfind("devicesets/deviceset"):
            for gate in group.iterfind("gates/gate"):
                for pin in symbols.get(gate.get("symbol", ""), ()):
                    kind = _KINDS.get(pin.get("direction", "io"), "")
                    out[name, group.get("name", ""), gate.get("name", ""), pin.get("name", "")] = kind
    return out


def _board(name: str, root: Element) -> Design:
    nets = NetTable()
    packages = {
        (library.get("name", ""), package.get("name", "")): package
        for library in root.iterfind("libraries/library") for package in library.iterfind("packages/package")
    }  # fmt: skip
    parts = [
        _element(one, packages.get((one.get("library", ""), one.get("package", ""))))
        for one in root.iterfind("elements/element")
    ]
    for signal in root.iterfind("signals/signal"):
        for at in signal.iterfind("contactref"):
            nets.add(signal.attrib["name"], at.attrib["element"], at.attrib["pad"])
    return nets.design(name, "eagle_brd", parts, list(_edge(root)))


def _element(one: Element, package: Element | None) -> Part:
    rotation = one.get("rot", "R0")
    side: Side = "bottom" if "M" in rotation else "top"
    degrees = finite(rotation.lstrip("SMR") or "0")
    x, y = finite(one.attrib["x"]), finite(one.attrib["y"])
    turn = cos(radians(degrees)), sin(radians(degrees))
    pins: list[Pin] = []
    for pad in package if package is not None else ():
        if pad.tag in {"pad", "smd"}:
            dx, dy = finite(pad.attrib["x"]) * (-1 if side == "bottom" else 1), finite(pad.attrib["y"])
            where: Side = "both" if pad.tag == "pad" else side
            place = Place(
                round(x + dx * turn[0] - dy * turn[1], 6), round(-(y + dx * turn[1] + dy * turn[0]), 6), where
            )
            pins.append(Pin(pad.attrib["name"], place=place))
    fields = {field.get("name", ""): field.get("value", "") for field in one.iterfind("attribute")}
    return Part(
        one.attrib["name"], one.get("value", ""), one.get("package", ""), one.get("library", ""), fields=fields,
        place=Place(x, -y, side, degrees), pins=tuple(pins),
    )  # fmt: skip


def _edge(root: Element) -> Iterator[Line]:
    for wire in root.iterfind("plain/wire"):
        if wire.get("layer") in _EDGE_LAYERS:
            x1, y1, x2, y2 = (finite(wire.attrib[key]) for key in ("x1", "y1", "x2", "y2"))
            yield x1, -y1, x2, -y2
