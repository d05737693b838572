"""SendGrid's event webhook: ECDSA on P-256 with SHA-256 over timestamp and body; the setting is the public key.

After SendGrid's "Getting Started with the Event Webhook Security Features": the key is the base64 DER that SendGrid
shows, the signature is base64 DER.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from connectors.errors import Misconfigured
from connectors.webhooks.check import check_age, delivery_id, hook_type
from connectors.webhooks.port import Delivery, Incoming, Unverified

OLDEST = timedelta(hours=24)
"""SendGrid repeats for a day, and does not say whether it signs a repetition anew."""


@dataclass(frozen=True, slots=True)
class SendGrid:
    """Verifies batches of mail events. A secret is a verification key."""

    secrets: tuple[str, ...]

    def __post_init__(self) -> None:
        for key in self.secrets:
            _public_key(key)

    async def verify(self, incoming: Incoming, now: datetime) -> Delivery:
        """See :class:`Verifier`."""
        timestamp = incoming.headers.get("x-twilio-email-event-webhook-timestamp", "")
        given = incoming.headers.get("x-twilio-email-event-webhook-signature", "")
        if not given:
            raise Unverified("signature_missing")
        signed = timestamp.encode("utf-8", "replace") + incoming.body
        place = self._place(given, signed)
        check_age(timestamp, now, OLDEST)
        return Delivery(delivery_id(None, signed), _kind(incoming.body), place)

    def _place(self, given: str, signed: bytes) -> str:
        try:
            signature = b64decode(given, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unverified("signature_malformed") from error
        for place, key in enumerate(self.secrets, start=1):
            try:
                _public_key(key).verify(signature, signed, ec.ECDSA(hashes.SHA256()))
            except InvalidSignature:
                continue
            return str(place)
        raise Unverified("signature_wrong")


def _public_key(text: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Misconfigured("NOIZYLAB_HOOK_SENDGRID_SECRET is no verification key; copy it from SendGrid") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Misconfigured("NOIZYLAB_HOOK_SENDGRID_SECRET is no key on P-256; copy the verification key of SendGrid")
    return key


def _kind(body: bytes) -> str:
    """Return the one kind of event that a batch holds, ``batch`` for several."""
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "unknown"
    kinds = {one.get("event") for one in events if isinstance(one, dict)} if isinstance(events, list) else set()
    return hook_type(*kinds) if len(kinds) == 1 else "batch" if kinds else "unknown"
