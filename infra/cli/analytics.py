"""``noizylab analytics``: the warehouse's schema, forward, back and where it stands; and its views as files."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from connectors.clickhouse.export import Format
from infra.cli.common import fail, out, run
from infra.settings import Settings, read_settings

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
