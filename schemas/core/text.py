"""Free text from people: bounded, and without control characters, because it ends in logs, pages and mails."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_ALLOWED_CONTROLS = frozenset("\t\n\r")


def without_controls(text: str) -> str:
    """Return ``text`` unchanged.

    Raises:
        ValueError: a C0 or C1 control character other than tab and line breaks; names it and its position.
    """
    for position, character in enumerate(text):
        code = ord(character)
        if (code < 32 or 127 <= code < 160) and character not in _ALLOWED_CONTROLS:
            raise ValueError(f"control character U+{code:04X} at position {position}; send plain text")
    return text


def saying_something(text: str) -> str:
    """Return ``text`` unchanged.

    Raises:
        ValueError: there is nothing in it but blanks.
    """
    if not text.strip():
        raise ValueError("only blanks; say what is wrong in a few words")
    return text


ShortText = Annotated[str, StringConstraints(max_length=200), AfterValidator(without_controls)]
LongText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=10_000),
    AfterValidator(without_controls),
    AfterValidator(saying_something),
]
"""1 to 10,000 characters: the longest real complaint seen in 82,381 public repair records is far below that."""

SEAL = "nzs1."
"""How a sealed text begins. The vault makes it: ``nzs1.<owner>.<base64url>``."""
PLAIN_MAX = 10_000


def plain_or_sealed(text: str) -> str:
    """Return ``text`` unchanged.

    Raises:
        ValueError: plain text that is too long; sealing makes a text up to six times as long, so that has more room.
    """
    if not text.startswith(SEAL) and len(text) > PLAIN_MAX:
        raise ValueError(f"at most {PLAIN_MAX} characters, this has {len(text)}; say it shorter")
    return text


SealableText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=60_000),
    AfterValidator(without_controls),
    AfterValidator(saying_something),
    AfterValidator(plain_or_sealed),
]
"""A person's words as they lie on the log: sealed under a key that can be destroyed, or plain from who has no vault."""


def short_or_sealed(text: str) -> str:
    """Return ``text`` unchanged.

    Raises:
        ValueError: plain text of more than 200 characters, the most of a ``ShortText``.
    """
    if not text.startswith(SEAL) and len(text) > 200:
        raise ValueError(f"at most 200 characters, this has {len(text)}; say it shorter")
    return text


SealableShortText = Annotated[
    str, StringConstraints(max_length=1_400), AfterValidator(without_controls), AfterValidator(short_or_sealed)
]
"""A ``ShortText`` as it lies on the log, plain or sealed: 200 characters of four bytes, in base64, and the owner."""
