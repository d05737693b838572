"""``noizylab doctor``: can this machine run a shop, and is the one that runs healthy?"""

import importlib
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing

import typer

from connectors.errors import ConnectorError
from infra.cli.common import out, run
from infra.settings import Settings, read_settings

Check = Callable[[Settings], Awaitable[str]]


class Unwell(Exception):
    """A check failed; the message says what to do."""


def doctor() -> None:
    """Check the machine, the settings, and, where they run, the log, the figures and the gateway."""
    settings = read_settings()
    failed = run(_run_all(settings))
    raise typer.Exit(1 if failed else 0)


async def _run_all(settings: Settings) -> int:
    failed = 0
    for name, check in CHECKS:
        try:
            out.print(f"[green]ok[/green]    {name}: {await check(settings)}", soft_wrap=True)
        except (Unwell, ConnectorError) as error:
            failed += 1
            out.print(f"[red]fault[/red] {name}: {error}", soft_wrap=True)
    return failed


async def _python(settings: Settings) -> str:
    return sys.version.split()[0]


async def _packages(settings: Settings) -> str:
    for name in ("faust", "aiokafka", "cv2", "chdb", "clickhouse_connect", "minio", "kio"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise Unwell(f"{name} cannot be imported ({error}); run `make setup`") from error
    return "all import"


async def _disk(settings: Settings) -> str:
    place = settings.home if settings.home.exists() else settings.home.parent
    free_gb = shutil.disk_usage(place).free / 1e9
    if free_gb < 2:
        raise Unwell(f"{free_gb:.1f} GB free at {place}; make room, or set NOIZYLAB_HOME elsewhere")
    return f"{free_gb:.0f} GB free at {place}"


def _listening(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def _log(settings: Settings) -> str:
    from connectors.bus.admin import plan_topics
    from topics.registry import ALL

    if settings.embedded_broker and not _listening(settings.broker_port):
        return f"not running (embedded; `noizylab up` starts it on port {settings.broker_port})"
    try:
        plan = await plan_topics(settings.cluster(), ALL)
    except ConnectorError as error:
        raise Unwell(f"{error}; is NOIZYLAB_KAFKA right, and the broker up?") from error
    if plan.missing or plan.other_partitions:
        raise Unwell(f"{len(plan.missing)} topics missing, {len(plan.other_partitions)} differ; `noizylab topics plan`")
    return f"{len(ALL)} topics as declared at {settings.cluster().bootstrap}"


async def _log_file(settings: Settings) -> str:
    from infra.broker import BrokerError
    from infra.broker.integrity import glance
    from infra.broker.stats import open_to_read

    if not settings.embedded_broker or not settings.broker_file.exists():
        return "none (not embedded, or never started)"
    try:
        with closing(open_to_read(settings.broker_file)) as reader:
            fault = glance(reader)
    except BrokerError as error:
        raise Unwell(str(error)) from error
    if fault is not None:
        raise Unwell(f"{settings.broker_file} is damaged: {fault}; stop the shop, then `noizylab broker repair`")
    return f"{settings.broker_file.stat().st_size / 1e6:.1f} MB, sound at a glance (`noizylab broker check` reads all)"


async def _letters(settings: Settings) -> str:
    from infra.letters import read_letters

    if settings.embedded_broker and not _listening(settings.broker_port):
        return "not running"
    count = sum(letter.settled is None for letter in await read_letters(settings.cluster()))
    return f"{count} (`noizylab dlq list` shows them)" if count else "none"


async def _figures(settings: Settings) -> str:
    from connectors.clickhouse.server import ServerWarehouse
    from infra.ports import warehouse_connection

    if settings.embedded_clickhouse and not _listening(settings.clickhouse_http_port):
        return f"not running (embedded; `noizylab up` starts it on port {settings.clickhouse_http_port})"
    warehouse = ServerWarehouse(warehouse_connection(settings, "noizylab_reader"))
    try:
        [row] = await warehouse.query("SELECT count() AS events, max(event_ts) AS newest FROM events")
    except ConnectorError as error:
        raise Unwell(f"{error}; `noizylab migrate` brings the schema up to date") from error
    finally:
        await warehouse.close()
    return f"{row['events']} events, newest {row['newest']:%Y-%m-%d %H:%M:%S} UTC"


async def _gateway(settings: Settings) -> str:
    if not _listening(settings.gateway_port):
        return f"not running (port {settings.gateway_port})"
    return f"listening at {settings.public_url}"


async def _vendors(settings: Settings) -> str:
    vendors = {
        "Claude": settings.anthropic_api_key,
        "SMTP": settings.smtp_url,
        "S3": settings.s3_endpoint,
        "Twilio": settings.twilio_account_sid,
    }
    used = [name for name, key in vendors.items() if key]
    return f"used: {', '.join(used) or 'none'}; the others are replaced by the offline engines"


CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", _python),
    ("packages", _packages),
    ("disk", _disk),
    ("log", _log),
    ("log file", _log_file),
    ("dead letters", _letters),
    ("figures", _figures),
    ("gateway", _gateway),
    ("vendors", _vendors),
)
