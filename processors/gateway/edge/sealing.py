"""Sealing an answer so that only its caller, with its own key, can have it read again.

An answer may hold what is never on the log: a secret that is shown once, a person's name. So the record holds it under
AES-256-GCM, with a key that takes a secret of the shop, the caller and the caller's ``Idempotency-Key`` to make.
"""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class SealBroken(ValueError):
    """A sealed answer that does not open: of another shop's secret, or changed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, the headers that belong to it, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """What is made of one caller's key. ``name`` is how the log knows it."""

    name: str
    _key: bytes
    _mac_key: bytes

    @classmethod
    def of(cls, secret: bytes, *parts: str) -> "Seal":
        """Return the seal of ``parts``: who asks, and with which key."""
        text = "\0".join(parts).encode()
        name, key, mac_key = (
            hmac.digest(secret, b"noizylab.answer.%b\0" % use + text, hashlib.sha256)
            for use in (b"name", b"key", b"mac")
        )
        return cls(name.hex(), key, mac_key)

    def fingerprint(self, digest: bytes) -> str:
        """Return what the log may know of a request's digest: enough to tell another request from the same."""
        return hmac.digest(self._mac_key, digest, hashlib.sha256).hex()

    def close(self, answer: Answer) -> str:
        """Return an answer sealed, in base64."""
        head = orjson.dumps([answer.status, answer.headers])
        plain = len(head).to_bytes(4, "big") + head + answer.body
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + AESGCM(self._key).encrypt(nonce, plain, self.name.encode())).decode()

    def open(self, sealed: str) -> Answer:
        """Return a sealed answer.

        Raises:
            SealBroken: it was sealed with something else, or changed.
        """
        try:
            raw = base64.b64decode(sealed, validate=True)
            plain = AESGCM(self._key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self.name.encode())
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise SealBroken("a kept answer does not open; was the edge's secret changed?") from error
        length = int.from_bytes(plain[:4], "big")
        status, headers = orjson.loads(plain[4 : 4 + length])
        return Answer(status, tuple((name, value) for name, value in headers), plain[4 + length :])
