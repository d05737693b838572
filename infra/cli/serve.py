"""The programs that the supervisor runs. Not for the hand."""

import asyncio
import sys
from typing import Annotated

import typer

from infra.cli.common import run
from infra.lifeline import begin
from infra.settings import read_settings
from infra.supervise import READY

app = typer.Typer(no_args_is_help=True)


@app.command()
def workers(
    processors: Annotated[list[str], typer.Argument(help="the processors to run")],
    instance: Annotated[str | None, typer.Option(help="the name under which it is started again in its place")] = None,
) -> None:
    """Run processors in this process."""
    import uvloop

    from infra.worker import run_workers

    async def serve() -> int:
        ready = asyncio.Event()
        announcing = asyncio.create_task(_announce(ready))
        try:
            return await run_workers(read_settings(), processors, ready, instance=instance)
        finally:
            announcing.cancel()

    begin()
    uvloop.install()
    raise typer.Exit(run(serve(), client_warnings=True))


async def _announce(ready: asyncio.Event) -> None:
    await ready.wait()
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
