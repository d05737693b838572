"""Access tokens: short signed statements of who calls (JWT, RFC 7519; profile of RFC 9068), and the keys they bear.

What signs is loaded with the first token: it is a tenth of the time in which the gateway starts.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from connectors.errors import Misconfigured
from connectors.files import write_once

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

ALGORITHM = "Ed25519"
"""RFC 9864's name of EdDSA with this one curve. No other algorithm is ever accepted, whatever a token says."""
TYPE = "at+jwt"
KEYS_KEPT = 3
MAX_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says. ``command_id`` (``jti``) is the command that the token is the answer to."""

    user_id: str
    session_id: str
    workspace_id: str
    roles: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    command_id: UUID


class SessionKeys:
    """The signing keys in a JSON file that only its owner may read, oldest first: the newest signs, all verify.

    The file is read again when it changes, so every gateway of the machine signs with a new key at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: tuple[OKPKey, ...] = ()

    @property
    def newest(self) -> OKPKey:
        """Return the key that signs."""
        return self._load()[-1]

    def named(self, kid: object) -> OKPKey | None:
        """Return the key with this thumbprint (RFC 7638); None when it is none of ours."""
        return next((key for key in self._load() if key.thumbprint() == kid), None)

    def public(self) -> dict[str, Any]:
        """Return the public halves as a JWK set (RFC 7517)."""
        keys = [
            {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM}
            for key in self._load()
        ]
        return {"keys": keys}

    def rotate(self) -> str:
        """Add a key that signs from now on, and return its thumbprint. The oldest are let go.

        A token lives for minutes, so three keys are enough even for one who rotates in a hurry.
        """
        from joserfc.jwk import OKPKey

        fresh = OKPKey.generate_key("Ed25519")
        keys = [*self._load(), fresh][-KEYS_KEPT:]
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".session-keys-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_written(keys))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._path)
        finally:
            Path(temporary).unlink(missing_ok=True)
        return fresh.thumbprint()

    def _load(self) -> tuple[OKPKey, ...]:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            from joserfc.jwk import OKPKey

            write_once(self._path, _written([OKPKey.generate_key("Ed25519")]))
            status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._stamp:
            self._keys = _read(self._path)
            self._stamp = stamp
        return self._keys


class AccessTokens:
    """Writes and reads access tokens of one issuer, which is their only audience as well."""

    def __init__(self, keys: SessionKeys, issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer

    def write(self, claims: Claims) -> str:
        """Return a signed token."""
        from joserfc import jwt

        key = self._keys.newest
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.thumbprint()}
        body = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": claims.user_id,
            "sid": claims.session_id,
            "ws": claims.workspace_id,
            "roles": list(claims.roles),
            "iat": int(claims.issued_at.timestamp()),
            "exp": int(claims.expires_at.timestamp()),
            "jti": str(claims.command_id),
        }
        return jwt.encode(header, body, key, algorithms=[ALGORITHM])

    def read(self, token: str, *, now: datetime) -> Claims | None:
        """Return what a good token says; None for every other, whatever is wrong with it."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        if len(token) > MAX_CHARACTERS:
            return None
        try:
            found = jwt.decode(token, self._key_for, algorithms=[ALGORITHM])
            return self._checked(found.header, found.claims, now)
        except (JoseError, ValueError, KeyError, TypeError, OverflowError):
            return None

    def _key_for(self, token: Any) -> OKPKey:
        """Only a key of ours: one that the header brings along, or points to, is never looked at."""
        key = self._keys.named(token.headers().get("kid"))
        if key is None:
            raise KeyError("kid")
        return key

    def _checked(self, header: Mapping[str, Any], body: Mapping[str, Any], now: datetime) -> Claims | None:
        if header.get("typ") != TYPE or body["iss"] != self._issuer or body["aud"] != self._issuer:
            return None
        claims = Claims(
            user_id=_string(body["sub"]),
            session_id=_string(body["sid"]),
            workspace_id=_string(body["ws"]),
            roles=tuple(_string(role) for role in body["roles"]),
            issued_at=datetime.fromtimestamp(body["iat"], UTC),
            expires_at=datetime.fromtimestamp(body["exp"], UTC),
            command_id=UUID(_string(body["jti"])),
        )
        # Another gateway's clock may be a little ahead of ours.
        return claims if claims.issued_at - timedelta(seconds=30) <= now < claims.expires_at else None


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def _written(keys: Sequence[OKPKey]) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=True) for key in keys]}, indent=1).encode()


def _read(path: Path) -> tuple[OKPKey, ...]:
    from joserfc.errors import JoseError
    from joserfc.jwk import OKPKey

    try:
        keys = tuple(OKPKey.import_key(one) for one in json.loads(path.read_bytes())["keys"])
    except (ValueError, KeyError, TypeError, JoseError):
        keys = ()
    if not keys:
        raise Misconfigured(f"{path} holds no signing keys; remove it to make new ones, everybody logs in again")
    return keys
