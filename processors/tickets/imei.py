"""The check digit of an IMEI."""


def imei_fault(imei: str) -> str | None:
    """Return what is wrong with a 15-digit IMEI as a sentence, or None.

    The 15th digit is the Luhn check digit over the first 14 (3GPP TS 23.003 section 6.2.1 and annex B). Fifteen
    equal digits are refused too: all zeros satisfy Luhn, and blank phones report them.
    """
    if len(imei) != 15 or not (imei.isascii() and imei.isdigit()):
        return f"The IMEI has {len(imei)} characters where 15 digits are needed; dial *#06# and copy it again."
    if len(set(imei)) == 1:
        return "The IMEI is one digit repeated, as blank phones report it; read it from the SIM tray or the box."
    expected = luhn_check_digit(imei[:14])
    if int(imei[14]) != expected:
        return (
            f"The IMEI ends in {imei[14]} but its first 14 digits ask for {expected}: a digit is wrong or swapped; "
            "dial *#06# and copy it again."
        )
    return None


def luhn_check_digit(digits: str) -> int:
    """Return the digit that makes ``digits`` plus it pass the Luhn test (ISO/IEC 7812-1 annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10
