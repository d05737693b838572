"""Numbers out of files."""

from math import isfinite

MM_PER_MIL = 0.0254
MM_PER_INCH = 25.4
_LARGEST = 1e9


def finite(text: str) -> float:
    """Return a number.

    Raises:
        ValueError: it is none, or beyond all measure: a kilometre of board is a broken file.
    """
    number = float(text)
    if not isfinite(number) or abs(number) > _LARGEST:
        raise ValueError(f"{text[:40]!r} is no length")
    return number
