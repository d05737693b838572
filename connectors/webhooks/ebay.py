"""eBay's notifications: ``X-EBAY-SIGNATURE`` is base64 JSON with a key id and an ECDSA signature over the body.

After eBay's "Marketplace user account deletion/closure notifications" and its event notification SDK. A new address is
proved by a challenge: SHA-256 over challenge code, verification token and address.
"""

import binascii
import hashlib
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import parse_qs, urlsplit

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.webhooks.check import delivery_id, hook_type, json_object, part
from connectors.webhooks.port import Delivery, Incoming, Unverified


@dataclass(frozen=True, slots=True)
class EbayKey:
    """One of eBay's public keys. eBay signs with SHA-1 so far; which digest it is stands beside the key."""

    key: ec.EllipticCurvePublicKey
    digest: Literal["SHA1", "SHA256"]


class EbayKeys(Protocol):
    """Where eBay's public keys come from."""

    async def get(self, key_id: str) -> EbayKey | None:
        """Return a key; None when eBay has none of this id.

        Raises:
            Transient: eBay does not answer.
            Misconfigured: eBay does not know this application.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ebay:
    """Verifies eBay's notifications. The first secret is the verification token."""

    secrets: tuple[str, ...]
    keys: EbayKeys

    async def verify(self, incoming: Incoming, now: datetime) -> Delivery:
        """See :class:`Verifier`. eBay signs no time: a repetition is the same notification by its id."""
        key_id, signature = _signature(incoming.headers.get("x-ebay-signature", ""))
        found = await self.keys.get(key_id)
        if found is None:
            raise Unverified("key_unknown")
        digest = hashes.SHA1() if found.digest == "SHA1" else hashes.SHA256()  # noqa: S303 - eBay's choice
        try:
            found.key.verify(signature, incoming.body, ec.ECDSA(digest))
        except InvalidSignature as error:
            raise Unverified("signature_wrong") from error
        data = json_object(incoming.body)
        notified = part(data, "notification").get("notificationId")
        topic = part(data, "metadata").get("topic")
        return Delivery(delivery_id(notified, incoming.body), hook_type(topic), key_id)

    def answer(self, incoming: Incoming) -> bytes:
        """See :class:`Challenged`."""
        url = urlsplit(incoming.url)
        codes = parse_qs(url.query).get("challenge_code", [])
        if len(codes) != 1:
            raise Unverified("challenge_missing")
        endpoint = url._replace(query="", fragment="").geturl()
        proof = hashlib.sha256((codes[0] + self.secrets[0] + endpoint).encode()).hexdigest()
        return orjson.dumps({"challengeResponse": proof})


def _signature(header: str) -> tuple[str, bytes]:
    if not header:
        raise Unverified("signature_missing")
    try:
        data = json_object(b64decode(header, validate=True))
        key_id, signature = data.get("kid"), b64decode(str(data.get("signature", "")) + "==")
    except (binascii.Error, ValueError) as error:
        raise Unverified("signature_malformed") from error
    if not isinstance(key_id, str) or not key_id.replace("-", "").isalnum() or len(key_id) > 80 or not signature:
        raise Unverified("signature_malformed")
    return key_id, signature
