"""Text as it is searched: folded the same way when it is indexed and when it is asked for. Pure and total."""

import re
import unicodedata

TERMS_MAX = 12
"""Words and phrases of one search that are looked at; a person types fewer, and each costs a look-up."""
PREFIX_MIN = 2
"""From this length on a word also finds those that begin with it; one letter would find nearly everything."""

NOTHING = '""'
"""An FTS5 expression that no row matches."""

_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ħ": "h"})
"""Letters that Unicode does not take apart, though people without them on the keyboard do."""
_TERM = re.compile(r'"([^"]*)"|([^\s"]+)')


def folded(text: str) -> str:
    """Return ``text`` in lower case, without diacritics and without control characters: ``Müller`` is ``muller``."""
    if text.isascii() and text.isprintable():
        return text.lower()
    # Taking letters apart can bring capitals back, so the case is folded before and after.
    apart = unicodedata.normalize("NFKD", text.casefold()).casefold()
    kept = (one if one.isprintable() else " " for one in apart if not unicodedata.combining(one))
    return "".join(kept).translate(_LETTERS)


def match_expression(text: str) -> str:
    """Return a search as an FTS5 expression in which nothing of ``text`` is syntax. Without a word it finds nothing.

    All terms must be found. A phrase in double quotes is found as it stands; a word also finds longer ones. Every
    term becomes an FTS5 string, in which only the double quote would mean something, and terms hold none.
    """
    terms = []
    for match in _TERM.finditer(folded(text)):
        phrase, word = match[1], match[2]
        # The T of a ticket's id stands in all of them: to look it up as a word of its own would cost and find nothing.
        term = phrase if word is None else word.removeprefix("t-")
        if not any(one.isalnum() for one in term):
            continue
        prefix = "*" if word is not None and len(word) >= PREFIX_MIN else ""
        terms.append(f'"{term}"{prefix}')
    return " AND ".join(terms[:TERMS_MAX]) or NOTHING
