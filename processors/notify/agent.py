"""Notify on the log: wishes in, messages out, and what became of each."""

from datetime import datetime
from uuid import UUID

from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.links.signer import LinkSigner
from connectors.mail.port import Mail, OutgoingMail, Refused
from connectors.sms.port import Sms
from connectors.vault.port import Vault
from processors.notify.config import Policy
from processors.notify.decide import Desk, Send, SendingChannel, addressee, due, plan, refused, sent
from processors.notify.state import evolve
from processors.notify.templates import Templates
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.core.outcome import Emit, Outcome
from schemas.notifications import OutboxView
from topics.notifications import NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS, NOTIFICATION_VIEWS

OUTBOXES = Aggregate(view=NOTIFICATION_VIEWS, evolve=evolve)


def wire(app: App, vault: Vault, mail: Mail, signer: LinkSigner, policy: Policy, sms: Sms | None = None) -> None:
    """Tell customers what happens to their repair. Importing this module registers nothing."""
    channels: frozenset[SendingChannel] = frozenset({"mail"} if sms is None else {"mail", "sms"})
    desk = Desk(policy, Templates.load(time_zone=policy.time_zone), channels, signer.approve_url)
    asked: set[UUID] = set()

    @app.agent(NOTIFICATION_COMMANDS, emits=(NOTIFICATION_EVENTS,), state=OUTBOXES)
    async def notify(command: Message, envelope: Envelope, outbox: OutboxView | None) -> Outcome:
        # A wish that lay in the log for hours must not ring at night: here the hour of sending counts.
        now = max(envelope.time, app.wall_clock.now())
        customer_id = addressee(command, outbox)
        contact = await vault.get(customer_id) if customer_id is not None else None
        planned = plan(command, envelope.id, contact, outbox, now, desk)
        return await hand_over(planned, now) if isinstance(planned, Send) else planned

    async def hand_over(send: Send, now: datetime) -> Emit:
        try:
            if isinstance(send.message, OutgoingMail):
                return sent(send, await mail.send(send.message), now)
            assert sms is not None
            return sent(send, await sms.send(send.message), now)
        except Refused as error:
            return refused(send, error.code, now)

    @app.every(policy.look_every_s, tells=NOTIFICATION_COMMANDS)
    async def look_through_the_outbox() -> None:
        waiting = due(app.states(OUTBOXES), app.wall_clock.now())
        asked.intersection_update(one.id for one in waiting)
        for one in waiting:
            if one.id not in asked:
                await app.tell(one.command, correlation_id=one.command.ticket_id, id=one.id)
                asked.add(one.id)
