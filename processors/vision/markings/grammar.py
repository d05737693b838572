"""What a marking on a small part means, and whether that is the value that belongs there.

IEC 60062:2016: three and four digits (the last one counts zeros), R, N and M as decimal points; EIA-96: two digits
stand for one of the 96 values of a decade (E96, IEC 60063), a letter for the power of ten. Tantalum capacitors add a
letter for the voltage (EIA-535).
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["resistor", "inductor", "capacitor"]

E96 = tuple(round(100 * 10 ** (step / 96)) for step in range(96))
"""The 96 values of a decade times 100; for E96 the formula gives the standard's table without exception."""
E24 = frozenset(
    (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91)
)  # fmt: skip
_EIA96_POWERS = {"Z": -3, "Y": -2, "R": -2, "X": -1, "S": -1, "A": 0, "B": 1, "H": 1, "C": 2, "D": 3, "E": 4, "F": 5}
_VOLTAGES = {"G": 4.0, "J": 6.3, "A": 10.0, "C": 16.0, "D": 20.0, "E": 25.0, "V": 35.0, "H": 50.0}
_POINTS: dict[Kind, dict[str, float]] = {
    "resistor": {"R": 1.0, "M": 1e-3},
    "inductor": {"R": 1e-6, "N": 1e-9},
    "capacitor": {},
}
_UNITS: dict[Kind, float] = {"resistor": 1.0, "inductor": 1e-6, "capacitor": 1e-12}
"""What the digits count: ohms, microhenries, picofarads."""
_SMALLEST: dict[Kind, tuple[float, float]] = {
    # Values outside are not made for the surface; they make a reading implausible, not impossible.
    "resistor": (1e-3, 22e6),
    "inductor": (1e-9, 10e-3),
    "capacitor": (1e-12, 3e-3),
}
_PREFIXES = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_VALUE = re.compile(r"(\d+(?:[.,]\d+)?)\s*([pnuµμmkKMRr]?)(\d*)\s*(?:ohms?|Ω|R|H|F)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Meaning:
    """One way to understand a marking.

    Attributes:
        value: in ohms, henries or farads.
        code: ``digits_3``, ``digits_4``, ``point``, ``eia_96`` or ``jumper``.
        volts: rated voltage, where a letter gives it.
        usual: whether the value belongs to the series that the code is used for, and parts of it are made.
    """

    value: float
    code: Literal["digits_3", "digits_4", "point", "eia_96", "jumper"]
    volts: float | None = None
    usual: bool = True


def meanings(text: str, kind: Kind) -> tuple[Meaning, ...]:
    """Return what a marking may mean, the likeliest first; nothing when it is no code of that kind of part."""
    found = [*_digits(text, kind), *_point(text, kind), *(_eia_96(text) if kind == "resistor" else ())]
    return tuple(sorted(found, key=lambda one: not one.usual))


def _digits(text: str, kind: Kind) -> list[Meaning]:
    volts = None
    if kind == "capacitor" and len(text) == 4 and text[-1] in _VOLTAGES:
        text, volts = text[:-1], _VOLTAGES[text[-1]]
    if not re.fullmatch(r"\d{1,4}", text):
        return []
    if set(text) == {"0"}:
        return [Meaning(0.0, "jumper", usual=len(text) != 2)] if kind == "resistor" else []
    if len(text) < 3 or (len(text) == 4 and kind != "resistor"):
        return []
    significant, power = int(text[:-1]), int(text[-1])
    if text[0] == "0":
        return []
    value = significant * 10.0**power * _UNITS[kind]
    series = (
        significant in E24
        if len(text) == 3
        else significant in E96 or (significant % 10 == 0 and significant // 10 in E24)
    )
    code: Literal["digits_3", "digits_4"] = "digits_3" if len(text) == 3 else "digits_4"
    return [Meaning(value, code, volts, series and _made(value, kind))]


def _point(text: str, kind: Kind) -> list[Meaning]:
    for letter, unit in _POINTS[kind].items():
        if text.count(letter) == 1 and 3 <= len(text) <= 4 and (text[0] != "0" or text[1:2] == letter):
            digits = text.replace(letter, ".")
            if re.fullmatch(r"\d*\.\d*", digits):
                value = float(digits) * unit
                significant = digits.replace(".", "").lstrip("0")
                if not significant:
                    return []
                return [Meaning(value, "point", usual=_in_series(significant) and _made(value, kind))]
    return []


def _in_series(significant: str) -> bool:
    short = significant.rstrip("0").ljust(2, "0")
    return (
        (len(short) == 2 and int(short) in E24) or int(short.ljust(3, "0")) in E96 or len(significant.rstrip("0")) == 1
    )


def _eia_96(text: str) -> list[Meaning]:
    if not re.fullmatch(r"\d\d[A-Z]", text) or text[2] not in _EIA96_POWERS or not 1 <= int(text[:2]) <= 96:
        return []
    value = E96[int(text[:2]) - 1] * 10.0 ** _EIA96_POWERS[text[2]]
    return [Meaning(value, "eia_96", usual=_made(value, "resistor"))]


def _made(value: float, kind: Kind) -> bool:
    low, high = _SMALLEST[kind]
    return low <= value <= high


def value_of(text: str, kind: Kind) -> float | None:
    """Return a value as people write it in a parts list ("4k7", "10 kΩ", "22uF 16V", "R47") in base units, or None.

    A capacitor without unit ("100n") and an inductor likewise are read with their prefix; a bare number is ohms of a
    resistor and nothing of the others.
    """
    text = text.strip().replace("Ω", "").replace("Ω", "")
    lead = re.fullmatch(r"[Rr](\d+)\b.*", text)
    if lead and kind == "resistor":
        return float(f"0.{lead[1]}")
    found = _VALUE.match(text)
    if found is None:
        return None
    whole, prefix, rest = found[1].replace(",", "."), found[2], found[3]
    if kind != "resistor" and not prefix:
        return None
    scale = 1.0 if prefix in {"R", "r"} else _PREFIXES.get(prefix if prefix in "mM" else prefix.lower(), 1.0)
    if rest and "." in whole:
        return None
    return float(f"{whole}.{rest}" if rest else whole) * scale


def agrees(meaning: Meaning, expected: float) -> bool:
    """Whether a marking means this value; three digits cannot say the third digit of a 1 % value, so 2 % is near."""
    if expected == 0 or meaning.value == 0:
        return expected == meaning.value
    return abs(meaning.value / expected - 1) < (0.025 if meaning.code == "digits_3" else 0.006)
