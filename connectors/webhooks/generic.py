"""Everybody else: ``X-NoizyLab-Signature: t=<seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">``."""

from dataclasses import dataclass
from datetime import datetime

from connectors.webhooks.check import delivery_id, hook_type, json_object, timestamped
from connectors.webhooks.port import Delivery, Incoming


@dataclass(frozen=True, slots=True)
class Generic:
    """Verifies whoever was given a secret of ours. ``id`` and ``type`` of a JSON body name the delivery."""

    secrets: tuple[str, ...]

    async def verify(self, incoming: Incoming, now: datetime) -> Delivery:
        """See :class:`Verifier`."""
        header = incoming.headers.get("x-noizylab-signature", "")
        place, timestamp = timestamped(header, incoming.body, self.secrets, now)
        data = json_object(incoming.body)
        signed = timestamp.encode() + b"." + incoming.body
        return Delivery(delivery_id(data.get("id"), signed), hook_type(data.get("type")), place)
