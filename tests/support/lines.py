"""The sink's lines, read back as the warehouse reads them."""

import re
from typing import Any

from processors.analytics.rows import COLUMNS, Row, Table

_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_MEANS = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}


def read_line(row: Row) -> dict[str, str | None]:
    """Return the values of a row's line by column."""
    return read_values(row.table, row.line)


def read_values(table: Table, line: bytes) -> dict[str, Any]:
    """Return the values of a line of a table by column; NULL is None."""
    values = line.split(b"\t")
    assert len(values) == len(COLUMNS[table])
    return {
        name: None if value == rb"\N" else _ESCAPE.sub(lambda found: _MEANS[found.group(1)], value).decode()
        for name, value in zip(COLUMNS[table], values, strict=True)
    }
