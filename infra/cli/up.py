"""``noizylab up``, ``down`` and ``migrate``."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.common import fail, out, run
from infra.settings import Settings, read_settings, to_environment

PID_FILE = "noizylab.pid"


def up(
    processors: Annotated[
        list[str] | None, typer.Argument(help="only these processors, or the auditor; default: the whole shop")
    ] = None,
) -> None:
    """Start the shop, or some of its processors, and stay until Ctrl-C.

    With names, only these processors start: the log and the figures must be reachable already, for example from a
    shop that runs in another terminal. The gateway is its HTTP server and its worker, which decides about access.
    """
    from infra.compose import SERVICES, WIRED

    unknown = sorted(set(processors or ()) - set(WIRED) - set(SERVICES))
    if unknown:
        fail(f"no processor {', '.join(unknown)}; there are {', '.join(WIRED)}")
    if processors:
        with suppress(asyncio.CancelledError):
            run(_some(read_settings(), processors))
    else:
        run(_all(read_settings()))


async def _all(settings: Settings) -> None:
    from infra.shop import Shop

    settings.home.mkdir(parents=True, exist_ok=True)
    pid_file = settings.home / PID_FILE
    claim(pid_file)
    shop = Shop(settings)
    stop = _stop_on_signals()
    try:
        await shop.start(lambda line: out.print(f"  {line}"))
        from infra.seed import seed_shop

        key = await seed_shop(settings)
        out.print(f"[green]The shop is open[/green] at {settings.public_url} (data in {settings.home})")
        if key is not None:
            out.print(f"API key, shown once: [bold]{key}[/bold]")
        out.print("Ctrl-C stops it.")
        from infra.blob_care import sweep_daily

        sweeping = asyncio.create_task(sweep_daily(settings))
        await stop.wait()
        sweeping.cancel()
    finally:
        out.print("stopping ...")
        await shop.stop()
        pid_file.unlink(missing_ok=True)


async def _some(settings: Settings, processors: list[str]) -> None:
    starting = asyncio.current_task()
    assert starting is not None
    for number in (signal.SIGINT, signal.SIGTERM):  # until the workers listen themselves
        asyncio.get_running_loop().add_signal_handler(number, starting.cancel)
    async with _edge(settings) if "gateway" in processors else nullcontext():
        # In a thread, because it takes a second, in which the HTTP server can start already.
        await asyncio.to_thread(import_module, "infra.worker")
        await _work(settings, processors)


@asynccontextmanager
async def _edge(settings: Settings) -> AsyncIterator[None]:
    """Run the HTTP server in a process of its own, started again when it dies, for the length of a block.

    Raises:
        ChildFailedError: it never came up; the workers were told to stop, as by Ctrl-C.
    """
    from infra.children import gateway_spec
    from infra.supervise import Supervisor

    supervisor = Supervisor(settings.home / "logs", to_environment(settings))
    starting = asyncio.create_task(supervisor.start(gateway_spec(settings)), name="start-gateway")
    starting.add_done_callback(_tell(settings))
    try:
        yield
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await supervisor.stop_all()
    if not starting.cancelled():
        starting.result()


def _tell(settings: Settings) -> Callable[[asyncio.Task[None]], None]:
    def tell(starting: asyncio.Task[None]) -> None:
        if starting.cancelled():
            return
        if starting.exception() is None:
            out.print(f"gateway at {settings.public_url}")
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    return tell


async def _work(settings: Settings, processors: list[str]) -> None:
    from connectors.bus.admin import apply_topics
    from infra.gen.wiring import topics_of
    from infra.worker import run_workers

    replicas = 1 if settings.embedded_broker else settings.kafka_replicas
    # Only what they use: on a cluster with access rules they see nothing else, and may create nothing.
    used = {topic.name: topic for name in processors for topic in topics_of(name)}
    await apply_topics(settings.cluster(), list(used.values()), replicas=replicas)
    out.print(f"workers: {', '.join(processors)} on {settings.cluster().bootstrap}. Ctrl-C stops them.")
    if await run_workers(settings, processors):
        fail("a processor stopped; its log line above says why. Its work is repeated when it starts again")


def claim(pid_file: Path) -> None:
    """Write down that this process runs the shop; leave with status 1 when another does."""
    with suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int(pid_file.read_text())
        os.kill(pid, 0)
        fail(f"a shop runs here already (process {pid}); stop it with `noizylab down`")
    pid_file.write_text(str(os.getpid()))


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def down() -> None:
    """Stop the shop that runs on this machine."""
    pid_file = read_settings().home / PID_FILE
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        fail(f"no shop runs here ({pid_file} names no process)")
    out.print(f"asked process {pid} to stop")


def migrate() -> None:
    """Bring the ClickHouse schema up to date."""
    run(_migrate(read_settings()))


async def _migrate(settings: Settings) -> None:
    from infra.warehouse import migrate_warehouse

    applied, standing = await migrate_warehouse(settings)
    for migration in applied:
        out.print(f"applied {migration.version:04} {migration.name}")
    for status in standing:
        out.print(f"{status.version:04} {status.name}: {status.state}")
