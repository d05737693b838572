"""A design as compact JSON and back: what is stored of an analysed project. The same design gives the same bytes.

Rows are arrays in the order of the model's fields, and a design has its fields by name, so that one more is no break.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from connectors.errors import Permanent
from processors.schematics.model import (
    Design,
    Difference,
    Disagreement,
    Net,
    Part,
    Pin,
    Place,
    Probe,
    Reading,
    Remark,
    Sheet,
    TextPlace,
)

VERSION = 1


class UnknownIndex(Permanent):
    """Stored bytes that this version cannot read; the files are analysed anew."""


def to_bytes(design: Design) -> bytes:
    """Return a design as JSON."""
    return orjson.dumps(
        {
            "version": VERSION,
            "source": design.source,
            "format": design.format,
            "sources": design.sources,
            "parts": [_part_row(one) for one in design.parts],
            "nets": [
                [one.name, [text for pin in one.pins for text in pin], one.named, one.supply] for one in design.nets
            ],
            "sheets": [[one.path, one.file, one.title] for one in design.sheets],
            "probes": [[one.name, one.net, _place_row(one.place)] for one in design.probes],
            "readings": [[one.net, one.quantity, one.value, one.condition, one.comment] for one in design.readings],
            "notes": design.notes,
            "outline": design.outline,
            "remarks": [[one.matter, one.what] for one in design.remarks],
            "texts": [
                [one.text, one.kind, one.page, one.x_mm, one.y_mm, one.width_mm, one.height_mm, one.ref, one.net]
                for one in design.texts
            ],
            "disagreements": [[one.matter, one.what, one.refs, one.nets] for one in design.disagreements],
        }
    )


def from_bytes(content: bytes) -> Design:
    """Return the design in JSON that :func:`to_bytes` wrote.

    Raises:
        UnknownIndex: it is of another version, or none.
    """
    try:
        data: Mapping[str, Any] = orjson.loads(content)
        if data["version"] != VERSION:
            raise UnknownIndex(
                f"the stored design is of version {data['version']}, not {VERSION}; analyse its files anew"
            )
        return Design(
            data["source"], data["format"],
            tuple(_part(row) for row in data["parts"]),
            tuple(_net(*row) for row in data["nets"]),
            tuple(Sheet(*row) for row in data["sheets"]),
            tuple(Probe(name, net, Place(*place)) for name, net, place in data["probes"]),
            tuple(Reading(*row) for row in data["readings"]),
            data["notes"],
            tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in data["outline"]),
            tuple(Remark(*row) for row in data["remarks"]),
            tuple(TextPlace(*row) for row in data["texts"]),
            tuple(data["sources"]),
            tuple(_disagreement(*row) for row in data["disagreements"]),
        )  # fmt: skip
    except (KeyError, TypeError, orjson.JSONDecodeError) as error:
        raise UnknownIndex(f"the stored design cannot be read ({error}); analyse its files anew") from error


def _place_row(place: Place | None) -> list[Any] | None:
    return None if place is None else [place.x_mm, place.y_mm, place.side, place.rotation_deg]


def _part_row(part: Part) -> list[Any]:
    return [
        part.ref, part.value, part.footprint, part.library, part.description, part.datasheet,
        dict(sorted(part.fields.items())), part.sheet, _place_row(part.place), part.fitted,
        [[pin.number, pin.name, pin.kind, _place_row(pin.place)] for pin in part.pins],
    ]  # fmt: skip


def _part(row: list[Any]) -> Part:
    ref, value, footprint, library, description, datasheet, fields, sheet, place, fitted, pins = row
    return Part(
        ref, value, footprint, library, description, datasheet, fields, sheet, None if place is None else Place(*place),
        fitted, tuple(Pin(number, name, kind, None if at is None else Place(*at)) for number, name, kind, at in pins),
    )  # fmt: skip


def _disagreement(matter: Difference, what: str, refs: list[str], nets: list[str]) -> Disagreement:
    return Disagreement(matter, what, tuple(refs), tuple(nets))


def _net(name: str, pins: list[str], named: bool, supply: bool) -> Net:
    return Net(name, tuple(zip(pins[::2], pins[1::2], strict=True)), named, supply)
