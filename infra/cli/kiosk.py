"""``noizylab kiosk``: an intake without the gateway, photos to the object store, the command straight to the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.common import fail, out, run
from infra.settings import Settings, read_settings

if TYPE_CHECKING:
    from connectors.intake.form import IntakeForm

app = typer.Typer(no_args_is_help=True, help="Take a device in from a kiosk.")


@app.command()
def submit(
    photos: Annotated[list[Path], typer.Argument(help="photo files, at least two", exists=True, dir_okay=False)],
    category: Annotated[str, typer.Option(help="laptop, mobile, audio, ...")],
    complaint: Annotated[str, typer.Option(help="what is wrong, in the customer's words")],
    name: Annotated[str, typer.Option(help="the customer's name")],
    brand: Annotated[str, typer.Option()] = "",
    model: Annotated[str, typer.Option()] = "",
    board_model: Annotated[str | None, typer.Option(help="names the golden picture, when known")] = None,
    lock_state: Annotated[str, typer.Option(help="unlocked, locked, unknown or not_applicable")] = "unknown",
    mail: Annotated[str | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option(help="of the complaint, two letters")] = None,
    consent: Annotated[str, typer.Option(help="version of the consent that was signed")] = "2026-01",
    key: Annotated[str | None, typer.Option(help="the kiosk's own key: the same key is the same ticket")] = None,
) -> None:
    """Store the photos, write the command to Kafka, print the ticket."""
    import pydantic

    from connectors.intake.form import IntakeForm

    try:
        form = IntakeForm.model_validate(
            {
                "device": {
                    "category": category,
                    "brand": brand,
                    "model": model,
                    "board_model": board_model,
                    "lock_state": lock_state,
                },
                "complaint": complaint,
                "language": language,
                "customer": {"name": name, "mail": mail, "language": language},
                "channel": "kiosk",
                "consent_version": consent,
            }
        )
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        fail(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
    ticket_id = run(submit_intake(read_settings(), form, [path.read_bytes() for path in photos], key))
    out.print(f"{ticket_id}  (noizylab ticket watch {ticket_id})", soft_wrap=True)


async def submit_intake(settings: Settings, form: IntakeForm, photos: list[bytes], key: str | None) -> str:
    """Take a device in the kiosk's way; returns the ticket id."""
    from connectors.bus.publisher import KafkaPublisher
    from connectors.bus.records import EdgeSender
    from connectors.intake.submit import IntakeLimits, clean_photos, new_ticket_id, repeated_ticket_id
    from connectors.intake.submit import submit as submit_form
    from infra.ports import Ports

    bare = await clean_photos(photos, IntakeLimits())
    ticket_id = repeated_ticket_id("kiosk", key) if key else new_ticket_id()
    publisher = KafkaPublisher(settings.cluster(), client_id="noizylab-kiosk")
    await publisher.start()
    async with Ports.open(settings) as ports:
        try:
            sender = EdgeSender("kiosk", publisher, ports.clock)
            await submit_form(form, bare, ticket_id=ticket_id, blobs=ports.blobs, vault=ports.vault, send=sender.send)
        finally:
            await publisher.stop()
    return ticket_id
