"""What of a call is signed, and the header that carries the signature. Pure.

HMAC-SHA-256 over method, path, query, body digest, time, nonce and key id, one a line. Path and query are the bytes on
the wire: none is decoded or put in order, so there is only one reading of what was signed. The header names the body's
digest, so that whose call it is can be told before a long body was taken, and the body be held against it as it comes.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

SCHEME = "NZL-HMAC-SHA256"
KEY_ID = re.compile(r"[a-z][a-z0-9-]{0,30}")
_HEADER = re.compile(
    SCHEME
    + r' key="([a-z][a-z0-9-]{0,30})", time="([0-9]{1,12})", nonce="([0-9A-Za-z_-]{22})", body="([0-9a-f]{64})", '
    r'signature="([0-9a-f]{64})"'
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is on the wire, without its body. ``path`` and ``query`` as sent, still encoded."""

    method: str
    path: bytes
    query: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the header says. ``time``: seconds since 1970; ``nonce``: 128 random bits; ``body``: SHA-256 in hex."""

    key_id: str
    time: int
    nonce: str
    body: str
    signature: str

    def header(self) -> str:
        """Return the value of ``Authorization``."""
        return (
            f'{SCHEME} key="{self.key_id}", time="{self.time}", nonce="{self.nonce}", body="{self.body}", '
            f'signature="{self.signature}"'
        )


def is_signed(authorization: str) -> bool:
    """Whether a header says that a service signed the call."""
    return authorization.partition(" ")[0] == SCHEME


def read_header(text: str) -> Credentials | None:
    """Return what a header says; None for one that is not exactly as we write it."""
    found = _HEADER.fullmatch(text)
    return None if found is None else Credentials(found[1], int(found[2]), found[3], found[4], found[5])


def digest_of(body: bytes) -> str:
    """Return the digest of a whole body, in hex."""
    return hashlib.sha256(body).hexdigest()


def signed(key: bytes, call: Call, key_id: str, time: int, nonce: str, body: str) -> Credentials:
    """Return what is to be sent with a call whose body has the digest ``body``."""
    lines = (SCHEME.encode(), call.method.upper().encode(), call.path, call.query, body.encode())
    text = b"\n".join((*lines, str(time).encode(), nonce.encode(), key_id.encode()))
    return Credentials(key_id, time, nonce, body, hmac.digest(key, text, hashlib.sha256).hex())
