"""What the verbs share: the console, running a coroutine, and errors that tell the reader what to do."""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from connectors.errors import ConnectorError

WIDTH_OF_A_FILE = 140
"""Columns when the output is no terminal: wide enough for the tables."""
out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
err = Console(stderr=True, highlight=False)
T = TypeVar("T")


def plain(text: str) -> str:
    """Return text that somebody else wrote, fit for the console: no markup, and no character that steers a terminal."""
    return escape("".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text))


def run(coroutine: Coroutine[Any, Any, T], *, client_warnings: bool = False) -> T:
    """Run a verb. What failed outside is one line on standard error and exit status 1, never a traceback."""
    from infra.supervise import ChildFailedError

    if not client_warnings:
        # They repeat what the error at the end says, and in a run with kills they would be all there is to see.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(coroutine)
    except (ConnectorError, ChildFailedError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def fail(message: str) -> NoReturn:
    """Say what is wrong and leave with status 1."""
    complain(message)
    raise typer.Exit(1)


def complain(message: str) -> None:
    """Say what is wrong, as it stands: brackets in it are no markup."""
    err.print("[red]noizylab:[/red]", end=" ")
    err.print(message, soft_wrap=True, markup=False)


def parse_time(text: str | None, option: str) -> datetime | None:
    """Return an aware point in time; None for None. What cannot be read ends the command with an example."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} is {text!r}; give a time such as 2026-03-02T09:00:00+01:00")
    if at.tzinfo is None:
        fail(f"{option} is {text!r}, without a time zone; write 2026-03-02T09:00:00Z for UTC, or +01:00 for Z")
    return at
