"""``noizylab analytics``: the warehouse's schema, forward, back and where it stands; and its views as files."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connectors.clickhouse.export import Format
from connectors.clock.clock import SystemClock
from infra.cli.common import fail, out, run
from infra.settings import Settings, read_settings

if TYPE_CHECKING:
    from processors.analytics.forecast.predict import Forecast, NoForecast

app = typer.Typer(no_args_is_help=True, help="The warehouse behind the figures.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="print the statements and run none")]


@app.command()
def migrate(dry_run: DryRun = False) -> None:
    """Bring the schema up to date. On a cluster (NOIZYLAB_CLICKHOUSE_CLUSTER) with replicated, distributed tables."""
    run(_migrate(read_settings(), dry_run=dry_run))


@app.command()
def status() -> None:
    """Show every migration and where it stands; status 1 when one is missing."""
    run(_status(read_settings()))


@app.command()
def rollback(
    to: Annotated[int, typer.Option("--to", min=0, help="the newest migration that stays; 0: none")],
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Take newer migrations back. The data in what they made is lost, until the log has filled it again."""
    run(_rollback(read_settings(), to, dry_run=dry_run, yes=yes))


@app.command()
def export(
    view: Annotated[str, typer.Argument(help="a view such as v_tickets, or a figure's name")],
    target: Annotated[Path, typer.Option("--out", help="the file to write", dir_okay=False)],
    file_format: Annotated[Format, typer.Option("--format")] = "csv",
    since: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="the first day, UTC")] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="the first day after it, UTC")
    ] = None,
    workspace: Annotated[str | None, typer.Option(help="only rows of this workspace")] = None,
) -> None:
    """Write a view's rows to a file, within the budget of the user who may only read."""
    from infra.warehouse_export import export_view

    days = {name: None if at is None else at.date() for name, at in (("since", since), ("until", until))}
    size = run(export_view(read_settings(), view, file_format, target, workspace_id=workspace, **days))
    out.print(f"{target}: {size} bytes")


@app.command()
def seed(
    events: Annotated[int, typer.Option("--events", min=100, help="about how many events to make")] = 100_000,
    seed: Annotated[int, typer.Option("--seed", help="the same seed makes the same year")] = 1,
    days: Annotated[int, typer.Option(min=7, max=1500, help="how many days; weeks are forecast from 730 on")] = 365,
    until: Annotated[str | None, typer.Option(help="the day after the last one, YYYY-MM-DD; default: today")] = None,
) -> None:
    """Write a made-up year of a shop onto an empty log, and wait until the figures have it.

    For trying the figures out, in a home of its own: NOIZYLAB_HOME=trial noizylab analytics seed, and then `up`.
    """
    try:
        last = SystemClock().now().date() if until is None else date.fromisoformat(until)
    except ValueError:
        fail(f"--until is {until!r}; give a day such as 2026-11-01")
    run(_seed(read_settings(), events, seed, days, last))


@app.command()
def forecast() -> None:
    """Forecast revenue, intake and parts of every workspace now. The shop must run; it does this itself once a day."""
    run(_forecast(read_settings()))


async def _forecast(settings: Settings) -> None:
    from connectors.clickhouse.server import ServerWarehouse
    from infra.outlook import HolidayBook
    from infra.ports import warehouse_connection
    from processors.analytics.outlook import forecast_workspaces

    book, warehouse = (
        HolidayBook(settings.cluster()),
        ServerWarehouse(warehouse_connection(settings, "noizylab_writer")),
    )
    try:
        found = await forecast_workspaces(warehouse, book.days_off, SystemClock().now())
    finally:
        await warehouse.close()
        await book.close()
    if not any(found.values()):
        fail("the warehouse has no tickets yet; take one in, or try it with `noizylab analytics seed`")
    for workspace, series in found.items():
        out.print(f"{workspace}:", markup=False)
        for one in series:
            out.print(f"  {_told(one)}", markup=False)


def _told(one: "Forecast | NoForecast") -> str:
    from processors.analytics.forecast.predict import NoForecast

    named = f"{one.metric} {one.key}".rstrip() + f" by {one.grain}"
    if isinstance(one, NoForecast):
        return f"{named}: not forecast. {one.reason}"
    total = sum(point.expected for point in one.points)
    record = f"MASE {one.record.mase:.2f}, seasonal naive {one.record.naive_mase:.2f}"
    return f"{named}: {total:,.0f} in {len(one.points)} {one.grain}s ({one.model}; {record})"


async def _seed(settings: Settings, events: int, seed: int, days: int, until: date) -> None:
    from infra.cli.up import PID_FILE, claim
    from infra.year.write import write_year
    from infra.year.year import Plan

    settings.home.mkdir(parents=True, exist_ok=True)
    claim(settings.home / PID_FILE)
    try:
        written = await write_year(settings, Plan(events, seed, until, days), lambda line: out.print(f"  {line}"))
    finally:
        (settings.home / PID_FILE).unlink(missing_ok=True)
    out.print(
        f"{written.tickets} tickets, {written.events} events: on the log after {written.log_s:.1f} s, in the figures "
        f"after {written.warehouse_s:.1f} s. `noizylab up` opens the shop with them."
    )


async def _migrate(settings: Settings, *, dry_run: bool) -> None:
    from infra.warehouse import migrator_of, prepare_warehouse

    if not dry_run:
        await prepare_warehouse(settings)
    async with migrator_of(settings) as migrator:
        for migration in await migrator.apply(dry_run=dry_run):
            if dry_run:
                _print(migrator.statements(migration.forward), f"{migration.version:04} {migration.name}")
            else:
                out.print(f"applied {migration.version:04} {migration.name}")


async def _status(settings: Settings) -> None:
    from infra.warehouse import migrator_of

    async with migrator_of(settings) as migrator:
        standing = await migrator.status()
    for one in standing:
        out.print(f"{one.version:04} {one.name}: {one.state}")
    if any(one.state != "applied" for one in standing):
        fail("the schema is not up to date; run `noizylab analytics migrate`")


async def _rollback(settings: Settings, to: int, *, dry_run: bool, yes: bool) -> None:
    from infra.warehouse import migrator_of

    async with migrator_of(settings) as migrator:
        undone = await migrator.revert(to, dry_run=True)
        names = [f"{migration.version:04} {migration.name}" for migration in undone]
        if not undone:
            out.print(f"nothing above {to:04} is applied")
        elif dry_run:
            for name, migration in zip(names, undone, strict=True):
                _print(migrator.statements(migration.back), name)
        elif yes or typer.confirm(f"Take back {', '.join(names)}? What is in their tables is lost."):
            await migrator.revert(to)
            out.print(f"taken back: {', '.join(names)}")


def _print(statements: list[str], name: str) -> None:
    out.print(f"-- {name}", markup=False)
    for statement in statements:
        out.print(f"{statement};\n", markup=False, soft_wrap=True)
