"""KiCad's bus notation: ``D[0..7]``, ``USB{DP DM}``, ``{ALIAS}``.

Read from KiCad's documentation of buses and from what its netlists hold. A comma between members separates as a space
does: KiCad writes it itself in files of some versions.
"""

import re
from collections.abc import Mapping, Sequence

_VECTOR = re.compile(
    r"^(?P<prefix>[^\[\]{}\s]*(?:\{[^{}]*\}[^\[\]{}\s]*)*)\[(?P<first>\d{1,6})\.\.(?P<last>\d{1,6})\](?P<suffix>\S*)$"
)
_MARKUP = "~^_"
_ESCAPED = {"slash", "backslash", "space", "tab", "return", "quote", "lt", "gt", "colon", "bar", "brace"}
MOST_MEMBERS = 4096
"""More members than any bus has: a label of millions is a broken file, and would fill the memory."""

Aliases = Mapping[str, Sequence[str]]


def members(text: str, aliases: Aliases) -> tuple[str, ...] | None:
    """Return the names of the nets in a bus label, in order; None when the label names a single net."""
    found = _members(text, aliases, 0)
    return None if found is None else tuple(one.replace("/", "{slash}") for one in found[:MOST_MEMBERS])


def keyed(text: str, aliases: Aliases) -> list[tuple[str | int, str]]:
    """Return (key, net) of a bus label's members; on one bus, members of equal keys are one net.

    Vectors agree by position, whatever their prefix; groups by the member's own name.
    """
    if _VECTOR.match(text):
        return list(enumerate(members(text, aliases) or ()))
    prefix = len(name) + 1 if (group := _group(text)) and (name := group[0]) else 0
    return [(one[prefix:], one) for one in members(text, aliases) or ()]


def _members(text: str, aliases: Aliases, depth: int) -> list[str] | None:
    vector = _VECTOR.match(text)
    if vector is not None:
        first, last = sorted((int(vector["first"]), int(vector["last"])))
        last = min(last, first + MOST_MEMBERS - 1)
        return [f"{vector['prefix']}{number}{vector['suffix']}" for number in range(first, last + 1)]
    group = _group(text)
    if group is None or depth > 8:
        return None
    name, inside = group
    nets = [single for one in inside for single in _expand(one, aliases, depth)]
    return [f"{name}.{one}" for one in nets] if name else nets


def _expand(member: str, aliases: Aliases, depth: int) -> list[str]:
    """Return the nets of one word inside a group: an alias, a vector, a group, or a net."""
    if member in aliases and depth <= 8:
        return [net for one in aliases[member] for net in _expand(one, aliases, depth + 1)]
    return _members(member, aliases, depth + 1) or [member]


def _group(text: str) -> tuple[str, list[str]] | None:
    """Return the name and the words of ``NAME{A B}``; None when the braces only mark up, as in ``~{RESET}``."""
    start = 0
    while (start := text.find("{", start)) >= 0:
        if start == 0 or text[start - 1] not in _MARKUP:
            break
        start = text.find("}", start)
        if start < 0:
            return None
    if start < 0 or not text.endswith("}") or text.startswith("${"):
        return None
    name, body = text[:start], text[start + 1 : -1]
    if any(sign.isspace() for sign in name):
        return None
    words = _words(body)
    # An escaped sign, ``{slash}``, looks like a group of one word with nothing round it to tell them apart.
    if name and len(words) == 1 and words[0] in _ESCAPED:
        return None
    return (name, words) if words else None


def _words(body: str) -> list[str]:
    """Split at spaces and commas, but not inside braces."""
    out, word, depth = [], "", 0
    for sign in body:
        depth += (sign == "{") - (sign == "}")
        if depth == 0 and sign in " ,\t":
            if word:
                out.append(word)
            word = ""
        else:
            word += sign
    return [*out, word] if word else out
