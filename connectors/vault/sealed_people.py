"""People's secrets over an object store, sealed as contacts are: each person under a key of their own.

``people-keys/<user>`` is a data key under the shop's master key, ``people/<user>/<name>`` a record under the data key;
AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces, purpose, user and name as associated data, so that records
cannot be swapped. Without the small key record nothing can be read any more, in backups neither.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.blobs.port import BlobExists, BlobMissing, BlobStore
from connectors.vault.master_key import KEY_BYTES, MasterKey
from connectors.vault.people import Person
from connectors.vault.port import VaultCorrupt, WrongMasterKey
from connectors.vault.sealed import BUCKET
from schemas.core.ids import RecordId, UserId

_NONCE_BYTES = 12
_KEY_ID_BYTES = 8
_MEDIA_TYPE = "application/octet-stream"
_PERSON = "person"


class SealedPeople:
    """A ``People`` that remembers nothing: every read opens the stored record."""

    def __init__(self, blobs: BlobStore, master_key: MasterKey) -> None:
        self._blobs = blobs
        self._master_key = master_key

    async def introduce(self, user_id: UserId, person: Person) -> None:
        """Seal and store who a user is."""
        await self._write(user_id, _PERSON, person.model_dump_json())

    async def person(self, user_id: UserId) -> Person | None:
        """Open who a user is."""
        text = await self._read(user_id, _PERSON)
        return None if text is None else Person.model_validate_json(text)

    async def keep(self, user_id: UserId, record_id: RecordId, secret: str) -> None:
        """Seal and store a secret."""
        await self._write(user_id, record_id, secret)

    async def secret(self, user_id: UserId, record_id: RecordId) -> str | None:
        """Open a secret."""
        return await self._read(user_id, record_id)

    async def drop(self, user_id: UserId, record_id: RecordId) -> None:
        """Delete a secret."""
        await self._blobs.delete(BUCKET, _record_name(user_id, record_id))

    async def forget(self, user_id: UserId) -> None:
        """Delete the person's key: after this step nothing can be read any more."""
        await self._blobs.delete(BUCKET, _key_name(user_id))
        await self._blobs.delete(BUCKET, _record_name(user_id, _PERSON))

    async def _write(self, user_id: UserId, name: str, text: str) -> None:
        key = await self._data_key(user_id) or await self._new_data_key(user_id)
        sealed = _seal(key, text.encode(), f"people/{user_id}/{name}")
        await self._blobs.put(BUCKET, _record_name(user_id, name), sealed, _MEDIA_TYPE)

    async def _read(self, user_id: UserId, name: str) -> str | None:
        key = await self._data_key(user_id)
        sealed = await self._stored(_record_name(user_id, name))
        if key is None or sealed is None:
            return None
        return _open(key, sealed, f"people/{user_id}/{name}", user_id).decode()

    async def _data_key(self, user_id: UserId) -> bytes | None:
        wrapped = await self._stored(_key_name(user_id))
        if wrapped is None:
            return None
        key_id, sealed = wrapped[:_KEY_ID_BYTES], wrapped[_KEY_ID_BYTES:]
        if key_id != self._master_key.key_id:
            raise WrongMasterKey(
                f"what is known of {user_id} was sealed under master key {key_id.hex()}, the one in use is "
                f"{self._master_key.key_id.hex()}; put the file of the former key back"
            )
        return _open(self._master_key.secret, sealed, f"people-keys/{user_id}", user_id)

    async def _new_data_key(self, user_id: UserId) -> bytes:
        key = secrets.token_bytes(KEY_BYTES)
        wrapped = self._master_key.key_id + _seal(self._master_key.secret, key, f"people-keys/{user_id}")
        try:
            await self._blobs.put(BUCKET, _key_name(user_id), wrapped, _MEDIA_TYPE, if_absent=True)
        except BlobExists:
            # Another writer was first; its key is the person's.
            return await self._data_key(user_id) or await self._new_data_key(user_id)
        return key

    async def _stored(self, name: str) -> bytes | None:
        found = await self._blobs.stat(BUCKET, name)
        try:
            return None if found is None else await self._blobs.get(found.ref)
        except BlobMissing:
            return None


def _record_name(user_id: UserId, name: str) -> str:
    return f"people/{user_id}/{name}"


def _key_name(user_id: UserId) -> str:
    return f"people-keys/{user_id}"


def _seal(key: bytes, plain: bytes, bound_to: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def _open(key: bytes, sealed: bytes, bound_to: str, user_id: UserId) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError) as error:
        raise VaultCorrupt(
            f"a record of {user_id} does not open: it was damaged, changed or moved; restore it from a backup, or give "
            "the user a new link"
        ) from error
