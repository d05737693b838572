"""Amounts, days and devices as people of a language write them; marks and short date patterns as in Unicode CLDR."""

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.devices import DEVICE_CATEGORIES

_DECIMAL_AND_GROUP = {
    "en": (".", ","),
    "de": (",", "."),
    "fr": (",", "\u202f"),
    "nl": (",", "."),
    "da": (",", "."),
}
_DAY = {"en": "%d %b %Y", "de": "%d.%m.%Y", "fr": "%d/%m/%Y", "nl": "%d-%m-%Y", "da": "%d.%m.%Y"}
_ENGLISH_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_MINOR_UNIT = ("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF")
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_MINOR_DIGITS = dict.fromkeys(_NO_MINOR_UNIT, 0) | dict.fromkeys(_THOUSANDTHS, 3)
"""ISO 4217 minor units where they are not 2."""
_DEVICE_NAMES = {
    "en": (
        "laptop",
        "desktop computer",
        "phone",
        "tablet",
        "printer",
        "vacuum cleaner",
        "audio device",
        "television",
        "game console",
        "camera",
        "musical instrument",
        "household appliance",
        "device",
    ),
    "de": (
        "Laptop",
        "Desktop-Computer",
        "Telefon",
        "Tablet",
        "Drucker",
        "Staubsauger",
        "Audiogerät",
        "Fernseher",
        "Spielkonsole",
        "Kamera",
        "Musikinstrument",
        "Haushaltsgerät",
        "Gerät",
    ),
    "fr": (
        "ordinateur portable",
        "ordinateur de bureau",
        "téléphone",
        "tablette",
        "imprimante",
        "aspirateur",
        "appareil audio",
        "téléviseur",
        "console de jeux",
        "appareil photo",
        "instrument de musique",
        "appareil ménager",
        "appareil",
    ),
    "nl": (
        "laptop",
        "desktopcomputer",
        "telefoon",
        "tablet",
        "printer",
        "stofzuiger",
        "audioapparaat",
        "televisie",
        "spelcomputer",
        "camera",
        "muziekinstrument",
        "huishoudelijk apparaat",
        "apparaat",
    ),
    "da": (
        "bærbar computer",
        "stationær computer",
        "telefon",
        "tablet",
        "printer",
        "støvsuger",
        "lydudstyr",
        "fjernsyn",
        "spillekonsol",
        "kamera",
        "musikinstrument",
        "husholdningsapparat",
        "enhed",
    ),
}
"""In the order of ``DEVICE_CATEGORIES``."""


class UnfitValue(ValueError):
    """A value that cannot be written as what the template says it is."""


def amount(minor_units: object, currency: object, language: str) -> str:
    """Return ``12900, "EUR"`` as ``129,00 EUR`` (no-break space before the code).

    Raises:
        UnfitValue: not an integer of minor units, or not a currency code.
    """
    if not isinstance(minor_units, int) or isinstance(minor_units, bool):
        raise UnfitValue(f"an amount must be an integer of minor units, not {type(minor_units).__name__}")
    if not isinstance(currency, str) or len(currency) != 3 or not currency.isupper():
        raise UnfitValue("an amount needs its currency, three letters as in ISO 4217")
    decimal, group = _DECIMAL_AND_GROUP[language]
    digits = _MINOR_DIGITS.get(currency, 2)
    whole, rest = divmod(abs(minor_units), 10**digits)
    sign = "\N{MINUS SIGN}" if minor_units < 0 else ""
    fraction = f"{decimal}{rest:0{digits}d}" if digits else ""
    return f"{sign}{f'{whole:,}'.replace(',', group)}{fraction}\N{NO-BREAK SPACE}{currency}"


def device_name(device: str, language: str) -> str:
    """Return a device category in the language; what is no category stays as it is."""
    return dict(zip(DEVICE_CATEGORIES, _DEVICE_NAMES[language], strict=True)).get(device, device)


def day(moment: object, language: str, time_zone: str) -> str:
    """Return an RFC 3339 moment as a day in the shop's zone, ``09.03.2026``.

    Raises:
        UnfitValue: not a moment with a zone.
    """
    try:
        at = datetime.fromisoformat(str(moment))
    except ValueError as error:
        raise UnfitValue("a day must be an RFC 3339 moment") from error
    if at.tzinfo is None:
        raise UnfitValue("a day must be an RFC 3339 moment with a time zone")
    try:
        local = at.astimezone(ZoneInfo(time_zone))
    except OverflowError as error:
        raise UnfitValue("a day must lie within the calendar") from error
    pattern = _DAY[language].replace("%b", _ENGLISH_MONTHS[local.month - 1])
    return local.strftime(pattern)
