"""A board for the rules of the bench: socket, fuse, two regulators, a bead, a controller, a sensor on I2C."""

from functools import cache

from processors.schematics.faults.diagnose import Diagnoser
from processors.schematics.faults.hypotheses import Hypothesis
from processors.schematics.index import Index
from tests.processors.schematics.circuit import circuit, part, two


@cache
def board() -> Index:
    """Draw it: +5V through F1 to VIN; U1 makes +3V3 (enable tied), U2 makes +1V8 (enable driven by U3)."""
    return circuit(
        part("J1", {"1": "+5V", "2": "GND"}), two("F1", "+5V", "VIN", "1A"), two("C1", "VIN", "GND", "10u"),
        part("U1", {
            "1": ("VIN", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("VIN", "EN", "input"),
            "4": ("+3V3", "VOUT", "power_out"),
        }),
        two("C2", "+3V3", "GND", "10u"), two("C3", "+3V3", "GND", "100n"),
        part("U2", {
            "1": ("VIN", "VIN", "power_in"), "2": ("GND", "GND", "power_in"), "3": ("EN_1V8", "EN", "input"),
            "4": ("+1V8", "VOUT", "power_out"),
        }),
        two("C4", "+1V8", "GND", "10u"), two("C5", "+1V8", "GND", "100n"),
        two("FB1", "+1V8", "VDDA", "600R"), two("C6", "VDDA", "GND", "1u"),
        part("U3", {
            "1": ("+3V3", "VDD", "power_in"), "2": ("GND", "VSS", "power_in"), "3": ("EN_1V8", "PA0", "output"),
            "4": ("SDA", "SDA", "bidirectional"), "5": ("SCL", "SCL", "output"),
            **{str(n): (f"IO{n}", f"P{n}", "bidirectional") for n in range(6, 24)},
        }),
        part("U4", {
            "1": ("+1V8", "VDD", "power_in"), "2": ("GND", "VSS", "power_in"), "3": ("VDDA", "VDDA", "power_in"),
            "4": ("SDA", "SDA", "bidirectional"), "5": ("SCL", "SCL", "input"),
            **{str(n): (f"S{n}", f"S{n}", "bidirectional") for n in range(6, 16)},
        }),
        two("R1", "SDA", "+3V3", "4k7"), two("R2", "SCL", "+3V3", "4k7"), two("R3", "+3V3", "LED", "1k"),
        part("D1", {"1": ("GND", "K", "passive"), "2": ("LED", "A", "passive")}, library="Device:LED"),
        supplies=["+5V", "VIN", "+3V3", "+1V8"],
    )  # fmt: skip


@cache
def diagnoser() -> Diagnoser:
    """Return the diagnosis of the board, worked out once."""
    return Diagnoser(board())


def named(name: str) -> Hypothesis:
    """Return a hypothesis of the board by its name."""
    return next(one for one in diagnoser().hypotheses if one.name == name)


def place(name: str) -> int:
    """Return the row of a hypothesis."""
    return [one.name for one in diagnoser().hypotheses].index(name)
