"""A ticket's number for people: short enough to say on the phone, with a sign that catches a slip."""

import hashlib
from functools import lru_cache

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O and U, which are misread or misheard."""
_SIGNS = 8
_MISREAD = str.maketrans("ILO", "110")


@lru_cache(maxsize=65_536)  # lists show the same tickets again and again
def ticket_number(ticket_id: str) -> str:
    """Return the number of a ticket, ``K7Q2-M4XD-5``: 40 bits of SHA-256 over its id, and a check sign.

    It needs no counter, so no partition waits for another. Among 50,000 tickets two share a number with a chance of
    0.1 %; a search by number shows both.
    """
    value = int.from_bytes(hashlib.sha256(ticket_id.encode()).digest()[:5], "big")
    signs = "".join(ALPHABET[value >> shift & 31] for shift in range(5 * (_SIGNS - 1), -1, -5))
    return f"{signs[:4]}-{signs[4:]}-{_check(signs)}"


def read_number(text: str) -> str | None:
    """Return a number that a person typed as :func:`ticket_number` writes it; None when it cannot be one."""
    signs = text.upper().translate(_MISREAD).replace("-", "").replace(" ", "")
    if len(signs) != _SIGNS + 1 or any(sign not in ALPHABET for sign in signs) or _check(signs[:-1]) != signs[-1]:
        return None
    return f"{signs[:4]}-{signs[4:8]}-{signs[8]}"


def _check(signs: str) -> str:
    """The Luhn algorithm in base 32 (ISO/IEC 7812-1 annex B, with N = 32): any single wrong sign is found."""
    total = 0
    for position, sign in enumerate(reversed(signs)):
        weighed = ALPHABET.index(sign) * (2 if position % 2 == 0 else 1)
        total += weighed // 32 + weighed % 32
    return ALPHABET[-total % 32]
