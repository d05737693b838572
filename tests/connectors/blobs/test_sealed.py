from pathlib import Path

import pytest

from connectors.blobs.keys import BlobKeys
from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import BlobCorrupt
from connectors.blobs.sealed import SealedBlobs
from connectors.errors import Misconfigured

PHOTO = b"a photograph of a mainboard " * 10_000


@pytest.fixture
def below(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def keys(tmp_path: Path) -> BlobKeys:
    return BlobKeys(tmp_path / "keys")


@pytest.fixture
def store(below: LocalBlobs, keys: BlobKeys) -> SealedBlobs:
    return SealedBlobs(below, keys)


async def _raw(below: LocalBlobs, key: str) -> bytes:
    found = await below.stat("images", key)
    assert found is not None
    return await below.get(found.ref)


async def test_stores_nothing_that_can_be_read_and_never_the_same_twice(store: SealedBlobs, below: LocalBlobs) -> None:
    await store.put("images", "a", PHOTO, "image/jpeg")
    first = await _raw(below, "a")
    await store.put("images", "a", PHOTO, "image/jpeg")
    second = await _raw(below, "a")
    assert b"mainboard" not in first
    assert len({first[:1000], second[:1000]}) == 2


async def test_reads_what_was_stored_before_sealing_began(store: SealedBlobs, below: LocalBlobs) -> None:
    for key, data in (("small", b"x"), ("large", PHOTO)):
        ref = await below.put("images", key, data, "image/jpeg")
        assert await store.get(ref) == data
        assert await store.get_range(ref, 0, 20) == data[:20]
        found = await store.stat("images", key)
        assert found is not None
        assert found.ref == ref
        assert not await store.is_current(ref)


async def test_notices_when_somebody_puts_plain_bytes_in_place_of_a_sealed_object(
    store: SealedBlobs, below: LocalBlobs
) -> None:
    ref = await store.put("images", "a", PHOTO, "image/jpeg")
    await below.put("images", "a", PHOTO[::-1], "image/jpeg")
    with pytest.raises(BlobCorrupt, match="SHA-256 differs"):
        await store.get(ref)


async def test_does_not_open_when_an_object_was_moved_to_another_name(store: SealedBlobs, below: LocalBlobs) -> None:
    ref = await store.put("images", "a", PHOTO, "image/jpeg")
    await below.put("images", "b", await _raw(below, "a"), "image/jpeg")
    moved = ref.model_copy(update={"key": "b"})
    for reading in (store.get(moved), store.get_range(moved, 0, 10), store.stat("images", "b")):
        with pytest.raises(BlobCorrupt, match="the seal does not open"):
            await reading


async def test_proves_a_range_and_opens_no_more_than_its_chunks(store: SealedBlobs, below: LocalBlobs) -> None:
    ref = await store.put("images", "a", PHOTO, "image/jpeg")
    damaged = bytearray(await _raw(below, "a"))
    damaged[70_000] ^= 1
    await below.put("images", "a", bytes(damaged), "image/jpeg")
    assert await store.get_range(ref, 0, 65_536) == PHOTO[:65_536]
    with pytest.raises(BlobCorrupt, match="the seal does not open"):
        await store.get_range(ref, 65_530, 10)


@pytest.mark.parametrize("kept", [-1, -104, -200, 100_000])
async def test_does_not_open_when_an_object_was_cut(store: SealedBlobs, below: LocalBlobs, kept: int) -> None:
    ref = await store.put("images", "a", PHOTO, "image/jpeg")
    await below.put("images", "a", (await _raw(below, "a"))[:kept], "image/jpeg")
    with pytest.raises(BlobCorrupt):
        await store.get(ref)


async def test_leaves_a_broken_object_out_of_a_list_and_names_it_in_the_log(
    store: SealedBlobs, below: LocalBlobs, caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("a", "b"):
        await store.put("images", key, PHOTO, "image/jpeg")
    await below.put("images", "b", await _raw(below, "a"), "image/jpeg")
    assert [one.ref.key async for one in store.list("images")] == ["a"]
    assert "images/b: the seal does not open" in caplog.text


async def test_names_the_key_when_it_is_not_there(store: SealedBlobs, below: LocalBlobs, tmp_path: Path) -> None:
    ref = await store.put("images", "a", PHOTO, "image/jpeg")
    elsewhere = SealedBlobs(below, BlobKeys(tmp_path / "other-keys"))
    with pytest.raises(Misconfigured, match=r"sealed under key [0-9a-f]{16}, .*put the vault.key"):
        await elsewhere.get(ref)


async def test_gives_each_workspace_a_key_of_its_own(below: LocalBlobs, store: SealedBlobs, tmp_path: Path) -> None:
    ref = await store.put("images", "a", PHOTO, "image/jpeg")
    with pytest.raises(Misconfigured, match="sealed under key"):
        await SealedBlobs(below, BlobKeys(tmp_path / "keys", workspace="branch-2")).get(ref)


async def test_seals_under_the_new_key_and_still_opens_what_the_former_sealed(
    store: SealedBlobs, below: LocalBlobs, keys: BlobKeys, tmp_path: Path
) -> None:
    running = SealedBlobs(below, BlobKeys(tmp_path / "keys"))
    old = await running.put("images", "old", PHOTO, "image/jpeg")
    keys.new_master_key()
    keys.new_master_key()
    new = await store.put("images", "new", PHOTO, "image/jpeg")
    for one in (store, running, SealedBlobs(below, BlobKeys(tmp_path / "keys"))):
        assert await one.get(old) == await one.get(new) == PHOTO
    assert (await store.is_current(old), await store.is_current(new)) == (False, True)
    assert len(list((tmp_path / "keys").glob("blobs-*.key"))) == 2
