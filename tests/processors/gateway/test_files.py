"""Files of a ticket: judged by their bytes, kept once, read back, taken off."""

from typing import Any

import httpx
import pytest

from connectors.images.strip import strip
from processors.gateway.edge.file_kinds import UnknownContent, media_type_of
from tests.processors.gateway.test_ticket_writes import owner_behind, refused, seen
from tests.processors.gateway.world import NOW, TICKET, World, picture, problem, ticket_view

URL = f"/v1/tickets/{TICKET}/files"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
WAV = b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 32


@pytest.fixture
def shop(world: World) -> World:
    world.answer = owner_behind(world.views)
    world.feed(ticket_view())
    return world


async def send(client: httpx.AsyncClient, data: bytes, kind: str = "document", **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    parts = {"file": ("../x.exe", data, "text/html")}
    return await client.post(URL, data={"kind": kind, **more}, files=parts, headers=headers)


@pytest.mark.parametrize(
    ("kind", "data", "media_type", "place"),
    [
        ("document", PDF, "application/pdf", "attachment"),
        ("audio", WAV, "audio/wav", "attachment"),
        ("photo_after", picture(), "image/jpeg", "inline"),
        ("photo_before", picture(suffix=".png"), "image/png", "inline"),
    ],
    ids=["pdf", "wav", "jpeg", "png"],
)
async def test_a_file_is_attached_read_and_detached(
    shop: World, kind: str, data: bytes, media_type: str, place: str
) -> None:
    async with shop.client("tickets:write", "tickets:read") as client:
        made = await send(client, data, kind, caption="Behind the battery")
        assert made.status_code == 201, made.text
        [file] = seen(shop).files
        assert (made.json()["file_id"], file.kind, file.blob.media_type) == (file.file_id, kind, media_type)
        assert file.blob.key == f"sha256/{file.blob.sha256[:2]}/{file.blob.sha256}"
        assert file.caption is not None
        assert file.caption.startswith("nzs1.")
        shown = (await client.get(f"/v1/tickets/{TICKET}")).json()["files"][0]
        assert shown["caption"] == "Behind the battery"
        one = f"{URL}/{file.file_id}"
        got = await client.get(one)
        assert got.content == (strip(data).data if kind.startswith("photo") else data)
        assert got.headers["content-type"] == media_type
        assert got.headers["content-disposition"].startswith(f'{place}; filename="{file.file_id}.')
        assert got.headers["x-content-type-options"] == "nosniff"
        again = await client.get(one, headers={"If-None-Match": got.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        gone = await client.request("DELETE", one, json={"reason": "wrong_ticket"})
        assert (gone.status_code, seen(shop).files) == (200, ())
        problem(await client.get(one), 404, "not_found")


async def test_what_a_photo_says_beside_its_picture_is_not_kept(shop: World) -> None:
    bare = picture()
    told = bare[:2] + b"\xff\xfe\x00\x10AT HOME 52.1 N" + bare[2:]
    async with shop.client("tickets:write", "tickets:read") as client:
        made = await send(client, told, "photo_after")
        got = await client.get(f"{URL}/{made.json()['file_id']}")
    assert b"AT HOME" in told
    assert b"AT HOME" not in got.content


@pytest.mark.parametrize(
    ("data", "more", "status", "code"),
    [
        (b"<script>alert(1)</script>", {}, 415, "unsupported_media_type"),
        (PDF, {"kind": "audio"}, 415, "unsupported_media_type"),
        (PDF, {"kind": "photo_after"}, 415, "unsupported_media_type"),
        (picture()[:2000], {"kind": "photo_after"}, 422, "validation"),
        (PDF, {"kind": "signature"}, 422, "validation"),
        (PDF, {"caption": "x" * 1001}, 422, "validation"),
        (PDF, {"actor": "root"}, 422, "validation"),
        (b"", {}, 422, "validation"),
    ],
)
async def test_what_is_no_such_file_is_refused_and_nothing_is_sent(
    shop: World, data: bytes, more: dict[str, Any], status: int, code: str
) -> None:
    async with shop.client("tickets:write") as client:
        problem(await send(client, data, **({"kind": "document"} | more)), status, code)
        problem(await client.post(URL, json={"kind": "document"}), 415, "unsupported_media_type")
        problem(await client.post(URL, files={"kind": (None, "document")}), 422, "validation")
    assert shop.sent == []


async def test_sizes_are_bounded_before_the_bytes_are_looked_at(shop: World) -> None:
    most = shop.policy.file_max_bytes
    async with shop.client("tickets:write") as client:
        problem(await send(client, PDF + b"0" * most), 413, "too_large")
        problem(
            await send(client, picture() + b"0" * shop.policy.intake.photo_max_bytes, "photo_after"), 413, "too_large"
        )
        problem(await send(client, PDF + b"0" * most * 2), 413, "too_large")
    assert shop.sent == []


async def test_a_repetition_is_the_same_file_and_another_one_with_its_key_is_refused(shop: World) -> None:
    key = {"Idempotency-Key": "f1"}
    async with shop.client("tickets:write") as client:
        first, second = await send(client, PDF, headers=key), await send(client, PDF, headers=key)
        assert (second.status_code, second.content) == (201, first.content)
        assert second.headers["idempotency-replayed"] == "true"
        problem(await send(client, PDF + b"more", headers=key), 422, "idempotency_key_reused")
        problem(await send(client, PDF, caption="Other", headers=key), 422, "idempotency_key_reused")
    assert len(seen(shop).files) == 1


async def test_an_erased_ticket_takes_none_and_a_stranger_gets_none(shop: World) -> None:
    async with shop.client("tickets:write", "tickets:read") as client:
        file_id = (await send(client, PDF)).json()["file_id"]
        other = shop.key("tickets:read", "tickets:write", workspace_id="harbour")
        problem(await client.get(f"{URL}/{file_id}", headers={"Authorization": f"Bearer {other}"}), 404, "not_found")
        problem(await send(client, PDF, headers={"Authorization": f"Bearer {other}"}), 404, "not_found")
        refused(await send(client, PDF, expected_version="1"), "version_conflict")
        before = len(shop.sent)
        shop.feed(ticket_view(erased_at=NOW))
        refused(await send(client, PDF), "erased")
    assert len(shop.sent) == before


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (b"RIFF\0\0\0\0WAVE", "audio/wav"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"OggS\0", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"\x1a\x45\xdf\xa3", "audio/webm"),
    ],
)
def test_recordings_are_known_by_their_first_bytes(start: bytes, media_type: str) -> None:
    assert media_type_of("audio", start + b"\0" * 16) == media_type


@pytest.mark.parametrize(
    "data", [b"", b"RIFF\0\0\0\0AVI ", b"\xff\xd8\xff\xe0", b"\xff\xfb", b" %PDF-1.7", b"\xff\xfe\0\0"]
)
def test_other_bytes_are_neither_recording_nor_document(data: bytes) -> None:
    for kind in ("audio", "document"):
        with pytest.raises(UnknownContent, match="send one"):
            media_type_of(kind, data)  # type: ignore[arg-type]  # typed for more than is given here
