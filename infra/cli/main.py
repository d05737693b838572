"""Puts the verbs together. Verbs import what they need when they run: ``noizylab --help`` answers at once."""

import sys

import typer

from connectors.errors import ConnectorError
from infra.cli import (
    admin,
    analytics,
    audit,
    bench,
    blobs,
    brain,
    broker,
    demo,
    dlq,
    doctor,
    flow,
    kiosk,
    schematic,
    schematic_questions,
    schematic_stored,
    serve,
    ticket,
    tickets,
    topics,
    up,
    vision,
)
from infra.cli.common import complain

app = typer.Typer(
    name="noizylab",
    help="An electronics repair shop as a stream of events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("up")(up.up)
app.command("down")(up.down)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("migrate")(up.migrate)
app.add_typer(admin.app, name="admin")
app.add_typer(kiosk.app, name="kiosk")
app.add_typer(topics.app, name="topics")
app.add_typer(ticket.app, name="ticket")
app.add_typer(tickets.app, name="tickets")
app.add_typer(dlq.app, name="dlq")
app.add_typer(flow.app, name="flow")
app.add_typer(audit.app, name="audit")
app.add_typer(blobs.app, name="blobs")
app.add_typer(analytics.app, name="analytics")
schematic.app.add_typer(schematic_questions.app)
schematic.app.add_typer(schematic_stored.app)
app.add_typer(schematic.app, name="schematic")
app.add_typer(bench.app, name="bench")
app.add_typer(broker.app, name="broker")
app.add_typer(vision.app, name="vision")
app.add_typer(brain.app, name="brain")
app.add_typer(serve.app, name="serve", hidden=True)


def main() -> None:
    """Run the command line. A setting that cannot be read is one line, like every other error."""
    try:
        app()
    except ConnectorError as error:
        complain(str(error))
        sys.exit(1)
