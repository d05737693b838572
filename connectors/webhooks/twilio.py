"""Twilio: ``X-Twilio-Signature``, base64 of HMAC-SHA-1 over the public address and the sorted form.

After Twilio's "Validating requests". A body that is no form is signed through ``bodySHA256`` in the query. No time is
signed, so a repetition is always good, and always the same delivery.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlsplit

from connectors.webhooks.check import hook_type, matching
from connectors.webhooks.port import Delivery, Incoming, Unverified

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Twilio:
    """Verifies Twilio's callbacks. A secret is the account's auth token."""

    secrets: tuple[str, ...]

    async def verify(self, incoming: Incoming, now: datetime) -> Delivery:
        """See :class:`Verifier`."""
        url = urlsplit(incoming.url)
        form = _signed_form(incoming, url)
        given = incoming.headers.get("x-twilio-signature", "")
        signed = [address + "".join(f"{name}{value}" for name, value in form) for address in _addresses(url)]
        place = self._place(signed, [given] if given else [])
        return Delivery(hashlib.sha256(signed[0].encode()).hexdigest(), _kind(dict(form)), place)

    def _place(self, signed: Sequence[str], given: Sequence[str]) -> str:
        without_port, with_port = (_signer(text.encode()) for text in signed)
        try:
            return matching(self.secrets, without_port, given)
        except Unverified:
            return matching(self.secrets, with_port, given)


def _signer(text: bytes) -> Callable[[bytes], str]:
    return lambda secret: b64encode(hmac.new(secret, text, hashlib.sha1).digest()).decode()


def _signed_form(incoming: Incoming, url: SplitResult) -> list[tuple[str, str]]:
    """Return the signed fields, sorted, each pair once.

    Raises:
        Unverified: the body is covered by nothing.
    """
    announced = parse_qs(url.query).get("bodySHA256", [])
    if announced:
        if not hmac.compare_digest(hashlib.sha256(incoming.body).hexdigest().encode(), announced[0].encode()):
            raise Unverified("body_changed")
        return []
    if not incoming.body:
        return []
    if incoming.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Unverified("body_unsigned")
    try:
        return sorted(set(parse_qsl(incoming.body.decode(), keep_blank_values=True, strict_parsing=True)))
    except ValueError as error:
        raise Unverified("form_malformed") from error


def _addresses(url: SplitResult) -> tuple[str, str]:
    """Return the address without and with its port: Twilio signs sometimes the one, sometimes the other."""
    host = url.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = url.port or (443 if url.scheme == "https" else 80)
    return url._replace(netloc=host).geturl(), url._replace(netloc=f"{host}:{port}").geturl()


def _kind(fields: dict[str, str]) -> str:
    for name, about in (("MessageStatus", "message"), ("CallStatus", "call")):
        if name in fields:
            return hook_type(f"{about}.{fields[name]}")
    return "message.received" if "MessageSid" in fields else "unknown"
