"""Cut an SQL script into statements: the HTTP interface takes one at a time."""

import re

# What may hold a semicolon that ends nothing: quoted text (backslash and doubled quotes escape), quoted names,
# here-documents ($tag$ ... $tag$) and comments. ClickHouse SQL reference, "Syntax".
_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | \#[!\ ][^\n]* | /\*.*?\*/ )
    | (?P<quoted>  '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`
                 | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<open>    /\* | ['"`] )
    | (?P<end>     ; )
    | (?P<other>   [^-\#/'"`$;]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


class ScriptError(ValueError):
    """The script cannot be cut; the message names the line."""


def split_statements(script: str) -> list[str]:
    """Return the statements of ``script`` without comments, trimmed, empty ones left out.

    Raises:
        ScriptError: a quote or a comment is never closed.
    """
    statements, current = [], ""
    for token in _TOKEN.finditer(script):
        match token.lastgroup:
            case "comment":
                current += " "
            case "open":
                line = script.count("\n", 0, token.start()) + 1
                raise ScriptError(f"line {line}: {token.group()} is never closed")
            case "end":
                statements.append(current.strip())
                current = ""
            case _:
                current += token.group()
    statements.append(current.strip())
    return [statement for statement in statements if statement]
