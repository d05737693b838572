"""The auditor's key: Ed25519, made at first start, one private file in the shop's secrets."""

import base64
import binascii
import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from connectors.errors import Misconfigured
from connectors.files import write_once


class SigningKey:
    """The private key. ``id``: the first 16 hexadecimal digits of the SHA-256 of the public one."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.id = _id(private.public_key())

    @classmethod
    def load_or_create(cls, home: Path) -> "SigningKey":
        """Return the key of the shop at ``home``; the first process to ask makes it.

        Raises:
            Misconfigured: the file cannot be written or holds no such key.
        """
        path = key_file(home)
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            write_once(path, made)
        except OSError as error:
            raise Misconfigured(f"secret {path}: {error}; choose a NOIZYLAB_HOME this user owns") from error
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Read a private key.

        Raises:
            Misconfigured: the file cannot be read or holds no such key.
        """
        try:
            private = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise Misconfigured(f"{path} holds no private key ({error}); restore it from a backup") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise Misconfigured(f"{path} holds a key of another kind; checkpoints are signed with Ed25519")
        return cls(private)

    def sign(self, data: bytes) -> str:
        """Return the signature as base64."""
        return base64.b64encode(self._private.sign(data)).decode()


class PublicKeys:
    """The keys that checkpoints may be signed with: more than one after the key was renewed."""

    def __init__(self, pems: list[str]) -> None:
        self._keys = {_id(key): key for key in map(_public, pems)}

    def problem(self, key_id: str, data: bytes, signature: str) -> str | None:
        """Return why ``signature`` does not hold for ``data``, None when it does."""
        key = self._keys.get(key_id)
        if key is None:
            return f"key {key_id} is not among the {len(self._keys)} given (--public-key)"
        try:
            key.verify(base64.b64decode(signature, validate=True), data)
        except (InvalidSignature, binascii.Error, ValueError):
            return f"the signature of key {key_id} does not hold"
        return None


def key_file(home: Path) -> Path:
    """Return where the shop at ``home`` keeps the private key."""
    return home / "secrets" / "audit.key"


def _public(pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError as error:
        raise Misconfigured(f"not a public key in PEM form ({error}); `noizylab audit key` prints it") from error
    if not isinstance(key, Ed25519PublicKey):
        raise Misconfigured("a public key of another kind was given; checkpoints are signed with Ed25519")
    return key


def _id(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]
