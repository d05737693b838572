"""A small board with everything that a drawing or a place is asked about, as a design and as a KiCad file."""

from dataclasses import replace

from processors.schematics.index import Index
from processors.schematics.model import Design, Pin, Place, Probe, Reading, TextPlace
from tests.processors.schematics.circuit import circuit, part, two

KICAD = """(kicad_pcb (version 20241229) (generator "pcbnew")
  (gr_rect (start 0 0) (end 50 30) (layer "Edge.Cuts"))
  (footprint "lib:SO4" (layer "F.Cu") (at 10 10)
    (property "Reference" "U1") (property "Value" "NZ<1>") (property "Datasheet" "nz1.pdf")
    (pad "1" smd rect (at -2 0) (size 1 1) (layers "F.Cu") (net 1 "+5V") (pinfunction "VIN") (pintype "power_in"))
    (pad "2" smd rect (at 2 0) (size 1 1) (layers "F.Cu") (net 2 "GND") (pinfunction "GND") (pintype "power_in"))
    (pad "3" smd rect (at 2 2) (size 1 1) (layers "F.Cu") (net 3 "+3V3") (pinfunction "VOUT") (pintype "power_out")))
  (footprint "lib:C" (layer "B.Cu") (at 40 20)
    (property "Reference" "C1") (property "Value" "10u")
    (pad "1" smd rect (at -1 0) (size 1 1) (layers "B.Cu") (net 3 "+3V3"))
    (pad "2" smd rect (at 1 0) (size 1 1) (layers "B.Cu") (net 2 "GND")))
  (footprint "lib:C" (layer "F.Cu") (at 20 10)
    (property "Reference" "C2") (property "Value" "1u")
    (pad "1" smd rect (at -1 0) (size 1 1) (layers "F.Cu") (net 1 "+5V"))
    (pad "2" smd rect (at 1 0) (size 1 1) (layers "F.Cu") (net 2 "GND")))
)
"""


def bench_board() -> Index:
    """Return the index of a board 50 mm wide: U1 and R1 on top, C1 below, a test point, a nail, a part of no place."""
    design = circuit(
        part(
            "U1",
            {"1": ("+3V3", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("/a/SDA", "SDA", "")},
            "LM<75>",
        ),
        two("R1", "+3V3", "/a/SDA", "4k7"),
        two("C1", "+3V3", "GND", "100n"),
        part("TP1", {"1": "/a/SDA"}),
        two("J9", "/b/SDA", "GND"),
        supplies=("+3V3",),
        probes=(Probe("n12", "+3V3", Place(45, 25, "bottom")),),
    ).design
    at = {"U1": Place(10, 10), "R1": Place(25, 10, "top", 90), "C1": Place(40, 20, "bottom"), "TP1": Place(30, 5)}
    parts = tuple(
        replace(one, place=at[one.ref], pins=tuple(map(_pin, one.pins, _around(at[one.ref], len(one.pins)))))
        if one.ref in at else one
        for one in design.parts
    )  # fmt: skip
    edge = ((0.0, 0.0, 50.0, 0.0), (50.0, 0.0, 50.0, 30.0), (50.0, 30.0, 0.0, 30.0), (0.0, 30.0, 0.0, 0.0))
    texts = (
        TextPlace("U1", "reference", 2, 10.0, 20.0, 3.0, 1.5, ref="U1"),
        TextPlace("SDA", "label", 2, 30.0, 20.0, 3.0, 1.5, net="/a/SDA"),
    )
    readings = (Reading("+3V3", "ohm", "450", "cold", "good board"),)
    return Index(replace(design, parts=parts, outline=edge, texts=texts, readings=readings))


def _around(place: Place, count: int) -> list[Place]:
    return [Place(place.x_mm - 1 + 2 * number, place.y_mm, place.side) for number in range(count)]


def _pin(pin: Pin, place: Place) -> Pin:
    return replace(pin, place=place)


def without_places() -> Design:
    """Return a design that says not where anything is."""
    return circuit(two("R1", "A", "B")).design
