"""Stripe: ``Stripe-Signature: t=...,v1=...`` over ``<t>.<body>``, keyed with the endpoint's whole ``whsec_`` text.

After Stripe's "Resolve webhook signature verification errors". A repeated delivery is signed anew and has the same id.
"""

from dataclasses import dataclass
from datetime import datetime

from connectors.webhooks.check import delivery_id, hook_type, json_object, timestamped
from connectors.webhooks.port import Delivery, Incoming


@dataclass(frozen=True, slots=True)
class Stripe:
    """Verifies Stripe's events."""

    secrets: tuple[str, ...]

    async def verify(self, incoming: Incoming, now: datetime) -> Delivery:
        """See :class:`Verifier`."""
        header = incoming.headers.get("stripe-signature", "")
        place, _ = timestamped(header, incoming.body, self.secrets, now)
        event = json_object(incoming.body)
        return Delivery(delivery_id(event.get("id"), incoming.body), hook_type(event.get("type")), place)
