"""Questions about a design, answered in the words of ``schemas.design_answers``. Pure.

What is not there raises :class:`LookupError`, whose words name what is written much alike.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from processors.schematics.buses import serial_buses
from processors.schematics.index import Index, Step
from processors.schematics.model import Part, Place, TextPlace
from processors.schematics.places import points_to_touch
from processors.schematics.power import power_tree
from processors.schematics.rails import Rail, rails
from processors.schematics.regulators import Regulator, regulators
from schemas.design_answers import (
    BoardPlace,
    BusesAnswer,
    BusFound,
    KnownReading,
    NetAnswer,
    NetPin,
    PaperPlace,
    PartAnswer,
    PartPin,
    PathAnswer,
    PullUpFound,
    RailFound,
    RailLink,
    RailsAnswer,
    RegulatorFound,
    SeriesStep,
    Touch,
)

PINS_MOST = 2_000
"""Ground of a large board has thousands of pins; who needs them all reads the overlay."""
_LISTED_MOST = 500
_PAPERS_MOST = 50
_ALIKE = 5


def no_part(index: Index, ref: str) -> NoReturn:
    """Say that there is no such part.

    Raises:
        LookupError: always.
    """
    raise LookupError(f"{index.design.source} has no part {ref!r}{_alike(ref, index.parts)}")


def no_net(index: Index, name: str) -> NoReturn:
    """Say that there is no such net, or more than one whose name ends so.

    Raises:
        LookupError: always.
    """
    ending = [full for full in index.nets if full.rpartition("/")[2] == name]
    if len(ending) > 1:
        some = ", ".join(ending[:_ALIKE])
        raise LookupError(
            f"{len(ending)} nets of {index.design.source} are called {name!r} on their sheets: {some}; say which"
        )
    raise LookupError(f"{index.design.source} has no net {name!r}{_alike(name, index.nets)}")


def _alike(word: str, known: Iterable[str]) -> str:
    capitals = {one.upper(): one for one in known}
    near = [capitals[one] for one in get_close_matches(word.upper(), list(capitals), _ALIKE)]
    return f"; alike are {', '.join(near)}" if near else ""


def part_answer(index: Index, ref: str) -> PartAnswer:
    """Return what is known of a part.

    Raises:
        LookupError: there is no such part.
    """
    part = index.part(ref) or no_part(index, ref)
    return PartAnswer(
        ref=part.ref, kind=index.kinds[part.ref], value=part.value, footprint=part.footprint, library=part.library,
        description=part.description, datasheet=part.datasheet, fields=dict(part.fields), sheet=part.sheet,
        fitted=part.fitted, place=placed(part.place), pins=_pins(index, part),
        papers=_papers(one for one in index.design.texts if one.ref == part.ref),
    )  # fmt: skip


def _pins(index: Index, part: Part) -> tuple[PartPin, ...]:
    return tuple(
        PartPin(
            number=pin.number, name=pin.name, kind=pin.kind, net=index.net_of.get((part.ref, pin.number)),
            place=placed(pin.place),
        )
        for pin in part.pins[:PINS_MOST]
    )  # fmt: skip


def net_answer(index: Index, name: str, hops: int = 2) -> NetAnswer:
    """Return a net, and the nets behind up to ``hops`` series parts.

    Raises:
        LookupError: there is no such net, or several whose name ends so.
    """
    net = index.net(name) or no_net(index, name)
    trace = index.trace(net.name, hops)
    on_net = net.pins[:PINS_MOST]
    return NetAnswer(
        name=net.name,
        ground=net.name in index.grounds,
        pins=tuple(NetPin(ref=ref, number=number, name=_pin_name(index, ref, number)) for ref, number in on_net),
        pins_left_out=len(net.pins) - len(on_net),
        steps=steps_of(trace.steps[:_LISTED_MOST]),
        touch=tuple(
            Touch(name=one.name, place=placed(one.place)) for one in points_to_touch(index, net.name)[:_LISTED_MOST]
        ),
        readings=tuple(
            KnownReading(quantity=one.quantity, value=one.value, condition=one.condition, comment=one.comment)
            for one in index.design.readings if one.net == net.name
        )[:_LISTED_MOST],
        papers=_papers(one for one in index.design.texts if one.net == net.name),
    )  # fmt: skip


def _pin_name(index: Index, ref: str, number: str) -> str:
    pin = index.pins.get((ref, number))
    return pin.name if pin is not None else ""


def path_answer(index: Index, start: str, end: str) -> PathAnswer:
    """Return the way between two parts.

    Raises:
        LookupError: there is no such part.
    """
    one, other = (index.part(ref) or no_part(index, ref) for ref in (start, end))
    path = index.path(one.ref, other.ref)
    return PathAnswer(start=one.ref, end=other.ref, joined=path is not None, steps=steps_of(path or ()))


def rails_answer(index: Index) -> RailsAnswer:
    """Return rails, links and regulators, at most 500 of each."""
    found = rails(index)
    links = power_tree(index, [rail.net for rail in found])
    return RailsAnswer(
        rails=tuple(map(rail_found, found[:_LISTED_MOST])),
        links=tuple(
            RailLink(ref=one.ref, kind=one.kind, from_net=one.from_net, to_net=one.to_net, one_way=one.one_way)
            for one in links[:_LISTED_MOST]
        ),
        regulators=tuple(map(regulator_found, regulators(index)[:_LISTED_MOST])),
    )


def rail_found(rail: Rail) -> RailFound:
    """Return a rail as it is told."""
    return RailFound.model_validate({"net": rail.net, "by": rail.by, "chance": round(rail.chance, 3)})


def regulator_found(one: Regulator) -> RegulatorFound:
    """Return a regulator as it is told."""
    return RegulatorFound(
        ref=one.ref, inputs=one.inputs, outputs=one.outputs, enable=one.enable, feedback=one.feedback
    )  # fmt: skip


def buses_answer(index: Index) -> BusesAnswer:
    """Return the serial buses, at most 500."""
    return BusesAnswer(
        buses=tuple(
            BusFound(
                kind=bus.kind, lines=bus.lines, refs=bus.refs,
                pull_ups=tuple(
                    PullUpFound(line=role, ref=one.ref, to_net=one.to_net, value=one.value)
                    for role, some in bus.pull_ups.items() for one in some
                ),
            )
            for bus in serial_buses(index)[:_LISTED_MOST]
        )
    )  # fmt: skip


def steps_of(steps: Iterable[Step]) -> tuple[SeriesStep, ...]:
    """Return steps as they are told."""
    return tuple(SeriesStep(ref=one.ref, from_net=one.from_net, to_net=one.to_net) for one in steps)


def placed(place: Place | None) -> BoardPlace | None:
    """Return a place as it is told."""
    if place is None:
        return None
    return BoardPlace(x_mm=place.x_mm, y_mm=place.y_mm, side=place.side, rotation_deg=place.rotation_deg)


def _papers(texts: Iterable[TextPlace]) -> tuple[PaperPlace, ...]:
    return tuple(
        PaperPlace(page=one.page, x_mm=one.x_mm, y_mm=one.y_mm, width_mm=one.width_mm, height_mm=one.height_mm)
        for one in list(texts)[:_PAPERS_MOST]
    )
