"""The text-message port. Refusals are those of the mail port: ``Refused`` with the provider's code."""

from typing import Annotated, Protocol

from pydantic import AfterValidator, StringConstraints

from connectors.mail.port import MessageId
from schemas.core.message import Value
from schemas.core.text import without_controls

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
"""E.164: plus, country code, at most 15 digits."""
SmsText = Annotated[str, StringConstraints(min_length=1, max_length=1600), AfterValidator(without_controls)]
"""Carriers join up to 10 segments of 160 characters; beyond that a message is refused."""


class OutgoingSms(Value):
    """One text message. ``message_id`` is derived from what caused it, so the same wish is the same message."""

    message_id: MessageId
    to: PhoneNumber
    text: SmsText


class Sms(Protocol):
    """Hands text messages over. Retrying is the caller's."""

    async def send(self, message: OutgoingSms) -> str:
        """Hand one message over; return the provider's id of it.

        Raises:
            Transient: the provider is away, or asks to slow down.
            Refused: this message is refused for good: the number does not exist, the customer unsubscribed.
            Misconfigured: every message would be refused: account, token, sender, directory.
        """
        ...
