"""People's secrets: sealed, bound to their place, and gone when they are forgotten."""

import shutil
from pathlib import Path

import pytest

from connectors.blobs.local import LocalBlobs
from connectors.vault.master_key import load_or_create_master_key
from connectors.vault.people import Person
from connectors.vault.port import VaultCorrupt, WrongMasterKey
from connectors.vault.sealed import BUCKET
from connectors.vault.sealed_people import SealedPeople

ADA, BO = f"U-{'a' * 32}", f"U-{'b' * 32}"
ONE, TWO = "1" * 32, "2" * 32
PERSON = Person(name="Ada Lovelace", mail="ada@example.org")


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def people(tmp_path: Path, blobs: LocalBlobs) -> SealedPeople:
    return SealedPeople(blobs, load_or_create_master_key(tmp_path / "master.key"))


async def test_gives_back_what_was_kept_and_nothing_else(people: SealedPeople) -> None:
    assert await people.person(ADA) is None
    await people.introduce(ADA, PERSON)
    await people.keep(ADA, ONE, "hash one")
    assert await people.person(ADA) == PERSON
    assert await people.secret(ADA, ONE) == "hash one"
    assert await people.secret(ADA, TWO) is None
    assert await people.secret(BO, ONE) is None
    await people.drop(ADA, ONE)
    await people.drop(ADA, ONE)
    assert await people.secret(ADA, ONE) is None
    assert await people.person(ADA) == PERSON


async def test_writes_nothing_in_the_clear(people: SealedPeople, tmp_path: Path) -> None:
    await people.introduce(ADA, PERSON)
    await people.keep(ADA, ONE, "hash one")
    stored = b"".join(path.read_bytes() for path in (tmp_path / "blobs").rglob("*") if path.is_file())
    for private in (b"Lovelace", b"ada@example.org", b"hash one"):
        assert private not in stored


async def test_cannot_be_read_from_a_backup_when_the_person_was_forgotten(
    people: SealedPeople, blobs: LocalBlobs
) -> None:
    await people.introduce(ADA, PERSON)
    await people.keep(ADA, ONE, "hash one")
    found = await blobs.stat(BUCKET, f"people/{ADA}/person")
    assert found is not None
    backup = await blobs.get(found.ref)
    await people.forget(ADA)
    await blobs.put(BUCKET, f"people/{ADA}/person", backup, "application/octet-stream")
    assert await people.person(ADA) is None
    assert await people.secret(ADA, ONE) is None


@pytest.mark.parametrize(
    ("source", "target"),
    [(f"people/{ADA}/{ONE}", f"people/{ADA}/{TWO}"), (f"people/{ADA}/{ONE}", f"people/{BO}/{TWO}")],
)
async def test_does_not_open_a_record_in_another_place(
    people: SealedPeople, blobs: LocalBlobs, source: str, target: str
) -> None:
    await people.keep(ADA, ONE, "hash one")
    await people.keep(BO, ONE, "hash two")
    found = await blobs.stat(BUCKET, source)
    assert found is not None
    await blobs.put(BUCKET, target, await blobs.get(found.ref), "application/octet-stream")
    with pytest.raises(VaultCorrupt, match="does not open"):
        await people.secret(target.split("/")[1], TWO)


async def test_names_both_keys_when_the_master_key_is_another(
    people: SealedPeople, blobs: LocalBlobs, tmp_path: Path
) -> None:
    await people.introduce(ADA, PERSON)
    other = SealedPeople(blobs, load_or_create_master_key(tmp_path / "other.key"))
    with pytest.raises(WrongMasterKey, match="put the file of the former key back"):
        await other.person(ADA)
    shutil.copy(tmp_path / "master.key", tmp_path / "again.key")
    assert await SealedPeople(blobs, load_or_create_master_key(tmp_path / "again.key")).person(ADA) == PERSON
