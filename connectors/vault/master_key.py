"""The shop's master key: 32 random bytes in a file that only its owner can read."""

import base64
import binascii
import hashlib
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import Misconfigured
from connectors.files import write_once

KEY_BYTES = 32
_READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that wraps the data keys of all customers. It never shows in a representation."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise Misconfigured(f"master key has {len(self.secret)} bytes, expected {KEY_BYTES}")

    @property
    def key_id(self) -> bytes:
        """Return 8 bytes that name the key without telling anything about it."""
        return hashlib.sha256(b"noizylab master key id\0" + self.secret).digest()[:8]


def load_or_create_master_key(path: Path) -> MasterKey:
    """Return the key in ``path``; at the first start make one, readable by its owner only.

    Two processes that start together end with one key: the file gets its name complete, and only if it is free.
    Back the file up apart from the data: without it no contact can be read, with it and the data every one can.

    Raises:
        Misconfigured: others can read the file, or it holds something else; says what to do.
    """
    if not path.exists():
        _create(path)
    return _load(path)


def _create(path: Path) -> None:
    try:
        write_once(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
    except OSError as error:
        raise Misconfigured(f"master key {path}: cannot be created: {error}; choose a place this user owns") from error


def _load(path: Path) -> MasterKey:
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"master key {path}: cannot be read: {error}") from error
    if mode & _READABLE_BY_OTHERS:
        raise Misconfigured(f"master key {path}: others can read it (mode {mode & 0o777:04o}); run chmod 600 on it")
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise Misconfigured(f"master key {path}: not base64; restore the file from its backup") from error
    if len(secret) != KEY_BYTES:
        raise Misconfigured(f"master key {path}: {len(secret)} bytes, expected {KEY_BYTES}; restore it from its backup")
    return MasterKey(secret)
