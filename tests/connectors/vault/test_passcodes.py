from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.blobs.local import LocalBlobs
from connectors.vault.master_key import MasterKey
from connectors.vault.passcodes import Passcode, SealedPasscodes
from connectors.vault.port import VaultCorrupt, WrongMasterKey
from connectors.vault.sealed import BUCKET

KEY = MasterKey(b"k" * 32)
PIN = Passcode(kind="pin", code="483917")


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path)


@pytest.fixture
def vault(blobs: LocalBlobs) -> SealedPasscodes:
    return SealedPasscodes(blobs, KEY)


async def test_gives_back_each_passcode_under_its_number(vault: SealedPasscodes) -> None:
    other = Passcode(kind="password", code="Füße & 12 €")
    await vault.keep("T-0001", 1, PIN)
    await vault.keep("T-0001", 2, other)
    assert await vault.open("T-0001", 1) == PIN
    assert await vault.open("T-0001", 2) == other
    assert await vault.open("T-0001", 3) is None
    assert await vault.open("T-0002", 1) is None


async def test_a_passcode_kept_again_is_the_newer_one(vault: SealedPasscodes) -> None:
    await vault.keep("T-0001", 1, PIN)
    await vault.keep("T-0001", 1, Passcode(kind="pin", code="0000"))
    assert (await vault.open("T-0001", 1)) == Passcode(kind="pin", code="0000")


async def test_a_copy_of_the_sealed_half_is_useless_once_a_passcode_is_forgotten(
    vault: SealedPasscodes, blobs: LocalBlobs
) -> None:
    await vault.keep("T-0001", 1, PIN)
    await vault.keep("T-0001", 2, PIN)
    before = await blobs.stat(BUCKET, "passcodes/T-0001/1")
    assert before is not None
    copy = await blobs.get(before.ref)
    await vault.forget("T-0001", 1)
    await vault.forget("T-0001", 1)
    assert [one.ref.key async for one in blobs.list(BUCKET)] == ["passcode-keys/T-0001/2", "passcodes/T-0001/2"]
    await blobs.put(BUCKET, "passcodes/T-0001/1", copy, "application/octet-stream")
    assert await vault.open("T-0001", 1) is None
    assert await vault.open("T-0001", 2) == PIN


async def test_what_is_stored_does_not_show_the_code(vault: SealedPasscodes, tmp_path: Path) -> None:
    await vault.keep("T-0001", 1, PIN)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(stored) > 80
    assert b"483917" not in stored


async def test_records_cannot_be_swapped(vault: SealedPasscodes, blobs: LocalBlobs) -> None:
    for ticket in ("T-0001", "T-0002"):
        await vault.keep(ticket, 1, Passcode(kind="pin", code=ticket[-4:]))
    for half in ("passcode-keys", "passcodes"):
        first = await blobs.stat(BUCKET, f"{half}/T-0001/1")
        assert first is not None
        await blobs.copy(first.ref, BUCKET, f"{half}/T-0002/1")
        with pytest.raises(VaultCorrupt, match="does not open"):
            await vault.open("T-0002", 1)


async def test_says_which_master_key_is_wrong(vault: SealedPasscodes, blobs: LocalBlobs) -> None:
    await vault.keep("T-0001", 1, PIN)
    other = SealedPasscodes(blobs, MasterKey(b"o" * 32))
    with pytest.raises(WrongMasterKey, match="put the file of the former key back"):
        await other.open("T-0001", 1)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        *[("pin", code) for code in ("123", "12a4", "1" * 17, "１２３４")],
        *[("pattern", code) for code in ("123", "1203", "12341", "1123", "1234567891")],
        *[("password", code) for code in ("", "x" * 129, "bell\a", "line\x85")],
    ],
)
def test_refuses_what_no_device_takes_without_repeating_it(kind: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Passcode.model_validate({"kind": kind, "code": code})
    assert not code or code not in str(refused.value)


@pytest.mark.parametrize(("kind", "code"), [("pin", "0000"), ("pattern", "7415963"), ("password", "pass word")])
def test_takes_what_devices_take_and_shows_it_nowhere(kind: str, code: str) -> None:
    passcode = Passcode.model_validate({"kind": kind, "code": code})
    assert passcode.code == code
    assert code not in repr(passcode)
    assert code not in str(passcode)
