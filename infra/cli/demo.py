"""``noizylab demo``: watch repairs go through a whole shop on this machine."""

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from infra.cli.common import fail, out, run
from infra.settings import read_settings


def demo(
    repairs: Annotated[int, typer.Option(min=1, help="how many devices customers bring")] = 12,
    samples: Annotated[Path | None, typer.Option(help="a folder of real photographs and complaints")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print only the counts, as JSON")] = False,
    keep: Annotated[Path | None, typer.Option(help="keep the shop's data in this new folder")] = None,
) -> None:
    """Start a shop, put repairs through it, show every step, then the figures.

    Ends by itself when not on a terminal; else the shop stays up until Ctrl-C.
    """
    if samples is not None and not (samples / "photos" / "pairs.json").exists():
        fail(f"{samples} is no samples folder: photos/pairs.json is missing")
    if keep is not None and keep.exists() and any(keep.iterdir()):
        fail(f"{keep} is not empty; name a new folder")
    stuck = run(_demo(repairs, samples, as_json, keep))
    raise typer.Exit(1 if stuck else 0)


async def _demo(repairs: int, samples: Path | None, as_json: bool, keep: Path | None) -> int:
    from infra.demo.run import Demo, drawn_pictures, figures, open_shop, prepared, told
    from infra.shop import private_settings, running_shop

    def say(line: str) -> None:
        if not as_json:
            out.print(line, soft_wrap=True, markup=False)

    home = keep or Path(tempfile.mkdtemp(prefix="noizylab-demo-"))
    settings = private_settings(read_settings(), home.absolute())
    say("NoizyLab OS demo: a shop on this machine, nothing leaves it. Starting")
    goldens, intakes = prepared(samples, repairs)
    async with running_shop(settings, progress=lambda line: say(f"  {line}"), keep=keep is not None) as shop:
        key = await open_shop(settings, goldens)
        say(f"The shop is open. {repairs} customers bring a device:\n")
        tally = await Demo(shop, key, repairs, say).run(intakes)
        summary = tally.summary()
        if as_json:
            out.print_json(json.dumps(summary))
            return int(summary["stuck"])
        say("\nHow each repair ended, or who has it:")
        for line in told(tally):
            say(f"  {line}")
        say("")
        _print_figures(await figures(settings))
        counts = "{repairs} repairs: {quoted} quoted, {with_a_person} with a person, {stuck} stuck, in {seconds} s"
        say("\n" + counts.format(**summary))
        _print_next(settings.public_url, home, key, await drawn_pictures(settings))
        if sys.stdout.isatty():
            await _until_interrupted()
        return int(summary["stuck"])


def _print_figures(found: dict[str, list[dict[str, Any]]]) -> None:
    from processors.analytics.figures import FIGURES

    for figure in FIGURES:
        rows = found[figure.name]
        table = Table(
            *(column.name for column in figure.columns), title=f"{figure.title} ({figure.name})", title_justify="left"
        )
        for row in rows[:12]:
            table.add_row(*(_cell(row[column.name]) for column in figure.columns))
        out.print(table if rows else f"{figure.title}: nothing yet")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return f"{value:%H:%M:%S}"
    if isinstance(value, str):
        return value.removeprefix("noizylab.")
    return "" if value is None else str(value)


def _print_next(url: str, home: Path, key: str, pictures: Sequence[str]) -> None:
    if not sys.stdout.isatty():
        out.print(
            """
What to look at next:
  noizylab demo               in a terminal: the shop stays up, with its API, mail and pictures to look at
  noizylab demo --keep DIR    keeps mail, the log and the (sealed) pictures in DIR
  make up                     your own shop""",
            markup=False,
        )
        return
    out.print(
        f"""
What to look at next, while the shop is up:
  the customers' mail      {home / "outbox"}
  annotated photographs    {(chr(10) + " " * 27).join(pictures) or "none were drawn on"}
  every event of a ticket  NOIZYLAB_HOME={home} .venv/bin/noizylab ticket show T-...
  the log as evidence      NOIZYLAB_HOME={home} .venv/bin/noizylab audit replay
  the API                  curl -H 'Authorization: Bearer {key}' {url}/v1/tickets
  the API's description    {url}/v1/openapi.json
Start your own shop with `make up`.""",
        soft_wrap=True,
        markup=False,
    )


async def _until_interrupted() -> None:
    out.print("\nThe shop stays up. Ctrl-C ends the demo and removes its data.")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with suppress(asyncio.CancelledError):
        await stop.wait()
