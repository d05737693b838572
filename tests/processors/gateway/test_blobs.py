"""Stored objects by signed address, over a sealed store: what comes out is plain."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.blobs.local import LocalBlobs
from schemas.core.blob_ref import BlobRef
from tests.processors.gateway.world import World, problem

PICTURE = bytes(range(256)) * 1000
HOUR = timedelta(hours=1)


@pytest.fixture
async def ref(world: World) -> BlobRef:
    return await world.blobs.put("images", "T-1/board 1.jpg", PICTURE, "image/jpeg")


@pytest.fixture
async def stranger(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key: the address is the right."""
    async with world.client() as client:
        yield client


async def test_gives_the_plain_object_with_its_hash_type_and_name(
    world: World, stranger: httpx.AsyncClient, ref: BlobRef
) -> None:
    url = await world.blobs.presign_get(ref, HOUR)
    response = await stranger.get(url)
    assert (response.status_code, response.content) == (200, PICTURE)
    assert PICTURE[:1000] not in b"".join(path.read_bytes() for path in world.path.rglob("*.blob"))
    expected = {
        "etag": f'"{ref.sha256}"', "content-type": "image/jpeg", "content-length": "256000", "accept-ranges": "bytes",
        "content-disposition": 'inline; filename="board_1.jpg"', "x-content-type-options": "nosniff",
    }  # fmt: skip
    assert {name: response.headers[name] for name in expected} == expected
    head = await stranger.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "256000")
    unchanged = await stranger.get(url, headers={"If-None-Match": f'"{ref.sha256}"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=65530-65545", 65_530, 65_546),
        ("bytes=255990-", 255_990, 256_000),
        ("bytes=100-999999", 100, 256_000),
        ("bytes=-7", 255_993, 256_000),
        ("bytes=-999999", 0, 256_000),
    ],
)
async def test_gives_the_range_that_is_asked_for(
    world: World, stranger: httpx.AsyncClient, ref: BlobRef, wanted: str, start: int, end: int
) -> None:
    response = await stranger.get(await world.blobs.presign_get(ref, HOUR), headers={"Range": wanted})
    assert (response.status_code, response.content) == (206, PICTURE[start:end])
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/256000"


@pytest.mark.parametrize("wanted", ["bytes=5-4", "bytes=0-1,5-6", "bytes=-", "lines=1-2", "bytes=a-b"])
async def test_gives_the_whole_when_the_range_is_none_it_serves(
    world: World, stranger: httpx.AsyncClient, ref: BlobRef, wanted: str
) -> None:
    response = await stranger.get(await world.blobs.presign_get(ref, HOUR), headers={"Range": wanted})
    assert (response.status_code, response.content) == (200, PICTURE)


async def test_gives_the_whole_when_the_range_was_of_another_version(
    world: World, stranger: httpx.AsyncClient, ref: BlobRef
) -> None:
    url = await world.blobs.presign_get(ref, HOUR)
    other = await stranger.get(url, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    same = await stranger.get(url, headers={"Range": "bytes=0-0", "If-Range": f'"{ref.sha256}"'})
    assert (other.status_code, same.status_code) == (200, 206)


async def test_says_how_large_the_object_is_when_a_range_lies_behind_it(
    world: World, stranger: httpx.AsyncClient, ref: BlobRef
) -> None:
    url = await world.blobs.presign_get(ref, HOUR)
    response = await stranger.get(url, headers={"Range": "bytes=256000-"})
    problem(response, 416, "range_not_satisfiable")
    assert response.headers["content-range"] == "bytes */256000"


@pytest.mark.parametrize(
    ("media_type", "extension"),
    [("text/html; charset=utf-8", ".html"), ("image/svg+xml", ".svg"), ("application/pdf", ".pdf"), ("x/x", "")],
)
async def test_offers_what_may_hold_script_as_a_file(
    world: World, stranger: httpx.AsyncClient, media_type: str, extension: str
) -> None:
    ref = await world.blobs.put("documents", 'a";/x<script>', b"<script>", media_type)
    response = await stranger.get(await world.blobs.presign_get(ref, HOUR))
    assert response.headers["content-disposition"] == f'attachment; filename="x_script{extension}"'


async def test_refuses_an_address_when_it_was_changed_or_its_time_is_over(
    world: World, stranger: httpx.AsyncClient, ref: BlobRef
) -> None:
    url = await world.blobs.presign_get(ref, HOUR)
    base, _, token = url.rpartition("/")
    body, _, signature = token.rpartition(".")
    changed = body[:-3] + ("AAA" if body[-3:] != "AAA" else "BBB")
    for wrong in (f"{changed}.{signature}", f"{body}.{signature[::-1]}", body, "x" * 5000):
        problem(await stranger.get(f"{base}/{wrong}"), 404, "not_found")
    world.clock.advance(HOUR - timedelta(seconds=1))
    assert (await stranger.get(url)).status_code == 200
    world.clock.advance(timedelta(seconds=1))
    problem(await stranger.get(url), 410, "expired")


async def test_does_not_open_with_the_token_of_a_customers_link(world: World, stranger: httpx.AsyncClient) -> None:
    """The same secret signs both here; the salt keeps them apart."""
    token = world.with_quote().removeprefix("/a/")
    problem(await stranger.get(f"/blobs/{token}"), 404, "not_found")


async def test_says_missing_when_the_object_is_gone_or_another(
    world: World, stranger: httpx.AsyncClient, ref: BlobRef
) -> None:
    url = await world.blobs.presign_get(ref, HOUR)
    await world.blobs.put("images", "T-1/board 1.jpg", PICTURE[::-1], "image/jpeg")
    problem(await stranger.get(url), 500, "damaged")
    problem(await stranger.get(url, headers={"Range": "bytes=0-9"}), 404, "not_found")
    await world.blobs.delete("images", ref.key)
    problem(await stranger.get(url), 404, "not_found")


async def test_takes_one_object_of_the_signed_name_type_and_size(world: World, stranger: httpx.AsyncClient) -> None:
    url = await world.blobs.presign_put("images", "in/1", "image/jpeg", max_bytes=300_000, expires_in=HOUR)
    response = await stranger.put(url, content=PICTURE, headers={"Content-Type": "image/jpeg"})
    assert response.status_code == 201
    stored = BlobRef.model_validate(response.json())
    assert (stored.bucket, stored.key, stored.media_type) == ("images", "in/1", "image/jpeg")
    assert response.headers["etag"] == f'"{stored.sha256}"'
    assert await world.blobs.get(stored) == PICTURE


async def test_stores_nothing_when_a_put_is_not_what_was_signed(world: World, stranger: httpx.AsyncClient) -> None:
    url = await world.blobs.presign_put("images", "in/1", "image/jpeg", max_bytes=1000, expires_in=HOUR)
    jpeg = {"Content-Type": "image/jpeg"}

    async def long() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 101

    problem(await stranger.put(url, content=b"x", headers={"Content-Type": "text/html"}), 415, "unsupported_media_type")
    problem(await stranger.put(url, content=b"x"), 415, "unsupported_media_type")
    problem(await stranger.put(url, content=b"", headers=jpeg), 422, "validation")
    problem(await stranger.put(url, content=b"x" * 1001, headers=jpeg), 413, "too_large")
    problem(await stranger.put(url, content=long(), headers=jpeg), 413, "too_large")
    problem(await stranger.get(url), 405, "method_not_allowed")
    world.clock.advance(HOUR)
    problem(await stranger.put(url, content=b"x", headers=jpeg), 410, "expired")
    assert [one async for one in world.blobs.list("images")] == []
    assert list(world.path.rglob("*.tmp")) == []


async def test_does_not_write_with_an_address_for_reading_nor_over_a_locked_object(
    world: World, stranger: httpx.AsyncClient, ref: BlobRef
) -> None:
    jpeg = {"Content-Type": "image/jpeg"}
    reading = await world.blobs.presign_get(ref, HOUR)
    problem(await stranger.put(reading, content=b"x", headers=jpeg), 405, "method_not_allowed")
    await world.blobs.retain("images", ref.key, datetime.now(UTC) + HOUR)
    writing = await world.blobs.presign_put("images", ref.key, "image/jpeg", max_bytes=10, expires_in=HOUR)
    problem(await stranger.put(writing, content=b"x", headers=jpeg), 409, "locked")
    assert await world.blobs.get(ref) == PICTURE


async def test_gives_a_plain_store_out_as_well(world: World, stranger: httpx.AsyncClient) -> None:
    store = LocalBlobs(world.path / "blobs", urls=world.blob_urls)
    ref = await store.put("images", "old", PICTURE, "image/jpeg")
    assert (await stranger.get(await store.presign_get(ref, HOUR))).content == PICTURE
