"""The vault over an object store, each customer under a key of their own.

``keys/<id>`` is the key of a customer's contact, or of a ticket's texts, which lie sealed on the log.
``contacts/<id>`` is the contact under the customer's data key, ``keys/<id>`` is that key under the shop's master key;
both AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces, the customer id and the purpose as associated data, so
records cannot be swapped. Deleting the small key record makes every copy of the contact unreadable, those in backups
of ``contacts/`` too; so back ``keys/`` up only for as long as an erasure may take, and do not version the bucket.
"""

import asyncio
import secrets
from collections.abc import Collection

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from connectors.blobs.port import BlobCorrupt, BlobExists, BlobMissing, BlobStore
from connectors.vault.master_key import KEY_BYTES, MasterKey
from connectors.vault.port import Contact, VaultCorrupt, WrongMasterKey
from connectors.vault.texts import owner_of, seal, unseal
from schemas.core.blob_ref import BlobRef
from schemas.core.ids import CustomerId

BUCKET = "vault"
_NONCE_BYTES = 12
_KEYS_AT_ONCE = 16
_CONTACT_MAGIC = b"NZC1"
_KEY_MAGIC = b"NZK1"
_MEDIA_TYPE = "application/octet-stream"


class SealedVault:
    """A ``Vault`` that remembers nothing: every read opens the stored record."""

    def __init__(self, blobs: BlobStore, master_key: MasterKey) -> None:
        self._blobs = blobs
        self._master_key = master_key

    async def put(self, contact: Contact) -> CustomerId:
        """Seal and store a contact. A known customer keeps their data key: a crash leaves old or new, not neither."""
        customer_id = contact.customer_id
        data_key = await self._data_key(customer_id) or await self._new_data_key(customer_id)
        sealed = _CONTACT_MAGIC + _seal(
            data_key, contact.model_dump_json().encode(), _bound(_CONTACT_MAGIC, customer_id)
        )
        await self._blobs.put(BUCKET, _contact_name(customer_id), sealed, _MEDIA_TYPE)
        return customer_id

    async def get(self, customer_id: CustomerId) -> Contact | None:
        """Open a contact."""
        data_key = await self._data_key(customer_id)
        if data_key is None:
            return None
        sealed = await self._read(_contact_name(customer_id))
        if sealed is None:
            return None
        opened = _open(data_key, sealed, _CONTACT_MAGIC, customer_id)
        try:
            return Contact.model_validate_json(opened)
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, one["loc"])) for one in error.errors(include_input=False))
            raise VaultCorrupt(f"contact of {customer_id}: {fields} not as expected; enter the contact again") from None

    async def erase(self, customer_id: CustomerId) -> None:
        """Delete the customer's key, then what it sealed: after the first step nothing can be read any more."""
        await self._blobs.delete(BUCKET, _key_name(customer_id))
        await self._blobs.delete(BUCKET, _contact_name(customer_id))

    async def seal_text(self, owner: str, text: str) -> str:
        """Seal a text under its owner's key, which is made with the first."""
        return seal(await self._data_key(owner) or await self._new_data_key(owner), owner, text)

    async def open_text(self, text: str) -> str | None:
        """Open a text."""
        return (await self.open_texts((text,)))[text]

    async def open_texts(self, texts: Collection[str]) -> dict[str, str | None]:
        """Open texts; their owners' keys are read a few at a time."""
        owners = {text: owner_of(text) for text in texts}
        names = [name for name in dict.fromkeys(owners.values()) if name is not None]
        keys: dict[str, bytes | None] = {}
        for at in range(0, len(names), _KEYS_AT_ONCE):
            some = names[at : at + _KEYS_AT_ONCE]
            keys |= zip(some, await asyncio.gather(*map(self._data_key, some)), strict=True)
        return {text: text if owner is None else _words(keys[owner], text) for text, owner in owners.items()}

    async def forget_texts(self, owner: str) -> None:
        """Delete the owner's key."""
        await self._blobs.delete(BUCKET, _key_name(owner))

    async def _data_key(self, customer_id: CustomerId) -> bytes | None:
        wrapped = await self._read(_key_name(customer_id))
        if wrapped is None:
            return None
        key_id = wrapped[len(_KEY_MAGIC) : len(_KEY_MAGIC) + 8]
        if wrapped.startswith(_KEY_MAGIC) and key_id != self._master_key.key_id:
            raise WrongMasterKey(
                f"contact of {customer_id} was sealed under master key {key_id.hex()}, the one in use is "
                f"{self._master_key.key_id.hex()}; put the file of the former key back"
            )
        magic = _KEY_MAGIC + self._master_key.key_id
        return _open(self._master_key.secret, wrapped, magic, customer_id)

    async def _new_data_key(self, customer_id: CustomerId) -> bytes:
        data_key = secrets.token_bytes(KEY_BYTES)
        magic = _KEY_MAGIC + self._master_key.key_id
        wrapped = magic + _seal(self._master_key.secret, data_key, _bound(magic, customer_id))
        try:
            await self._blobs.put(BUCKET, _key_name(customer_id), wrapped, _MEDIA_TYPE, if_absent=True)
        except BlobExists:
            # Another writer was first. Its key is the customer's; two keys would leave one contact unreadable.
            return await self._data_key(customer_id) or await self._new_data_key(customer_id)
        return data_key

    async def _read(self, name: str) -> bytes | None:
        """Read an object; a second time when it changed between the look-up and the read."""
        found = await self._blobs.stat(BUCKET, name)
        if found is None:
            return None
        try:
            return await self._blobs.get(found.ref)
        except (BlobMissing, BlobCorrupt) as error:
            return await self._read_again(name, found.ref, error)

    async def _read_again(self, name: str, before: BlobRef, error: BlobMissing | BlobCorrupt) -> bytes | None:
        now = await self._blobs.stat(BUCKET, name)
        if now is None:
            return None
        if now.ref == before:
            raise error
        return await self._blobs.get(now.ref)


def _words(data_key: bytes | None, text: str) -> str | None:
    if data_key is None:
        return None
    try:
        return unseal(data_key, text)
    except ValueError as error:
        raise VaultCorrupt(f"{error}; erase it, or restore the log from its backup") from error


def _contact_name(customer_id: CustomerId) -> str:
    return f"contacts/{customer_id}"


def _key_name(customer_id: CustomerId) -> str:
    return f"keys/{customer_id}"


def _bound(magic: bytes, customer_id: CustomerId) -> bytes:
    return magic + b"\0" + customer_id.encode()


def _seal(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def _open(key: bytes, sealed: bytes, magic: bytes, customer_id: CustomerId) -> bytes:
    body = sealed[len(magic) :]
    try:
        if not sealed.startswith(magic):
            raise InvalidTag
        return AESGCM(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bound(magic, customer_id))
    except (InvalidTag, ValueError) as error:
        raise VaultCorrupt(
            f"contact of {customer_id} does not open: the record was damaged, changed or belongs to another customer; "
            "restore it from a backup, or erase it and enter the contact again"
        ) from error
