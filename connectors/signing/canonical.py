"""What of a call is signed, and the header that carries the signature. Pure.

HMAC-SHA-256 over method, path, query, body digest, time, nonce and key id, one a line. Path and query are the bytes on
the wire: none is decoded or put in order, so there is only one reading of what was signed.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

SCHEME = "NZL-HMAC-SHA256"
KEY_ID = re.compile(r"[a-z][a-z0-9-]{0,30}")
_HEADER = re.compile(
    SCHEME
    + r' key="([a-z][a-z0-9-]{0,30})", time="([0-9]{1,12})", nonce="([0-9A-Za-z_-]{22})", signature="([0-9a-f]{64})"'
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is on the wire. ``path`` and ``query`` as sent, still encoded."""

    method: str
    path: bytes
    query: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the header says. ``time``: seconds since 1970; ``nonce``: 128 random bits."""

    key_id: str
    time: int
    nonce: str
    signature: str

    def header(self) -> str:
        """Return the value of ``Authorization``."""
        return f'{SCHEME} key="{self.key_id}", time="{self.time}", nonce="{self.nonce}", signature="{self.signature}"'


def read_header(text: str) -> Credentials | None:
    """Return what a header says; None for one that is not exactly as we write it."""
    found = _HEADER.fullmatch(text)
    return None if found is None else Credentials(found[1], int(found[2]), found[3], found[4])


def signature(key: bytes, call: Call, key_id: str, time: int, nonce: str) -> str:
    """Return the signature of a call, in hex."""
    digest = hashlib.sha256(call.body).hexdigest().encode()
    lines = (SCHEME.encode(), call.method.upper().encode(), call.path, call.query, digest)
    signed = b"\n".join((*lines, str(time).encode(), nonce.encode(), key_id.encode()))
    return hmac.digest(key, signed, hashlib.sha256).hex()
