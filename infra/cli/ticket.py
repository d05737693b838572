"""``noizylab ticket``: one repair, as it stands and as it happens. Reads the log itself, so it needs no gateway."""

from typing import Annotated

import typer
from rich.table import Table

from infra.cli.common import fail, out, plain, run
from infra.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, help="Look at a ticket.")

TicketId = Annotated[str, typer.Argument(help="the ticket's id, whole or in the short form of timelines")]


@app.command()
def show(ticket_id: TicketId) -> None:
    """Show the newest state of a ticket, and everything that happened to it."""
    run(_show(read_settings(), ticket_id))


@app.command()
def watch(ticket_id: TicketId) -> None:
    """Print a ticket's events as they happen, until its flow ends or Ctrl-C."""
    run(_watch(read_settings(), ticket_id))


async def _show(settings: Settings, ticket_id: str) -> None:
    from infra.timeline import read_ticket

    ticket = await read_ticket(settings.cluster(), ticket_id)
    if ticket is None:
        fail(f"no ticket {ticket_id} on the log at {settings.cluster().bootstrap}")
    table = Table("what", "value", show_header=False)
    for name, value in ticket.facts.items():
        table.add_row(name, plain(value))
    out.print(table)
    for line in ticket.lines:
        out.print(line, soft_wrap=True, markup=False)


async def _watch(settings: Settings, ticket_id: str) -> None:
    from infra.timeline import follow_events, is_ticket

    async for entry in follow_events(settings.cluster(), from_start=True):
        if is_ticket(entry.ticket_id, ticket_id):
            out.print(entry.line(with_ticket=False), soft_wrap=True, markup=False)
            if entry.type == "noizylab.flow.ended.v1":
                return
