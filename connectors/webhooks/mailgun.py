"""Mailgun: the signature is inside the JSON, HMAC-SHA-256 over ``timestamp`` and ``token``; the body is not signed.

After Mailgun's "Securing Webhooks". So the token is the delivery: the same token with another body is the same
delivery, and changes nothing. A subaccount's events carry the primary account's signature as well.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.webhooks.check import check_age, delivery_id, hook_type, json_object, matching, part
from connectors.webhooks.port import Delivery, Incoming

OLDEST = timedelta(hours=24)
"""Mailgun repeats for eight hours, and does not say whether it signs a repetition anew."""


@dataclass(frozen=True, slots=True)
class Mailgun:
    """Verifies Mailgun's events."""

    secrets: tuple[str, ...]

    async def verify(self, incoming: Incoming, now: datetime) -> Delivery:
        """See :class:`Verifier`."""
        data = json_object(incoming.body)
        signature = part(data, "signature")
        timestamp, token = str(signature.get("timestamp", "")), str(signature.get("token", ""))
        signed = (timestamp + token).encode("utf-8", "replace")
        given = [one for name in ("signature", "parent-signature") if isinstance(one := signature.get(name), str)]
        place = matching(self.secrets, lambda secret: hmac.new(secret, signed, hashlib.sha256).hexdigest(), given)
        check_age(timestamp, now, OLDEST)
        return Delivery(delivery_id(token, signed), hook_type(part(data, "event-data").get("event")), place)
