"""Slack: ``X-Slack-Signature: v0=<hex>`` over ``v0:<X-Slack-Request-Timestamp>:<body>``.

After "Verifying requests from Slack". A repeated event is signed anew and has the same ``event_id``.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

import orjson

from connectors.webhooks.check import check_age, delivery_id, hook_type, json_object, matching, part
from connectors.webhooks.port import Delivery, Incoming


@dataclass(frozen=True, slots=True)
class Slack:
    """Verifies events, slash commands and the handshake of a new address."""

    secrets: tuple[str, ...]

    async def verify(self, incoming: Incoming, now: datetime) -> Delivery:
        """See :class:`Verifier`."""
        timestamp = incoming.headers.get("x-slack-request-timestamp", "")
        given = incoming.headers.get("x-slack-signature", "")
        signed = b"v0:%b:%b" % (timestamp.encode("utf-8", "replace"), incoming.body)
        place = matching(
            self.secrets,
            lambda secret: "v0=" + hmac.new(secret, signed, hashlib.sha256).hexdigest(),
            [given] if given else [],
        )
        check_age(timestamp, now)
        data = json_object(incoming.body)
        reply = None
        if data.get("type") == "url_verification" and isinstance(data.get("challenge"), str):
            reply = orjson.dumps({"challenge": data["challenge"]})
        event = part(data, "event")
        kind = hook_type(event.get("type"), data.get("type"), _form_type(incoming.body))
        return Delivery(delivery_id(data.get("event_id"), signed), kind, place, reply)


def _form_type(body: bytes) -> str | None:
    """Return what a form is about: slash commands come as one."""
    return "slash_command" if "command" in parse_qs(body.decode("utf-8", "replace")) else None
