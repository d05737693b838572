"""Who may log in: a private file of salted SCRAM credentials. It never holds a password.

JSON: user name -> mechanism -> salt, stored key and server key (base64) and the number of iterations (RFC 5802).
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.broker.errors import BrokerError

MECHANISMS = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
"""Name of the mechanism and of its hash."""
SHORTEST_PASSWORD = 8
_ITERATIONS = 8192
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Credential:
    """What the server knows of a password for one mechanism."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def derive(password: str, hash_name: str, salt: bytes, iterations: int = _ITERATIONS) -> Credential:
    """Credential of a password (RFC 5802 section 3)."""
    prepared = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac(hash_name, prepared, salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    stored_key = hashlib.new(hash_name, client_key).digest()
    return Credential(salt, iterations, stored_key, hmac.digest(salted, b"Server Key", hash_name))


class Users:
    """The file. It is read at every login, so a change holds from the next one on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._secret = secrets.token_bytes(32)

    def names(self) -> list[str]:
        """Every user.

        Raises:
            BrokerError: the file cannot be read, or others can read it too.
        """
        return sorted(self._read())

    def find(self, name: str, mechanism: str) -> Credential | None:
        """Credential of a user, None for an unknown one.

        Raises:
            BrokerError: see `names`.
        """
        entry = self._read().get(name, {}).get(mechanism)
        if entry is None:
            return None
        keys = (base64.b64decode(entry[field]) for field in ("stored_key", "server_key"))
        return Credential(base64.b64decode(entry["salt"]), int(entry["iterations"]), *keys)

    def decoy(self, name: str, mechanism: str) -> Credential:
        """What an unknown user is shown, the same at every try, so that nobody learns which names exist."""
        salt = hmac.digest(self._secret, f"{mechanism} {name}".encode(), "sha256")[:_SALT_BYTES]
        return Credential(salt, _ITERATIONS, secrets.token_bytes(64), secrets.token_bytes(64))

    def add(self, name: str, password: str) -> None:
        """Add a user or change the password of one.

        Raises:
            BrokerError: the name or the password will not do, or the file cannot be written.
        """
        if not name or len(name) > 100 or not name.isprintable():
            raise BrokerError("a user name has 1 to 100 printable characters")
        if len(password) < SHORTEST_PASSWORD:
            raise BrokerError(f"a password has at least {SHORTEST_PASSWORD} characters")
        known = self._read() if self._path.exists() else {}
        known[name] = {}
        for mechanism, hash_name in MECHANISMS.items():
            made = derive(password, hash_name, secrets.token_bytes(_SALT_BYTES))
            known[name][mechanism] = {
                "salt": base64.b64encode(made.salt).decode(),
                "iterations": made.iterations,
                "stored_key": base64.b64encode(made.stored_key).decode(),
                "server_key": base64.b64encode(made.server_key).decode(),
            }
        self._write(known)

    def remove(self, name: str) -> None:
        """Remove a user; connections that are logged in stay until they end.

        Raises:
            BrokerError: there is no such user.
        """
        known = self._read()
        if known.pop(name, None) is None:
            raise BrokerError(f"there is no user {name!r}; `noizylab broker user list` shows them")
        self._write(known)

    def _read(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                found: dict[str, Any] = json.load(file)
        except FileNotFoundError:
            raise BrokerError(f"{self._path} is not there; `noizylab broker user add NAME` makes it") from None
        except (OSError, ValueError) as error:
            raise BrokerError(f"{self._path} cannot be read as the file of users: {error}") from error
        if os.name == "posix" and mode & 0o077:
            raise BrokerError(f"{self._path} can be read by others; run `chmod 600 {self._path}`")
        return found

    def _write(self, known: dict[str, Any]) -> None:
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump(known, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise BrokerError(f"{self._path} cannot be written: {error}") from error
