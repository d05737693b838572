"""Signatures as Standard Webhooks 1.0 has them: ``webhook-id``, ``webhook-timestamp``, ``webhook-signature``. Pure.

``v1,<base64>`` is HMAC-SHA-256 over ``<id>.<seconds>.<body>``, keyed with the bytes behind ``whsec_``. Several
signatures, with blanks between, come while a secret is changed.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"


def secret_of(master: str, webhook_id: str, version: int) -> bytes:
    """Return the 32 secret bytes of a subscription: derived, so that no copy of them is kept anywhere."""
    return hmac.digest(master.encode(), f"webhook/{webhook_id}/{version}".encode(), hashlib.sha256)


def shown(secret: bytes) -> str:
    """Return a secret as its reader is given it, once."""
    return PREFIX + b64encode(secret).decode()


def signed_headers(secrets: Iterable[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of a delivery, one signature for each secret."""
    seconds = str(int(at.timestamp()))
    signed = b"%b.%b.%b" % (message_id.encode(), seconds.encode(), body)
    signatures = (b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }
