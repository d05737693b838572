"""What kind of part a part is, from its reference, its library and its pins; and the value that its text says."""

import re
from typing import Literal

from processors.schematics.model import Part

Kind = Literal[
    "resistor", "capacitor", "inductor", "bead", "fuse", "diode", "transistor", "crystal", "connector", "test_point",
    "switch", "jumper", "chip", "other",
]  # fmt: skip
SERIES: frozenset[Kind] = frozenset({"resistor", "inductor", "bead", "fuse", "jumper"})
"""Two-pin parts that direct current goes through."""

_PREFIX: dict[str, Kind] = {
    "R": "resistor", "RN": "resistor", "RP": "resistor", "RA": "resistor", "C": "capacitor", "CP": "capacitor",
    "CE": "capacitor", "EC": "capacitor", "L": "inductor", "FB": "bead", "FL": "bead", "EM": "bead", "F": "fuse",
    "PTC": "fuse", "D": "diode", "CR": "diode", "LED": "diode", "ZD": "diode", "TVS": "diode", "Q": "transistor",
    "T": "transistor", "TR": "transistor", "Y": "crystal", "X": "crystal", "XTAL": "crystal", "J": "connector",
    "P": "connector", "CN": "connector", "CON": "connector", "K": "connector", "JST": "connector", "USB": "connector",
    "TP": "test_point", "PT": "test_point", "SW": "switch", "S": "switch", "JP": "jumper", "SJ": "jumper",
    "U": "chip", "IC": "chip", "VR": "chip", "REG": "chip", "PS": "chip",
}  # fmt: skip
_OTHER_PREFIXES = {
    "AE", "ANT", "B", "BT", "BAT", "BZ", "CPU", "DS", "DZ", "FD", "FID", "FT", "G", "H", "HS", "IR", "JA", "JC", "JD",
    "JPA", "KEY", "LCD", "LD", "LS", "M", "MD", "MH", "MIC", "MK", "MOD", "MP", "N", "NT", "OK", "PC", "PL", "POT",
    "PU", "RL", "RLY", "RT", "RV", "SB", "SH", "SK", "SP", "SPK", "ST", "TB", "TH", "TM", "V", "W", "XT", "Z",
}  # fmt: skip
"""Further letters that parts are called by (IEEE 315 and what makers use), whose kind is of no matter here."""
_LIBRARY: tuple[tuple[str, Kind], ...] = (
    ("ferrite", "bead"), ("polyfuse", "fuse"), ("fuse", "fuse"), ("testpoint", "test_point"),
    ("connector", "connector"), ("conn_", "connector"), ("jumper", "jumper"), ("crystal", "crystal"), ("led", "diode"),
)  # fmt: skip
_LETTERS = re.compile(r"^[A-Za-z]+")
_VALUE = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*([pnuµmkKMGR]?)(\d*)")
_SCALES = {
    "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "": 1.0, "R": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9,
}  # fmt: skip


def kind_of(part: Part) -> Kind:
    """Return the kind of a part. A library that says more than the reference wins."""
    library = part.library.rpartition(":")[2].lower()
    for word, kind in _LIBRARY:
        if library.startswith(word):
            return kind
    letters = _LETTERS.match(part.ref)
    known = _PREFIX.get(letters.group().upper()) if letters else None
    # U1 with two pins may be anything; a transistor array of eight pins is still no chip.
    return known or ("chip" if len({pin.number for pin in part.pins}) > 4 else "other")


def is_prefix(letters: str) -> bool:
    """Say whether parts are called by these letters, ``R`` or ``BT``; of some the kind is not told by that."""
    return letters in _PREFIX or letters in _OTHER_PREFIXES


def value_of(text: str) -> float | None:
    """Return the value of 4.7k, 4k7, 100n, 0R, 10uF/16V in ohm, farad or henry; None when the text says none."""
    found = _VALUE.match(text)
    if found is None:
        return None
    number = found[1].replace(",", ".")
    digits = f"{number}.{found[3]}" if found[3] and "." not in number else number
    return float(digits) * _SCALES[found[2]]
