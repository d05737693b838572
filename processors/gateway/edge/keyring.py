"""API keys, and those of them that lie in a file.

The file is for what must work before a shop is up: its first key, demos, benchmarks. Keys that the API makes are on
the log (``schemas/api_keys.py``), under the same pepper. A key itself is shown once, when it is made.
"""

import hashlib
import hmac
import os
import re
import secrets
import string
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.errors import Misconfigured
from processors.gateway.access.roles import SCOPES, Scope
from schemas.core.ids import DEFAULT_WORKSPACE, WorkspaceId
from schemas.core.text import ShortText
from schemas.core.time import UtcTime

__all__ = ["SCOPES", "KeyRecord", "Keyring", "NewKey", "Scope"]

_KEY = re.compile(r"nzl_([a-z]{2,8})_([0-9A-Za-z]{8})_([0-9A-Za-z_-]{43})")
_ID_ALPHABET = string.ascii_letters + string.digits
_NO_SUCH_MAC = bytes(32)


class KeyRecord(BaseModel):
    """What is kept of a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: ShortText
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    scopes: frozenset[Scope]
    mac: str
    created_at: UtcTime
    expires_at: UtcTime | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether the key opens ``scope``."""
        return scope in self.scopes or "admin" in self.scopes


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: tuple[KeyRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class NewKey:
    """A fresh key. ``key`` is never to be had again."""

    key: str
    record: KeyRecord


class Keyring:
    """The keys in a JSON file that only its owner may read.

    Kept is HMAC-SHA-256 under ``pepper``, which lies elsewhere: a key has 256 random bits, so a slow password hash
    would add nothing but load. The file is read again when it changes, so a revoked key stops working at once.
    """

    def __init__(self, path: Path, pepper: bytes, *, environment: str = "live") -> None:
        if len(pepper) < 16:
            raise Misconfigured("the key pepper needs at least 16 bytes; make a random one")
        if not re.fullmatch("[a-z]{2,8}", environment):
            raise Misconfigured(f"key environment {environment!r}: use 2 to 8 letters a-z, such as 'live' or 'test'")
        self._path = path
        self._pepper = pepper
        self._environment = environment
        self._stamp: tuple[int, int, int] | None = None
        self._records: dict[str, KeyRecord] = {}

    def create(
        self,
        name: str,
        scopes: frozenset[Scope],
        *,
        now: datetime,
        expires_at: datetime | None = None,
        workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
    ) -> NewKey:
        """Make a key, keep its hash, and return it: the only moment it is readable."""
        key_id, key, mac = self.mint()
        record = KeyRecord(
            id=key_id,
            name=name,
            workspace_id=workspace_id,
            scopes=scopes,
            mac=mac,
            created_at=now,
            expires_at=expires_at,
        )
        self._load()
        self._save({**self._records, key_id: record})
        return NewKey(key, record)

    def revoke(self, key_id: str) -> bool:
        """Remove a key; False when there is none with this id."""
        self._load()
        if key_id not in self._records:
            return False
        self._save({other: record for other, record in self._records.items() if other != key_id})
        return True

    def list(self) -> tuple[KeyRecord, ...]:
        """Return what is kept of all keys, oldest first."""
        self._load()
        return tuple(sorted(self._records.values(), key=lambda record: (record.created_at, record.id)))

    def mint(self) -> tuple[str, str, str]:
        """Return the id of a fresh key, the key, and what is to be kept of it. Nothing is written."""
        key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(8))
        key = f"nzl_{self._environment}_{key_id}_{secrets.token_urlsafe(32)}"
        return key_id, key, self._mac(key).hex()

    def find(self, key_id: str, *, now: datetime) -> KeyRecord | None:
        """Return the record of a key of the file by its id, if the key is good now."""
        self._load()
        record = self._records.get(key_id)
        return None if record is None or (record.expires_at is not None and now >= record.expires_at) else record

    def id_in(self, key: str) -> str | None:
        """Return the id that a text of the form of our keys names; None for any other text."""
        match = _KEY.fullmatch(key)
        return match[2] if match is not None and match[1] == self._environment else None

    def fits(self, key: str, mac: str | None) -> bool:
        """Whether ``mac`` is what was kept of a key. Takes the same time where nothing was."""
        expected = bytes.fromhex(mac) if mac else _NO_SUCH_MAC
        return hmac.compare_digest(self._mac(key), expected) and mac is not None

    def verify(self, key: str, *, now: datetime) -> KeyRecord | None:
        """Return the record of a key of the file that is good now, or None. Takes the same time for an unknown id."""
        key_id = self.id_in(key)
        if key_id is None:
            return None
        self._load()
        record = self._records.get(key_id)
        good = self.fits(key, record.mac if record else None)
        if record is None or not good or (record.expires_at is not None and now >= record.expires_at):
            return None
        return record

    def _mac(self, key: str) -> bytes:
        return hmac.digest(self._pepper, key.encode(), hashlib.sha256)

    def _load(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._records, self._stamp = {}, None
            return
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._stamp:
            return
        try:
            found = _File.model_validate_json(self._path.read_bytes())
        except ValidationError as error:
            raise Misconfigured(f"{self._path} is no keyring: {error.error_count()} faults; restore it") from error
        self._records = {record.id: record for record in found.keys}
        self._stamp = stamp

    def _save(self, records: dict[str, KeyRecord]) -> None:
        """Replace the file in one step. ``mkstemp`` gives it mode 0600 from the first byte on."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".keyring-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_File(keys=tuple(records.values())).model_dump_json(indent=1).encode())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._path)
        finally:
            Path(temporary).unlink(missing_ok=True)
        self._load()
