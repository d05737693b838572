"""S-expressions as KiCad writes them, without recursion: a hundred thousand open parentheses are an error, no crash."""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from processors.schematics.errors import DesignError

Node: TypeAlias = list[Any]
"""A list of strings and nodes; the first string is its head."""

DEEPEST = 64
"""KiCad nests less than 20 deep."""
# A quote that no other closes matches alone, so that it is seen and not skipped.
TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[()]|[^\s()"]+|"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse(text: str, file: str, first_line: int = 1) -> Node:
    """Return the one expression that ``text`` holds.

    Raises:
        DesignError: it is cut off, closes too often, nests too deep, or holds no expression. Names the line.
    """
    stack: list[Node] = []
    top: Node = []
    node = top
    count = 0
    for token in TOKEN.findall(text):
        count += 1
        if token == "(":
            stack.append(node)
            inner: Node = []
            node.append(inner)
            node = inner
            if len(stack) > DEEPEST:
                raise _at(text, file, first_line, count, f"parentheses nest deeper than {DEEPEST}; no editor writes this")
        elif token == ")":
            if not stack:
                raise _at(text, file, first_line, count, "a parenthesis closes that was never opened; save it again")
            node = stack.pop()
            if not stack:
                break
        elif token[0] == '"':
            if len(token) == 1:
                raise _at(text, file, first_line, count, "a text begins and never ends; the file is cut off, fetch it again")
            node.append(unquote(token))
        else:
            node.append(token)
    if stack:
        line = first_line + text.count("\n")
        raise DesignError(file, line, f"the file ends inside {len(stack)} open parentheses: it is cut off, fetch it again")
    if not top or not isinstance(top[-1], list) or len(top) != 1:
        raise DesignError(file, first_line, "no expression in parentheses begins here; is this the right file?")
    root: Node = top[0]
    return root


def unquote(token: str) -> str:
    """Return the text of a token in quotes."""
    inner = token[1:-1]
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), inner) if "\\" in inner else inner


def block_end(text: str, start: int) -> int:
    """Return the index behind the expression that begins at ``start``; -1 when it never ends."""
    depth = 0
    for found in TOKEN.finditer(text, start):
        token = found.group()
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
            if depth == 0:
                return found.end()
    return -1


def line_at(text: str, offset: int) -> int:
    """Return the line, from 1, of a character."""
    return text.count("\n", 0, offset) + 1


def line_of_child(text: str, index: int) -> int:
    """Return the line on which the ``index``-th list inside the outermost one begins."""
    depth, seen = 0, -1
    for found in TOKEN.finditer(text):
        if found.group() == "(":
            depth += 1
            seen += depth == 2
            if depth == 2 and seen == index:
                return line_at(text, found.start())
        elif found.group() == ")":
            depth -= 1
    return 1


def _at(text: str, file: str, first_line: int, count: int, what: str) -> DesignError:
    """Return an error at the ``count``-th token: looked up only now, so that good files do not pay for places."""
    for number, found in enumerate(TOKEN.finditer(text), 1):
        if number == count:
            return DesignError(file, first_line - 1 + line_at(text, found.start()), what)
    return DesignError(file, first_line, what)


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
