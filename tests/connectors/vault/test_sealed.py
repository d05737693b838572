import asyncio
import shutil
from datetime import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.blobs.local import LocalBlobs
from connectors.vault.master_key import MasterKey
from connectors.vault.port import Contact, QuietHours, VaultCorrupt, WrongMasterKey
from connectors.vault.sealed import BUCKET, SealedVault
from schemas.core.blob_ref import BlobRef

ANNA = Contact(
    customer_id="C-1001",
    name="Anna Müller",
    mail="anna@example.org",
    phone="+4915112345678",
    language="de",
    channels=("sms", "mail"),
    quiet_hours=QuietHours(time_zone="Europe/Berlin", start=time(22), end=time(7)),
)
BEN = Contact(customer_id="C-1002", name="Ben", mail="ben@example.org")
KEY = MasterKey(b"k" * 32)


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path)


@pytest.fixture
def vault(blobs: LocalBlobs) -> SealedVault:
    return SealedVault(blobs, KEY)


async def test_gives_the_contact_back_when_it_was_put(vault: SealedVault) -> None:
    assert await vault.put(ANNA) == "C-1001"
    await vault.put(BEN)
    assert await vault.get("C-1001") == ANNA
    assert await vault.get("C-1002") == BEN


async def test_knows_nobody_when_nothing_was_put(vault: SealedVault) -> None:
    assert await vault.get("C-1001") is None
    await vault.erase("C-1001")


async def test_holds_the_newest_contact_when_put_again(vault: SealedVault) -> None:
    await vault.put(ANNA)
    moved = ANNA.model_copy(update={"mail": "anna@example.net"})
    await vault.put(moved)
    assert await vault.get("C-1001") == moved


async def test_writes_no_personal_data_in_the_clear_when_storing(vault: SealedVault, tmp_path: Path) -> None:
    await vault.put(ANNA)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(stored) > 100
    for secret in (b"anna", b"Anna", "Müller".encode(), b"4915112345678", b"Berlin"):
        assert secret not in stored


async def test_uses_a_fresh_nonce_when_the_same_contact_is_put_twice(vault: SealedVault, blobs: LocalBlobs) -> None:
    await vault.put(ANNA)
    first = await _stored(blobs, "contacts/C-1001")
    await vault.put(ANNA)
    assert await _stored(blobs, "contacts/C-1001") != first


async def test_cannot_be_read_from_a_backup_when_the_customer_was_erased(
    vault: SealedVault, blobs: LocalBlobs, tmp_path: Path
) -> None:
    await vault.put(ANNA)
    backup = await _stored(blobs, "contacts/C-1001")
    await vault.erase("C-1001")
    assert [ref async for ref in blobs.list(BUCKET)] == []
    await blobs.put(BUCKET, "contacts/C-1001", backup, "application/octet-stream")
    assert await vault.get("C-1001") is None
    await vault.put(ANNA)
    await blobs.put(BUCKET, "contacts/C-1001", backup, "application/octet-stream")
    with pytest.raises(VaultCorrupt):
        await vault.get("C-1001")


async def test_stays_erased_when_the_second_deletion_never_happened(vault: SealedVault, blobs: LocalBlobs) -> None:
    await vault.put(ANNA)
    await blobs.delete(BUCKET, "keys/C-1001")
    assert await vault.get("C-1001") is None
    await vault.put(ANNA)
    assert await vault.get("C-1001") == ANNA


async def test_names_both_keys_when_the_master_key_is_another(vault: SealedVault, blobs: LocalBlobs) -> None:
    await vault.put(ANNA)
    other = MasterKey(b"o" * 32)
    for call in (SealedVault(blobs, other).get("C-1001"), SealedVault(blobs, other).put(ANNA)):
        with pytest.raises(WrongMasterKey, match=f"{KEY.key_id.hex()}.*{other.key_id.hex()}.*put the file"):
            await call


@pytest.mark.parametrize("kind", ["contacts", "keys"])
async def test_does_not_open_when_a_record_is_moved_to_another_customer(
    vault: SealedVault, blobs: LocalBlobs, kind: str
) -> None:
    await vault.put(ANNA)
    await vault.put(BEN)
    anna = await _stored(blobs, f"{kind}/C-1001")
    await blobs.put(BUCKET, f"{kind}/C-1002", anna, "application/octet-stream")
    with pytest.raises(VaultCorrupt, match="C-1002 does not open"):
        await vault.get("C-1002")


async def test_does_not_open_when_contact_and_key_move_together(vault: SealedVault, blobs: LocalBlobs) -> None:
    await vault.put(ANNA)
    for kind in ("contacts", "keys"):
        stored = await _stored(blobs, f"{kind}/C-1001")
        await blobs.put(BUCKET, f"{kind}/C-1002", stored, "application/octet-stream")
    with pytest.raises(VaultCorrupt):
        await vault.get("C-1002")


@pytest.mark.parametrize("kind", ["contacts", "keys"])
@pytest.mark.parametrize("position", [0, 5, 20, -1])
async def test_does_not_open_when_any_part_was_changed(
    vault: SealedVault, blobs: LocalBlobs, kind: str, position: int
) -> None:
    await vault.put(ANNA)
    changed = bytearray(await _stored(blobs, f"{kind}/C-1001"))
    changed[position] ^= 1
    await blobs.put(BUCKET, f"{kind}/C-1001", bytes(changed), "application/octet-stream")
    with pytest.raises((VaultCorrupt, WrongMasterKey)):
        await vault.get("C-1001")


@pytest.mark.parametrize("kept", [1, 8, 15])
async def test_does_not_open_when_a_record_was_cut(vault: SealedVault, blobs: LocalBlobs, kept: int) -> None:
    await vault.put(ANNA)
    cut = (await _stored(blobs, "contacts/C-1001"))[:kept]
    await blobs.put(BUCKET, "contacts/C-1001", cut, "application/octet-stream")
    with pytest.raises(VaultCorrupt):
        await vault.get("C-1001")


async def test_agrees_on_one_key_when_two_writers_meet(blobs: LocalBlobs) -> None:
    writers = [SealedVault(blobs, KEY) for _ in range(6)]
    await asyncio.gather(*(writer.put(ANNA) for writer in writers))
    assert await SealedVault(blobs, KEY).get("C-1001") == ANNA


async def test_reads_again_when_the_contact_changed_under_its_hands(tmp_path: Path) -> None:
    blobs = _ChangingBlobs(tmp_path)
    vault = SealedVault(blobs, KEY)
    await vault.put(ANNA)
    moved = ANNA.model_copy(update={"phone": None})
    blobs.before_next_get = vault.put(moved)
    assert await vault.get("C-1001") == moved


class _ChangingBlobs(LocalBlobs):
    """A store in which another writer gets in between one look-up of a contact and the read."""

    before_next_get = None

    async def get(self, ref: BlobRef) -> bytes:
        if ref.key.startswith("contacts/") and self.before_next_get is not None:
            change, self.before_next_get = self.before_next_get, None
            await change
        return await super().get(ref)


async def test_survives_when_the_directory_is_restored_elsewhere(vault: SealedVault, tmp_path: Path) -> None:
    await vault.put(ANNA)
    copy = tmp_path.parent / f"{tmp_path.name}-copy"
    shutil.copytree(tmp_path, copy)
    assert await SealedVault(LocalBlobs(copy), KEY).get("C-1001") == ANNA


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Anna\nBcc: x@example.org"},
        {"mail": "anna"},
        {"mail": "a b@example.org"},
        {"mail": "anna@example.org\n"},
        {"phone": "0151 123"},
        {"language": "german"},
        {"quiet_hours": {"time_zone": "Europe/Nowhere", "start": "22:00", "end": "07:00"}},
        {"quiet_hours": {"time_zone": "../etc/passwd", "start": "22:00", "end": "07:00"}},
        {"quiet_hours": {"time_zone": "UTC", "start": "22:00", "end": "22:00"}},
        {"quiet_hours": {"time_zone": "UTC", "start": "22:00+01:00", "end": "07:00"}},
    ],
)
def test_refuses_a_contact_when_a_field_could_not_be_used(wrong: dict[str, object]) -> None:
    good = {"customer_id": "C-1001", "name": "Anna"}
    Contact.model_validate(good)
    with pytest.raises(ValidationError):
        Contact.model_validate(good | wrong)


async def _stored(blobs: LocalBlobs, key: str) -> bytes:
    found = await blobs.stat(BUCKET, key)
    assert found is not None
    return await blobs.get(found.ref)
