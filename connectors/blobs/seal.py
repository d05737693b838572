"""The sealed form of an object: AES-256-GCM in chunks of 64 KiB, so that a part can be read and proved alone.

::

    chunk 0 | chunk 1 | ... | last chunk | footer
    footer = sealed(SHA-256 and size of the plain bytes) | salt | key id | magic

This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, CRYPTO 2015) under a key of the object's own, derived by HKDF-SHA-256 from the shop's
key, a random salt, and the object's bucket and key. The nonce is the chunk's number, which never repeats under that
key, and whether it is the last: a chunk that was changed, moved, left out or taken from elsewhere does not open. What
describes the object stands at its end, because a stream's hash is known only then.
"""

import hashlib
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
KEY_ID_BYTES = 8
_MAGIC = b"NZBLOB1\n"
_SALT_BYTES = 32
_SUMMARY_BYTES = 32 + 8
FOOTER_BYTES = _SUMMARY_BYTES + TAG_BYTES + _SALT_BYTES + KEY_ID_BYTES + len(_MAGIC)
_NOT_LAST, _LAST, _SUMMARY = 0, 1, 2


class NotOpened(Exception):
    """A chunk or footer that this key did not seal in this place."""


@dataclass(frozen=True, slots=True)
class Footer:
    """The plain part of a footer, and the sealed summary."""

    key_id: bytes
    salt: bytes
    sealed_summary: bytes


def read_footer(tail: bytes) -> Footer | None:
    """Return the footer that ends ``tail``; None when the object is not sealed."""
    if len(tail) < FOOTER_BYTES or not tail.endswith(_MAGIC):
        return None
    footer = tail[-FOOTER_BYTES:]
    summary_end = _SUMMARY_BYTES + TAG_BYTES
    salt_end = summary_end + _SALT_BYTES
    return Footer(footer[salt_end : salt_end + KEY_ID_BYTES], footer[summary_end:salt_end], footer[:summary_end])


def sealed_size(plain_bytes: int) -> int:
    """Return how large an object of ``plain_bytes`` (at least 1) is when sealed."""
    return plain_bytes + chunks_of(plain_bytes) * TAG_BYTES + FOOTER_BYTES


def chunks_of(plain_bytes: int) -> int:
    """Return how many chunks an object of ``plain_bytes`` has."""
    return -(-plain_bytes // CHUNK_BYTES)


def new_salt() -> bytes:
    """Return a salt for one object; its key is used for that object alone."""
    return secrets.token_bytes(_SALT_BYTES)


class ObjectCipher:
    """Seals and opens the chunks of one object. ``shop_key`` is 32 bytes, ``key_id`` their name."""

    def __init__(self, shop_key: bytes, key_id: bytes, salt: bytes, bucket: str, key: str) -> None:
        name = b"\0".join((_MAGIC, bucket.encode(), key.encode()))
        self._aead = AESGCM(HKDF(SHA256(), 32, salt, name).derive(shop_key))
        self._key_id = key_id
        self._salt = salt

    def seal(self, plain: bytes, first_chunk: int, *, ends: bool) -> bytes:
        """Seal whole chunks that begin at number ``first_chunk``; ``ends``: the last of them ends the object."""
        last = chunks_of(len(plain)) - 1
        view = memoryview(plain)
        return b"".join(
            self._aead.encrypt(
                _nonce(first_chunk + n, _LAST if ends and n == last else _NOT_LAST),
                view[n * CHUNK_BYTES : (n + 1) * CHUNK_BYTES],
                None,
            )
            for n in range(last + 1)
        )

    def open(self, sealed: bytes, first_chunk: int, *, ends: bool) -> bytes:
        """Open what :meth:`seal` made.

        Raises:
            NotOpened: changed, moved, or cut.
        """
        step = CHUNK_BYTES + TAG_BYTES
        last = -(-len(sealed) // step) - 1
        view = memoryview(sealed)
        try:
            return b"".join(
                self._aead.decrypt(
                    _nonce(first_chunk + n, _LAST if ends and n == last else _NOT_LAST),
                    view[n * step : (n + 1) * step],
                    None,
                )
                for n in range(last + 1)
            )
        except (InvalidTag, ValueError) as error:
            raise NotOpened from error

    def footer(self, sha256: str, plain_bytes: int) -> bytes:
        """Return the footer of an object with this content."""
        summary = bytes.fromhex(sha256) + plain_bytes.to_bytes(8, "big")
        sealed = self._aead.encrypt(_nonce(0, _SUMMARY), summary, None)
        return sealed + self._salt + self._key_id + _MAGIC

    def summary(self, footer: Footer) -> tuple[str, int]:
        """Return SHA-256 and size of the plain bytes; raises as :meth:`open` does."""
        try:
            summary = self._aead.decrypt(_nonce(0, _SUMMARY), footer.sealed_summary, None)
        except InvalidTag as error:
            raise NotOpened from error
        return summary[:32].hex(), int.from_bytes(summary[32:], "big")


def key_name(shop_key: bytes) -> bytes:
    """Return 8 bytes that name a key without telling anything about it."""
    return hashlib.sha256(b"noizylab blob key id\0" + shop_key).digest()[:KEY_ID_BYTES]


def _nonce(number: int, kind: int) -> bytes:
    return kind.to_bytes(4, "big") + number.to_bytes(8, "big")
