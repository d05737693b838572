"""S-expressions as KiCad writes them, without recursion: a hundred thousand open parentheses are an error, no crash."""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from processors.schematics.errors import DesignError

Node: TypeAlias = list[Any]
"""A list of strings and nodes; the first string is its head."""

DEEPEST = 64
"""KiCad nests less than 20 deep."""
# A list of bare words is one token: half of a file is such lists, and reading them whole halves the time. A quote that
# no other closes matches alone, so that it is seen and not skipped.
TOKEN = re.compile(r'\([^()"]*+\)|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[()]|[^\s()"]+|"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse(text: str, file: str) -> Node:
    """Return the one expression that ``text`` holds.

    Raises:
        DesignError: it is cut off, closes too often, nests too deep, or holds no expression. Names the line.
    """
    root, count, problem = _build(text)
    if problem:
        raise DesignError(file, _line_of_token(text, count), problem)
    if root is None:
        line = text.rstrip().count("\n") + 1
        raise DesignError(file, line, "the file ends inside open parentheses: it is cut off, fetch it again")
    return root


def first(text: str) -> Node | None:
    """Return the expression at the beginning of ``text``, whatever follows; None when it does not end there.

    Raises:
        ValueError: it nests too deep.
    """
    root, _, problem = _build(text)
    if problem.startswith("parentheses"):
        raise ValueError(problem)
    return None if problem else root


def _build(text: str) -> tuple[Node | None, int, str]:
    """Return the first expression, how many tokens were read, and what is wrong."""
    stack: list[Node] = []
    top: Node = []
    node = top
    count = 0
    for token in TOKEN.findall(text):
        count += 1
        sign = token[0]
        if sign == "(" and len(token) > 1:
            if not stack:
                return token[1:-1].split(), count, ""
            node.append(token[1:-1].split())
        elif sign == "(":
            stack.append(node)
            inner: Node = []
            node.append(inner)
            node = inner
            if len(stack) > DEEPEST:
                return None, count, f"parentheses nest deeper than {DEEPEST}; no editor writes this"
        elif not stack:
            return None, count, "no expression in parentheses begins here; is this the right file?"
        elif sign == ")":
            node = stack.pop()
            if not stack:
                return node[-1], count, ""
        elif sign != '"':
            node.append(token)
        elif len(token) > 1:
            node.append(unquote(token))
        else:
            return None, count, "a text begins here and never ends: the file is cut off, fetch it again"
    return None, count, ""


def unquote(token: str) -> str:
    """Return the text of a token in quotes."""
    inner = token[1:-1]
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), inner) if "\\" in inner else inner


def line_at(text: str, offset: int) -> int:
    """Return the line, from 1, of a character."""
    return text.count("\n", 0, offset) + 1


def lines_of_children(text: str) -> list[int]:
    """Return the lines on which the lists inside the outermost one begin, in one go."""
    out: list[int] = []
    depth, line, counted = 0, 1, 0
    for found in TOKEN.finditer(text):
        piece = found.group()
        if piece[0] == "(":
            if depth == 1:
                line += text.count("\n", counted, found.start())
                counted = found.start()
                out.append(line)
            depth += len(piece) == 1
        elif piece == ")":
            depth -= 1
    return out


def _line_of_token(text: str, count: int) -> int:
    """Return the line of the ``count``-th token: looked up only now, so that good files do not pay for places."""
    for number, found in enumerate(TOKEN.finditer(text), 1):
        if number == count:
            return line_at(text, found.start())
    return 1


def head(node: Any) -> str:
    """Return the first word of a node; an empty text for a bare word or an empty list."""
    return node[0] if isinstance(node, list) and node and isinstance(node[0], str) else ""


def children(node: Node, name: str) -> Iterator[Node]:
    """Yield the lists inside a node that begin with ``name``."""
    for one in node:
        if isinstance(one, list) and one and one[0] == name:
            yield one


def child(node: Node, name: str) -> Node | None:
    """Return the first list inside a node that begins with ``name``."""
    return next(children(node, name), None)


def word(node: Node | None, index: int = 1) -> str:
    """Return a word of a node; an empty text when there is none."""
    return node[index] if node is not None and len(node) > index and isinstance(node[index], str) else ""


def value(node: Node, name: str) -> str:
    """Return the word behind ``(name ...)`` inside a node; an empty text when there is none."""
    return word(child(node, name))


def flag(node: Node, name: str, default: bool = False) -> bool:
    """Return ``(name yes)``, ``(name)`` or the bare word ``name`` as true, ``(name no)`` as false."""
    found = child(node, name)
    if found is None:
        return default or name in node[1:]
    return word(found) not in {"no", "false"}
