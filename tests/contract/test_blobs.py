"""One suite for every object store. A real S3 server joins with ``NOIZYLAB_TEST_S3=host:port,key,secret``."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import BlobCorrupt, BlobExists, BlobMissing, BlobStore, InvalidBlobName
from connectors.blobs.s3 import S3Blobs, S3Settings
from schemas.core.blob_ref import BlobRef
from tests.support.fakes.s3 import ACCESS_KEY, SECRET_KEY, s3_server

PHOTO = bytes(range(256)) * 400


def _local(path: Path) -> Iterator[BlobStore]:
    yield LocalBlobs(path)


def _fake_s3(path: Path) -> Iterator[BlobStore]:
    with s3_server() as fake:
        fake.page_size = 3
        yield S3Blobs(S3Settings(fake.endpoint, ACCESS_KEY, SECRET_KEY, secure=False))


def _real_s3(path: Path) -> Iterator[BlobStore]:
    spec = os.environ.get("NOIZYLAB_TEST_S3")
    if not spec:
        pytest.skip("set NOIZYLAB_TEST_S3=host:port,key,secret to run against a real S3 server")
    endpoint, key, secret = spec.split(",")
    yield S3Blobs(S3Settings(endpoint, key, secret, secure=False))


STORES = {"local": _local, "s3": _fake_s3, "live": _real_s3}


@pytest.fixture(params=["local", "s3", pytest.param("live", marks=pytest.mark.live)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    with contextmanager(STORES[request.param])(tmp_path / "blobs") as opened:
        yield opened


@pytest.fixture
async def bucket(store: BlobStore) -> AsyncIterator[str]:
    """A bucket of its own for each test, emptied afterwards: a real server keeps what it is given."""
    name = f"test-{uuid4().hex[:12]}"
    yield name
    for ref in [ref async for ref in store.list(name)]:
        await store.delete(name, ref.key)


async def _listed(store: BlobStore, bucket: str, prefix: str = "") -> list[str]:
    return [ref.key async for ref in store.list(bucket, prefix)]


async def test_gives_back_the_bytes_when_asked_with_the_reference(store: BlobStore, bucket: str) -> None:
    ref = await store.put(bucket, "T-1001/board.jpg", PHOTO, "image/jpeg")
    assert (ref.bucket, ref.key, ref.size_bytes, ref.media_type) == (bucket, "T-1001/board.jpg", 102_400, "image/jpeg")
    assert await store.get(ref) == PHOTO


async def test_finds_the_same_reference_when_asked_by_key(store: BlobStore, bucket: str) -> None:
    ref = await store.put(bucket, "a", PHOTO, "audio/ogg; codecs=opus")
    assert await store.find(bucket, "a") == ref


async def test_finds_nothing_when_the_key_or_bucket_is_unknown(store: BlobStore, bucket: str) -> None:
    assert await store.find(bucket, "a") is None
    await store.put(bucket, "b", b"x", "text/plain")
    assert await store.find(bucket, "a") is None


async def test_keeps_one_object_when_the_same_put_is_repeated(store: BlobStore, bucket: str) -> None:
    first = await store.put(bucket, "a", PHOTO, "image/jpeg")
    assert await store.put(bucket, "a", PHOTO, "image/jpeg") == first
    assert await _listed(store, bucket) == ["a"]


async def test_replaces_the_bytes_when_other_ones_are_put(store: BlobStore, bucket: str) -> None:
    old = await store.put(bucket, "a", b"old", "text/plain")
    new = await store.put(bucket, "a", b"new", "text/plain")
    assert await store.get(new) == b"new"
    with pytest.raises(BlobCorrupt, match=r"a: SHA-256 differs"):
        await store.get(old)


async def test_refuses_a_conditional_put_when_other_bytes_are_there(store: BlobStore, bucket: str) -> None:
    kept = await store.put(bucket, "a", b"old", "text/plain")
    with pytest.raises(BlobExists, match="choose another key"):
        await store.put(bucket, "a", b"new", "text/plain", if_absent=True)
    assert await store.get(kept) == b"old"


async def test_accepts_a_conditional_put_when_nothing_or_the_same_is_there(store: BlobStore, bucket: str) -> None:
    first = await store.put(bucket, "a", b"one", "text/plain", if_absent=True)
    assert await store.put(bucket, "a", b"one", "text/plain", if_absent=True) == first


async def test_lets_one_writer_win_when_twelve_race_for_a_key(store: BlobStore, bucket: str) -> None:
    puts = (store.put(bucket, "a", b"%d" % number, "text/plain", if_absent=True) for number in range(12))
    answers = await asyncio.gather(*puts, return_exceptions=True)
    winners = [answer for answer in answers if isinstance(answer, BlobRef)]
    assert len(winners) == 1
    assert all(isinstance(answer, BlobRef | BlobExists) for answer in answers)
    assert await store.find(bucket, "a") == winners[0]


async def test_says_missing_when_the_object_was_deleted(store: BlobStore, bucket: str) -> None:
    ref = await store.put(bucket, "a", PHOTO, "image/jpeg")
    await store.delete(bucket, "a")
    await store.delete(bucket, "a")
    assert await store.find(bucket, "a") is None
    with pytest.raises(BlobMissing, match="nothing stored"):
        await store.get(ref)


async def test_deletes_nothing_when_the_bucket_is_unknown(store: BlobStore, bucket: str) -> None:
    await store.delete(bucket, "a")
    assert await _listed(store, bucket) == []


async def test_says_corrupt_when_the_reference_promises_another_size(store: BlobStore, bucket: str) -> None:
    ref = await store.put(bucket, "a", PHOTO, "image/jpeg")
    with pytest.raises(BlobCorrupt, match="102400 bytes stored, 5 expected"):
        await store.get(ref.model_copy(update={"size_bytes": 5}))


async def test_lists_every_key_in_byte_order_when_there_are_several_pages(store: BlobStore, bucket: str) -> None:
    keys = ["T-1/a b+c.jpg", "T-1/ä.jpg", "T-2/1", "T-10/1", "T-1-1", "U/%20", "T-1/😀"]
    for key in keys:
        await store.put(bucket, key, key.encode(), "text/plain")
    assert await _listed(store, bucket) == sorted(keys, key=str.encode)
    assert await _listed(store, bucket, "T-1/") == ["T-1/a b+c.jpg", "T-1/ä.jpg", "T-1/😀"]
    assert [await store.get(ref) async for ref in store.list(bucket, "U")] == [b"U/%20"]


@pytest.mark.parametrize(("first", "second"), [("T-1/a", "T-1"), ("T-1", "T-1/a")])
async def test_holds_a_key_that_is_the_folder_of_another_or_says_why_not(
    store: BlobStore, bucket: str, first: str, second: str
) -> None:
    """Some servers keep keys as paths of a file system, where a name is a file or a folder."""
    kept = await store.put(bucket, first, b"first", "text/plain")
    assert await store.find(bucket, second) is None
    await store.delete(bucket, second)
    try:
        added = await store.put(bucket, second, b"second", "text/plain", if_absent=True)
        assert await store.get(added) == b"second"
    except InvalidBlobName:
        assert await _listed(store, bucket) == [first]
    assert await store.get(kept) == b"first"


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../../b", ".", "a/./b", "a\nb", "a\0", "x" * 513, "€" * 400, "\ud800"]
)
async def test_refuses_a_key_when_some_store_could_not_hold_it(store: BlobStore, bucket: str, key: str) -> None:
    with pytest.raises(InvalidBlobName):
        await store.put(bucket, key, b"x", "text/plain")
    with pytest.raises(InvalidBlobName):
        await store.find(bucket, key)


@pytest.mark.parametrize("name", ["", "ab", "..", "A-b", "a/b", "-ab", "a.b", "x" * 64, "abc\n"])
async def test_refuses_a_bucket_when_its_name_is_not_common_to_all_stores(store: BlobStore, name: str) -> None:
    with pytest.raises(InvalidBlobName, match="3 to 63"):
        await store.put(name, "a", b"x", "text/plain")


async def test_refuses_a_put_when_there_is_no_data_or_no_media_type(store: BlobStore, bucket: str) -> None:
    with pytest.raises(InvalidBlobName, match="no data"):
        await store.put(bucket, "a", b"", "text/plain")
    with pytest.raises(InvalidBlobName, match="media type"):
        await store.put(bucket, "a", b"x", "text/plain\r\nX: y")
