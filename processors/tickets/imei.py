"""The check digit of an IMEI."""

from schemas.core.check_digits import luhn_check_digit


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
