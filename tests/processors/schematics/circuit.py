"""Small circuits as designs: nets given by name, parts by their pins."""

from collections.abc import Mapping, Sequence

from processors.schematics.index import Index
from processors.schematics.model import Design, Net, Part, Pin, Place, Probe

Pins = Mapping[str, str | tuple[str, str, str]]
"""Net by pin number, or (net, name, electrical type)."""


def part(ref: str, pins: Pins, value: str = "", library: str = "", place: Place | None = None) -> tuple[Part, Pins]:
    made = [
        Pin(number) if isinstance(at, str) else Pin(number, at[1], at[2]) for number, at in pins.items()
    ]  # fmt: skip
    return Part(ref, value, library=library, place=place, pins=tuple(made)), pins


def circuit(*parts: tuple[Part, Pins], supplies: Sequence[str] = (), probes: Sequence[Probe] = ()) -> Index:
    """Return the index of parts; nets are what their pins name."""
    nets: dict[str, list[tuple[str, str]]] = {}
    for one, pins in parts:
        for number, at in pins.items():
            nets.setdefault(at if isinstance(at, str) else at[0], []).append((one.ref, number))
    made = tuple(Net(name, tuple(sorted(some)), supply=name in supplies) for name, some in sorted(nets.items()))
    return Index(Design("drawn", "test", tuple(one for one, _ in parts), made, probes=tuple(probes)))


def two(ref: str, one: str, other: str, value: str = "", **more: Place) -> tuple[Part, Pins]:
    """Return a part of two pins."""
    return part(ref, {"1": one, "2": other}, value, **more)  # type: ignore[arg-type]  # passed on as given
