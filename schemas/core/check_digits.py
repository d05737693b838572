"""Check digits of the numbers on devices and their labels. Pure."""


def luhn_check_digit(digits: str) -> int:
    """Return the digit that makes ``digits`` plus it pass the Luhn test (ISO/IEC 7812-1 annex B), as an IMEI does
    (3GPP TS 23.003 annex B).
    """
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10


def gtin_check_digit(digits: str) -> int:
    """Return the digit that makes ``digits`` plus it a GTIN of any length (GS1 General Specifications section 7.9):
    weights 3 and 1 in turn, the last digit before it weighs 3.
    """
    return -sum(int(digit) * (3 if position % 2 == 0 else 1) for position, digit in enumerate(reversed(digits))) % 10
