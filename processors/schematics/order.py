"""The order in which people count: R2 before R10."""

import re

_RUN = re.compile(r"(\d+)")


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key; the text itself decides what the numbers leave equal."""
    out = [(0, int(run[:18]), run) if run.isdecimal() else (1, 0, run) for run in _RUN.split(text) if run]
    return tuple(out)
