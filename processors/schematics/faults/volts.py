"""What voltage a rail should have, as its name or the part number of its regulator says."""

import re

_DIGITS = re.compile(r"(?<![\d.,])([+-]?)(\d{1,3})[Vv](\d{1,2})(?!\d)")
_DECIMAL = re.compile(r"(?<![\d.,])([+-]?)(\d{1,3}(?:[.,]\d{1,2})?)[Vv](?![a-z])")
_FAMILY_78 = re.compile(r"^(?:\w{0,3})(7[89])[LM]?(\d\d)(?!\d)")
_DASH = re.compile(r"[-_](\d[.,]\d{1,2})(?!\d)")
_USB = re.compile(r"(?:^|[^A-Z])V?_?USB(?:$|[^A-Z])|VBUS")
LARGEST_VOLT = 60.0
"""Beyond this a bench does not measure by these rules: mains and tubes have their own."""


def nominal_volts(name: str) -> float | None:
    """Return the voltage in a net's name (``+3V3``, ``PP5V_S5``, ``-12V``, ``VBUS``), in volt; None without one."""
    word = name.rpartition("/")[2]
    for pattern in (_DIGITS, _DECIMAL):
        found = pattern.search(word)
        if found is not None:
            digits = ".".join(one for one in found.groups()[1:] if one).replace(",", ".")
            volts = float(digits) * (-1 if found[1] == "-" else 1)
            return volts if 0 < abs(volts) <= LARGEST_VOLT else None
    # The socket's supply is 5 V by the USB 2.0 specification, section 7.2.2, until a contract says otherwise.
    return 5.0 if _USB.search(word.upper()) and not word.startswith(("Net-", "unconnected-")) else None


def regulator_volts(value: str) -> float | None:
    """Return the output of a fixed regulator by its part number (``7805``, ``AP2112K-1.8``), in volt, else None."""
    found = _FAMILY_78.match(value)
    if found is not None:
        return float(found[2]) * (-1 if found[1] == "79" else 1) or None
    decimal = _DASH.search(value)
    return float(decimal[1].replace(",", ".")) if decimal is not None else None
