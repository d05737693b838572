"""What a code on a label is: its kind by grammar and check digit, and the number in it. Pure."""

import re
from dataclasses import dataclass

from schemas.core.check_digits import gtin_check_digit, luhn_check_digit
from schemas.labels import CodeKind, Symbology

_LINK = re.compile(r"https?://\S+$", re.IGNORECASE)
_IMEI = re.compile(r"(?:IMEI ?[12]? ?[:#]? ?)?(\d[\d /-]{13,18}\d)$", re.IGNORECASE)
_SERIAL = re.compile(
    r"(?:S/?N|SERIAL(?: ?(?:NO|NUMBER))?)(?:\. ?|[:# ] ?)+([0-9A-Z][0-9A-Z/._-]{3,39})$", re.IGNORECASE
)
_PART = re.compile(
    r"(?:P/?N|MPN|PART(?: ?(?:NO|NUMBER))?)(?:\. ?|[:# ] ?)+([0-9A-Z][0-9A-Z/._+-]{2,39})$", re.IGNORECASE
)
_GS1 = re.compile(r"\(01\)(\d{14})")
_GS1_SERIAL = re.compile(r"\(21\)([^(]{1,20})")
"""GS1 application identifiers, as a reader writes them for people: 01 is the GTIN, 21 the piece's serial number."""
_DISTRIBUTOR = re.compile(r"\u241d1P([^\u241d\u241e]{2,40})")
"""ISO/IEC 15434 format 06, as parts are bagged: data identifier 1P (ANSI MH10.8.2) is the maker's part number. The
reader writes the group and record separators as their pictures, U+241D and U+241E."""
_GTIN_LENGTHS = (8, 12, 13, 14)


@dataclass(frozen=True, slots=True)
class Told:
    """What a code says: its kind, and the number in it without what announces it."""

    kind: CodeKind
    number: str


def kind_of(text: str, symbology: Symbology) -> Told:
    """Return the kind of a code. A bare serial number says nothing of itself, so it is ``other``."""
    text = " ".join(text.split())
    if _LINK.match(text):
        return Told("link", text)
    if (found := _GS1.match(text)) and _is_gtin(found[1]):
        serial = _GS1_SERIAL.search(text)
        return Told("serial", serial[1]) if serial else Told("gtin", found[1])
    if symbology in ("ean_13", "ean_8"):
        return Told("gtin" if _is_gtin(text) else "other", text)
    if found := _IMEI.match(text):
        digits = re.sub(r"\D", "", found[1])
        if _is_imei(digits):
            return Told("imei", digits)
    if found := _SERIAL.match(text):
        return Told("serial", found[1])
    if (found := _PART.match(text)) or (found := _DISTRIBUTOR.search(text)):
        return Told("part_number", found[1])
    return Told("other", text)


def _is_gtin(digits: str) -> bool:
    return (
        len(digits) in _GTIN_LENGTHS and digits.isascii() and digits.isdigit()
        and int(digits[-1]) == gtin_check_digit(digits[:-1])
    )  # fmt: skip


def _is_imei(digits: str) -> bool:
    """Whether 15 digits pass as an IMEI; one digit repeated is what blank phones report."""
    return len(digits) == 15 and len(set(digits)) > 1 and int(digits[-1]) == luhn_check_digit(digits[:-1])
