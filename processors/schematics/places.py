"""Where things are on a board: test points of a net, and what stands next to a part."""

from dataclasses import dataclass
from math import hypot

from processors.schematics.index import Index
from processors.schematics.model import Place


@dataclass(frozen=True, slots=True)
class TouchPoint:
    """A place to touch a net: a test point of the board, or a nail of the maker's test bed."""

    name: str
    net: str
    place: Place | None


def points_to_touch(index: Index, net: str | None = None) -> tuple[TouchPoint, ...]:
    """Return the test points of a net, or of all."""
    found = [
        TouchPoint(ref, name, index.parts[ref].place)
        for ref, kind in index.kinds.items() if kind == "test_point" for name in index.nets_of(ref).values()
    ]  # fmt: skip
    found += [TouchPoint(probe.name, probe.net, probe.place) for probe in index.design.probes]
    return tuple(one for one in found if net is None or one.net == net)


def neighbours(index: Index, ref: str, within_mm: float = 5.0) -> tuple[tuple[str, float], ...]:
    """Return the parts on the same side whose middle lies within some millimetres, with the distance, nearest first.

    Raises:
        KeyError: there is no such part.
        ValueError: the file says not where parts are; a board or a boardview does.
    """
    here = index.parts[ref].place
    if here is None:
        raise ValueError(f"{index.design.source} does not say where {ref} is; give a board or a boardview")
    found: list[tuple[str, float]] = []
    for other, part in index.parts.items():
        if other != ref and part.place is not None and part.place.side == here.side:
            away = hypot(part.place.x_mm - here.x_mm, part.place.y_mm - here.y_mm)
            found += [(other, round(away, 3))] if away <= within_mm else []
    return tuple(sorted(found, key=lambda one: one[1]))
