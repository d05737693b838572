"""The server's half of SCRAM (RFC 5802, RFC 7677), without channel binding. Pure but for the nonce."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from infra.broker.users import MECHANISMS, Credential

_NONCE_BYTES = 24
_LONGEST_MESSAGE = 4096


class LoginRefusedError(Exception):
    """The messages are not SCRAM, or the proof is not the password's. The text is for the broker's log alone."""


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """The first message of a client."""

    header: str
    bare: str
    user: str
    nonce: str


def parse_first(message: bytes) -> ClientFirst:
    """Read `n,,n=USER,r=NONCE`.

    Raises:
        LoginRefusedError: it is something else.
    """
    text = _text(message)
    flag, authorized_as, bare = (*text.split(",", 2), "", "")[:3]
    if flag not in ("n", "y"):
        raise LoginRefusedError("channel binding is not supported")
    parts = bare.split(",")
    if len(parts) < 2 or not parts[0].startswith("n=") or not parts[1].startswith("r=") or len(parts[1]) < 10:
        raise LoginRefusedError("the first message is not SCRAM")
    user = parts[0][2:].replace("=2C", ",").replace("=3D", "=")
    if authorized_as and authorized_as != f"a={parts[0][2:]}":
        raise LoginRefusedError("acting as another user is not supported")
    return ClientFirst(f"{flag},{authorized_as},", bare, user, parts[1][2:])


class Exchange:
    """One login: `first` answers the client's first message, `final` its second."""

    def __init__(self, mechanism: str, find: Callable[[str], Credential]) -> None:
        self._hash_name = MECHANISMS[mechanism]
        self._find = find
        self._first: ClientFirst | None = None
        self._credential: Credential | None = None
        self._challenge = ""
        self._nonce = ""

    @property
    def user(self) -> str:
        """The name the client gave, "?" before it did."""
        return "?" if self._first is None else self._first.user

    @property
    def begun(self) -> bool:
        """Whether the first message was answered."""
        return self._first is not None

    def first(self, message: bytes) -> bytes:
        """Answer with nonce, salt and iterations.

        Raises:
            LoginRefusedError: the message is not SCRAM.
        """
        self._first = parse_first(message)
        self._credential = self._find(self._first.user)
        self._nonce = self._first.nonce + secrets.token_urlsafe(_NONCE_BYTES)
        salt = base64.b64encode(self._credential.salt).decode()
        self._challenge = f"r={self._nonce},s={salt},i={self._credential.iterations}"
        return self._challenge.encode()

    def final(self, message: bytes) -> bytes:
        """Check the proof and answer with the server's own.

        Raises:
            LoginRefusedError: the password was another.
        """
        assert self._first is not None
        assert self._credential is not None
        text = _text(message)
        without_proof, _, proof_text = text.rpartition(",p=")
        binding = base64.b64encode(self._first.header.encode()).decode()
        if without_proof.split(",")[:2] != [f"c={binding}", f"r={self._nonce}"]:
            raise LoginRefusedError("the final message does not answer the challenge")
        try:
            proof = base64.b64decode(proof_text, validate=True)
        except (binascii.Error, ValueError):
            raise LoginRefusedError("the proof is not base64") from None
        signed = f"{self._first.bare},{self._challenge},{without_proof}".encode()
        signature = hmac.digest(self._credential.stored_key, signed, self._hash_name)
        if len(proof) != len(signature):
            raise LoginRefusedError("the proof has another length")
        client_key = bytes(one ^ other for one, other in zip(proof, signature, strict=True))
        if not hmac.compare_digest(hashlib.new(self._hash_name, client_key).digest(), self._credential.stored_key):
            raise LoginRefusedError("wrong password or unknown user")
        own = hmac.digest(self._credential.server_key, signed, self._hash_name)
        return b"v=" + base64.b64encode(own)


def _text(message: bytes) -> str:
    if len(message) > _LONGEST_MESSAGE:
        raise LoginRefusedError("the message is too long")
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise LoginRefusedError("the message is not UTF-8") from None
