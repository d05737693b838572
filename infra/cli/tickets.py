"""``noizylab tickets``: many tickets at once, over the HTTP API of the shop that runs here."""

import inspect
import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

import typer

from infra.cli.api import shop_client
from infra.cli.common import err, fail, out, plain, run
from infra.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="Tickets in and out as tables.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="a CSV file, of any program", exists=True, dir_okay=False)],
    consent: Annotated[str, typer.Option(help="version of the terms that these customers accepted")],
    phone_prefix: Annotated[str | None, typer.Option(help="country of numbers without one, such as +49")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
    report: Annotated[Path | None, typer.Option(help="write each row's result to this file, as JSON lines")] = None,
) -> None:
    """Open a ticket for each row. Sending a file again, whole or corrected, opens none twice.

    Exit status 1: there are rows that were not taken.
    """
    parameters: dict[str, Any] = {"consent_version": consent, "dry_run": dry_run}
    if phone_prefix is not None:
        parameters["phone_prefix"] = phone_prefix
    counts, lines = run(_import(read_settings(), file.read_bytes(), parameters))
    if report is not None:
        report.write_text("".join(f"{line}\n" for line in lines))
    out.print(", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items()) or "no rows")
    if {"invalid", "refused", "failed"} & counts.keys():
        raise typer.Exit(1)


@app.command()
def export(
    to: Annotated[Path, typer.Option(help="the file to write")],
    query: Annotated[str, typer.Option(help="filters as the API takes them: 'state=ready&older_than=3d'")] = "",
) -> None:
    """Write tickets to a CSV file."""
    written = run(_export(read_settings(), to, query))
    out.print(f"{written / 1e6:.1f} MB in {to}")


async def _import(settings: Settings, data: bytes, parameters: dict[str, Any]) -> tuple[dict[str, int], list[str]]:
    """Return how many rows became what, and each row's result as a line of JSON."""
    counts: dict[str, int] = {}
    lines: list[str] = []
    total = 0
    async with shop_client(settings, "tickets:write") as client:
        async for said in client.import_tickets_lines(content=data, **parameters):
            if "total" in said:
                total = said["total"]
                _introduce(said)
            elif "counts" in said:
                counts = said["counts"]
            else:
                lines.append(json.dumps(said, ensure_ascii=False))
                _tell(said)
                if len(lines) % 100 == 0:
                    err.print(f"  {len(lines)} of {total}")
    return counts, lines


def _introduce(head: dict[str, Any]) -> None:
    columns = ", ".join(f"{name} from {column!r}" for name, column in head["columns"].items())
    err.print(f"  {head['total']} rows, {head['encoding']}; {plain(columns)}", soft_wrap=True)
    if head["ignored_columns"]:
        err.print(f"  not used: {plain(', '.join(head['ignored_columns']))}", soft_wrap=True)


def _tell(row: dict[str, Any]) -> None:
    for error in row.get("errors", ()):
        err.print(f"  line {row['line']}, {plain(error['column'])}: {plain(error['detail'])}", soft_wrap=True)
    if "detail" in row:
        err.print(f"  line {row['line']} {row['status']}: {plain(row['detail'])}", soft_wrap=True)


async def _export(settings: Settings, to: Path, query: str) -> int:
    written = 0
    async with shop_client(settings, "tickets:read") as client:
        pieces = client.export_tickets(**_filters(query, client.export_tickets))
        with to.open("wb") as file:
            async for piece in pieces:
                written += file.write(piece)
    return written


def _filters(query: str, operation: Any) -> dict[str, Any]:
    """Return what a query string says as parameters of an operation."""
    known = inspect.signature(operation).parameters
    given = parse_qs(query, keep_blank_values=True)
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        fail(f"{unknown[0]!r} is no filter; there are {', '.join(known)}")
    return {name: values if "list[" in str(known[name].annotation) else values[-1] for name, values in given.items()}
