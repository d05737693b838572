"""Numbers, money, codes and lists as people read them."""

from collections.abc import Sequence

_NO_MINOR_UNIT = frozenset({"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
                            "XAF", "XOF", "XPF"})  # fmt: skip
_THREE_DIGITS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


def money(amount_minor: int, currency: str, *, decimal: str = ".", thousands: str = ",") -> str:
    """Return an amount in minor units as text: ``€ 129.00``. Digits after the point follow ISO 4217."""
    digits = 0 if currency in _NO_MINOR_UNIT else 3 if currency in _THREE_DIGITS else 2
    whole, rest = divmod(abs(amount_minor), 10**digits)
    number = f"{whole:,}".replace(",", thousands) + (f"{decimal}{rest:0{digits}d}" if digits else "")
    return f"{'-' if amount_minor < 0 else ''}{_SIGNS.get(currency, currency)} {number}"


def percent(share: float) -> str:
    """Return a share of one as whole percent."""
    return f"{share * 100:.0f} %"


def hours(seconds: int) -> str:
    """Return a stretch of time as hours with one digit after the point: ``1.5 hours``."""
    return f"{seconds / 3600:.1f} hours"


def plural(count: int, noun: str) -> str:
    """Return ``1 photo``, ``2 photos``."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def words(code: str) -> str:
    """Return a code as words: ``awaiting_parts`` is ``awaiting parts``."""
    return code.replace("_", " ").replace(".", " ")


def listed(items: Sequence[str], most: int = 4) -> str:
    """Return items joined with commas, those beyond ``most`` as a count; empty for none."""
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown
