"""Passcodes of devices over an object store, each under a key of its own.

``passcode-keys/<ticket>/<number>`` is a data key under a key that HKDF-SHA-256 (RFC 5869) derives from the shop's
master key for this purpose alone; ``passcodes/<ticket>/<number>`` is the passcode under the data key. Both AES-256-GCM
(NIST SP 800-38D) with random 96-bit nonces, the name as associated data, so that records cannot be swapped. Without
the small key record a passcode cannot be read any more, in no copy of the bucket's other half.
"""

import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ConfigDict, Field, ValidationError, model_validator

from connectors.blobs.port import BlobExists, BlobMissing, BlobStore
from connectors.vault.master_key import KEY_BYTES, MasterKey
from connectors.vault.port import VaultCorrupt, WrongMasterKey
from connectors.vault.sealed import BUCKET
from schemas.core.ids import TicketId
from schemas.core.message import Value
from schemas.core.text import without_controls
from schemas.passcodes import PasscodeKind

_NONCE_BYTES = 12
_KEY_ID_BYTES = 8
_MEDIA_TYPE = "application/octet-stream"
_PIN = re.compile(r"[0-9]{4,16}")
"""Phones of today take 4 to 16 digits."""
_PATTERN = re.compile(r"(?!.*(.).*\1)[1-9]{4,9}")
"""The dots of a 3 x 3 pattern in their order, row by row from 1; each at most once, at least four."""


class Passcode(Value):
    """What opens a device. The code shows in no representation and no error.

    ``pin``: 4 to 16 digits. ``pattern``: 4 to 9 different dots of 3 x 3, as digits 1 to 9, row by row. ``password``:
    1 to 128 characters.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: PasscodeKind
    code: str = Field(min_length=1, max_length=128, repr=False)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Passcode":
        if self.kind == "pin" and not _PIN.fullmatch(self.code):
            raise ValueError("a pin is 4 to 16 digits; for anything else say password")
        if self.kind == "pattern" and not _PATTERN.fullmatch(self.code):
            raise ValueError("a pattern is 4 to 9 different dots as digits 1 to 9, row by row, each once")
        try:
            without_controls(self.code)
        except ValueError:
            raise ValueError("the code has a control character; send it as it is typed on the device") from None
        return self


class SealedPasscodes:
    """Keeps passcodes and remembers nothing. Every call may raise ``Transient`` or ``Misconfigured``."""

    def __init__(self, blobs: BlobStore, master_key: MasterKey) -> None:
        self._blobs = blobs
        self._key_id = master_key.key_id
        hkdf = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"noizylab passcodes 1")
        self._wrapping = AESGCM(hkdf.derive(master_key.secret))

    async def keep(self, ticket_id: TicketId, number: int, passcode: Passcode) -> None:
        """Seal and store a ticket's passcode of this number; the same again replaces it.

        Raises:
            WrongMasterKey: it was sealed under another master key before.
        """
        key = await self._data_key(ticket_id, number) or await self._new_data_key(ticket_id, number)
        name = _record_name(ticket_id, number)
        await self._blobs.put(BUCKET, name, _seal(key, passcode.model_dump_json().encode(), name), _MEDIA_TYPE)

    async def open(self, ticket_id: TicketId, number: int) -> Passcode | None:
        """Return a passcode; None when it never arrived or was destroyed.

        Raises:
            WrongMasterKey: it was sealed under another master key.
            VaultCorrupt: the record does not open.
        """
        key, name = await self._data_key(ticket_id, number), _record_name(ticket_id, number)
        sealed = await self._stored(name)
        if key is None or sealed is None:
            return None
        try:
            return Passcode.model_validate_json(_open(key, sealed, name))
        except ValidationError:
            raise _damaged(name) from None

    async def forget(self, ticket_id: TicketId, number: int) -> None:
        """Destroy a passcode: first its key, so that no copy can be read. An unknown one is no error."""
        await self._blobs.delete(BUCKET, _key_name(ticket_id, number))
        await self._blobs.delete(BUCKET, _record_name(ticket_id, number))

    async def _data_key(self, ticket_id: TicketId, number: int) -> AESGCM | None:
        name = _key_name(ticket_id, number)
        wrapped = await self._stored(name)
        if wrapped is None:
            return None
        key_id, sealed = wrapped[:_KEY_ID_BYTES], wrapped[_KEY_ID_BYTES:]
        if key_id != self._key_id:
            raise WrongMasterKey(
                f"{name} was sealed under master key {key_id.hex()}, the one in use is {self._key_id.hex()}; put the "
                "file of the former key back"
            )
        return AESGCM(_open(self._wrapping, sealed, name))

    async def _new_data_key(self, ticket_id: TicketId, number: int) -> AESGCM:
        name, secret = _key_name(ticket_id, number), secrets.token_bytes(KEY_BYTES)
        wrapped = self._key_id + _seal(self._wrapping, secret, name)
        try:
            await self._blobs.put(BUCKET, name, wrapped, _MEDIA_TYPE, if_absent=True)
        except BlobExists:
            # Another writer of the same passcode was first; with two keys one record could not be read.
            return await self._data_key(ticket_id, number) or await self._new_data_key(ticket_id, number)
        return AESGCM(secret)

    async def _stored(self, name: str) -> bytes | None:
        found = await self._blobs.stat(BUCKET, name)
        try:
            return None if found is None else await self._blobs.get(found.ref)
        except BlobMissing:
            return None


def _key_name(ticket_id: TicketId, number: int) -> str:
    return f"passcode-keys/{ticket_id}/{number}"


def _record_name(ticket_id: TicketId, number: int) -> str:
    return f"passcodes/{ticket_id}/{number}"


def _seal(cipher: AESGCM, plain: bytes, name: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, name.encode())


def _open(cipher: AESGCM, sealed: bytes, name: str) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError):
        raise _damaged(name) from None


def _damaged(name: str) -> VaultCorrupt:
    return VaultCorrupt(f"{name} does not open: it was damaged, changed or moved; ask the customer and store it again")
