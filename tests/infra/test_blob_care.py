"""Looking after stored objects, against a real log and real stores."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import orjson
import pytest

from connectors.blobs.buckets import BUCKETS, Bucket
from connectors.blobs.content import put_content
from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import BlobStore, Stored, reference
from connectors.blobs.s3 import S3Blobs
from connectors.blobs.s3_client import S3Settings
from connectors.blobs.sealed import SealedBlobs
from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Fetched, Outgoing
from connectors.errors import Misconfigured
from infra.blob_care import (
    GRACE,
    LogReferences,
    copy_all,
    find_removable,
    plan,
    read_references,
    refs_in,
    rekey,
    remove,
    sweep,
    verify,
)
from infra.ports import Ports
from infra.settings import read_settings
from schemas.core.blob_ref import BlobRef
from schemas.core.envelope import Envelope
from schemas.schematics import DesignRemoved, DesignView
from schemas.tickets import TicketView
from tests.infra.tickets import TICKET, intake, two_tickets
from tests.schemas.examples import examples_of
from tests.support.fakes.s3 import ACCESS_KEY, SECRET_KEY, s3_server
from topics.registry import DEAD_LETTERS
from topics.schematics import DESIGN_EVENTS, DESIGN_VIEWS
from topics.tickets import TICKET_COMMANDS, TICKET_VIEWS

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IMAGES = Bucket("images", keep=timedelta(days=730))


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Ports]:
    async with Ports.open(read_settings({}, home=tmp_path / "home")) as opened:
        yield opened


def _ref(number: int) -> BlobRef:
    return reference("images", f"k{number}", b"%d" % number, "image/jpeg")


def _record(topic: str, key: str, value: object, at: datetime) -> Fetched:
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return Fetched(topic, 0, 0, int(at.timestamp() * 1000), key.encode(), data, ())


def test_finds_references_wherever_they_stand_and_nothing_else() -> None:
    one, two, three = (_ref(number) for number in range(3))
    found = refs_in(
        orjson.dumps({"photos": [one.model_dump()], "deep": {"er": [{"image": two.model_dump()}, three.model_dump()]}})
    )
    assert {ref.key for ref in found} == {"k0", "k1", "k2"}
    more = {**one.model_dump(), "width_px": 7}
    assert [ref.key for ref in refs_in(orjson.dumps({"x": more}))] == ["k0"]
    no_ref = {**one.model_dump(), "sha256": "no hash"}
    for value in (None, b"", b"\xff\xd8", b'{"sha256": ', b'"sha256"', orjson.dumps({"x": no_ref})):
        assert list(refs_in(value)) == []


def _stored(number: int, age: timedelta, retain_until: datetime | None = None) -> Stored:
    return Stored(_ref(number), NOW - age, retain_until)


def _referring(at: datetime, *numbers: int) -> LogReferences:
    references = LogReferences()
    for number in numbers:
        references.take(_record("image.events.v1", f"T-000{number}", {"image": _ref(number).model_dump()}, at))
    return references


def test_takes_for_an_orphan_only_what_is_old_unlocked_and_not_on_the_log() -> None:
    day = timedelta(days=1)
    objects = [
        _stored(0, 8 * day),
        _stored(1, 6 * day),
        _stored(2, 8 * day, NOW + day),
        _stored(3, 8 * day, NOW - day),
        _stored(4, 8 * day),
    ]
    chosen = plan(IMAGES, objects, _referring(NOW, 4), NOW, GRACE)
    assert [one.ref.key for one in chosen.orphans] == ["k0", "k3"]
    assert chosen.expired == []
    assert plan(Bucket("goldens", on_the_log=False), objects, LogReferences(), NOW, GRACE).orphans == []


def test_lets_an_object_go_when_its_time_after_the_last_reference_is_over() -> None:
    day = timedelta(days=1)
    old = [_stored(0, 800 * day)]
    for last, stored, expected in ((731, 800, ["k0"]), (729, 800, []), (731, 700, [])):
        references = _referring(NOW - last * day, 0)
        chosen = plan(IMAGES, [_stored(0, stored * day)], references, NOW, GRACE)
        assert [one.ref.key for one in chosen.expired] == expected
    assert plan(Bucket("images"), old, _referring(NOW - 731 * day, 0), NOW, GRACE).expired == []


async def test_keeps_what_an_open_ticket_refers_to(ports: Ports, shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish((await two_tickets()).log.records)
    references = await read_references(shop_log)
    assert references.is_open(TICKET)
    assert not references.is_open("T-unknown")
    day = timedelta(days=1)
    for subject, expected in ((TICKET, []), ("T-unknown", ["k0"])):
        references.references.clear()
        references.take(_record("image.events.v1", subject, _ref(0).model_dump(), NOW - 900 * day))
        chosen = plan(IMAGES, [_stored(0, 900 * day)], references, NOW, GRACE)
        assert [one.ref.key for one in chosen.expired] == expected


def _ticket(ticket_id: str, *, erased: bool) -> Fetched:
    ticket = examples_of(TicketView)["full"].model_copy(
        update={"ticket_id": ticket_id, "photos": (), "files": (), "erased_at": NOW if erased else None}
    )
    envelope = Envelope(
        id=uuid4(), source="/test", type=ticket.TYPE, subject=ticket_id, time=NOW, recorded_time=NOW,
        correlation_id=ticket_id,
    )  # fmt: skip
    record = _record(TICKET_VIEWS.name, ticket_id, Held(ticket, 1, ()).to_value(), NOW)
    return replace(record, headers=tuple(envelope.to_headers()))


def test_lets_the_objects_of_erased_tickets_go_whatever_old_messages_say() -> None:
    """0 is of an erased ticket, 1 of another one as well, 2 of a webhook as well, 3 is young, 4 of a ticket alone."""
    day, log = timedelta(days=1), _referring(NOW, 0, 1, 2, 3, 4)
    for number in range(6):
        log.take(_ticket(f"T-000{number}", erased=number < 4))
    log.take(_record("image.events.v1", "T-0005", _ref(1).model_dump(), NOW - 900 * day))
    log.take(_record("hook.events.v1", "H-1", _ref(2).model_dump(), NOW))
    objects = [_stored(number, (6 if number == 3 else 8) * day) for number in range(5)]
    chosen = plan(IMAGES, objects, log, NOW, GRACE)
    assert [one.ref.key for one in chosen.erased] == ["k0"]
    assert (chosen.orphans, chosen.expired) == ([], [])


def _design(workspace_id: str, *, removed: bool, version: int = 1) -> Fetched:
    whose = {"design_id": f"{workspace_id}/NZL-1", "workspace_id": workspace_id, "board_model": "NZL-1"}
    gone = DesignRemoved(**whose, removed_at=NOW) if removed else None
    value = Held(DesignView(**whose, removed=gone), version).to_value()
    record = _record(DESIGN_VIEWS.name, whose["design_id"], value, NOW)
    return replace(record, headers=(("ce_type", DesignView.TYPE.encode()),))


def test_lets_the_files_of_removed_designs_go_unless_another_workspace_has_the_same() -> None:
    log = LogReferences()
    for number, workspaces in enumerate((("main",), ("main", "hafen"), ("hafen",))):
        for workspace in workspaces:
            log.take(_record(DESIGN_EVENTS.name, f"{workspace}/NZL-1", {"index": _ref(number).model_dump()}, NOW))
    log.take(_design("main", removed=False))
    log.take(_design("hafen", removed=False))
    objects = [_stored(number, timedelta(days=8)) for number in range(3)]
    assert plan(Bucket("images"), objects, log, NOW, GRACE).erased == []
    log.take(_design("main", removed=True, version=2))
    assert [one.ref.key for one in plan(Bucket("images"), objects, log, NOW, GRACE).erased] == ["k0"]
    log.take(_design("main", removed=False, version=3))
    assert plan(Bucket("images"), objects, log, NOW, GRACE).erased == []


async def test_does_not_miss_what_went_with_an_erased_ticket(ports: Ports) -> None:
    log = _referring(datetime.now(UTC), 0, 1)
    log.take(_ticket("T-0000", erased=True))
    result = await verify(ports, log, lambda _: None)
    assert [fault.split(":")[0] for fault in result.faults] == ["images/k1"]


def _aged(ports: Ports, ref: BlobRef, age: timedelta) -> None:
    [path] = [path for path in (ports.settings.home / "blobs").rglob("*.blob") if f'"{ref.key}"' in _line(path)]
    at = (datetime.now(UTC) - age).timestamp()
    os.utime(path, (at, at))


def _line(path: Path) -> str:
    return path.read_bytes().split(b"\n", 1)[0].decode()


def _command(refs: list[BlobRef]) -> Outgoing:
    command = intake(TICKET).model_copy(update={"photos": tuple(refs), "no_photos_reason": None})
    envelope = Envelope(
        id=uuid4(), source="/test", type=command.TYPE, subject=TICKET, time=NOW, recorded_time=NOW,
        correlation_id=TICKET,
    )  # fmt: skip
    return Outgoing(TICKET_COMMANDS.name, TICKET.encode(), command.to_json(), envelope.to_headers())


async def test_sweeps_orphans_and_leftovers_and_nothing_that_the_log_or_time_protects(
    ports: Ports, shop_log: Cluster, publisher: KafkaPublisher
) -> None:
    ports.settings = replace(ports.settings, kafka=shop_log.bootstrap)
    blobs = ports.blobs
    commanded, letter, orphan, young = [
        await put_content(blobs, "images", name, "image/jpeg")
        for name in (b"commanded", b"letter", b"orphan", b"young")
    ]
    golden = await blobs.put("goldens", "board.jpg", b"golden", "image/jpeg")
    await ports.stored_blobs.put("vault", "contacts/C-1", b"sealed by the vault", "application/octet-stream")
    for ref in (commanded, letter, orphan, golden):
        _aged(ports, ref, timedelta(days=8))
    _aged(ports, reference("vault", "contacts/C-1", b"x", "a/b"), timedelta(days=8))
    await publisher.publish([_command([commanded])])
    dead = orjson.dumps({"photos": [letter.model_dump()]})
    await publisher.publish([Outgoing(DEAD_LETTERS[0].name, b"T-1", dead, [])])
    leftover = ports.settings.home / "blobs" / "images" / "aa" / ".half.tmp"
    leftover.write_bytes(b"half")
    os.utime(leftover, (1, 1))

    assert [one.ref for one in (await find_removable(ports, GRACE)).orphans] == [orphan]
    swept = await sweep(ports)
    assert (swept.orphans, swept.expired, swept.size_bytes, swept.leftovers) == (1, 0, len(b"orphan"), 1)
    assert {one.ref.key async for one in blobs.list("images")} == {commanded.key, letter.key, young.key}
    assert await blobs.get(golden) == b"golden"
    assert await ports.stored_blobs.stat("vault", "contacts/C-1") is not None
    assert (await sweep(ports)).orphans == 0


async def test_leaves_what_was_put_again_after_it_was_chosen(ports: Ports) -> None:
    ref = await put_content(ports.blobs, "images", b"x", "image/jpeg")
    _aged(ports, ref, timedelta(days=8))
    chosen = [one async for one in ports.blobs.list("images")]
    assert await put_content(ports.blobs, "images", b"x", "image/jpeg") == ref
    assert await remove(ports.blobs, chosen) == (0, 0)
    assert await ports.blobs.get(ref) == b"x"


async def test_refuses_a_grace_in_which_an_upload_could_be_waiting(ports: Ports) -> None:
    with pytest.raises(Misconfigured, match="give 2 days or more"):
        await find_removable(ports, timedelta(hours=47))


async def test_names_what_is_damaged_and_what_the_log_misses(ports: Ports) -> None:
    good, cut, turned = [
        await put_content(ports.blobs, "images", name * 50_000, "image/jpeg") for name in (b"good", b"cut", b"turned")
    ]
    await ports.stored_blobs.put("vault", "contacts/C-1", b"sealed by the vault", "application/octet-stream")
    for path in (ports.settings.home / "blobs" / "images").rglob("*.blob"):
        data = path.read_bytes()
        if cut.key in _line(path):
            path.write_bytes(data[:-1])
        elif turned.key in _line(path):
            path.write_bytes(data[:-200] + bytes([data[-200] ^ 1]) + data[-199:])
    references = _referring(datetime.now(UTC), 7)
    references.references |= _referring(datetime.now(UTC) - timedelta(days=731), 8).references
    references.take(_record("image.events.v1", "T-1", good.model_dump(), NOW))
    seen: list[int] = []
    result = await verify(ports, references, lambda so_far: seen.append(so_far.objects))
    assert (result.objects, len(result.faults)) == (2, 3)
    assert seen[-1] == 2
    for part in (f"images/{cut.key}", f"images/{turned.key}: the seal does not open", "images/k7: not stored"):
        assert any(part in fault for fault in result.faults), result.faults


async def test_copies_everything_to_s3_and_goes_on_where_it_stopped(ports: Ports) -> None:
    refs = [await put_content(ports.blobs, "images", bytes([n]) * 1000, "image/jpeg") for n in range(3)]
    await ports.stored_blobs.put("vault", "keys/C-1", b"wrapped", "application/octet-stream")
    with s3_server() as server:
        target = S3Blobs(S3Settings(server.endpoint, ACCESS_KEY, SECRET_KEY, secure=False))
        found = await ports.stored_blobs.stat("images", refs[0].key)
        assert found is not None
        await target.put("images", refs[0].key, await ports.stored_blobs.get(found.ref), "image/jpeg")
        done = await copy_all(ports.stored_blobs, target, lambda _: None)
        assert (done["copied"], done["already_there"]) == (3, 1)
        assert (await copy_all(ports.stored_blobs, target, lambda _: None))["copied"] == 0
        moved = SealedBlobs(target, ports.blob_keys)
        assert [await moved.get(ref) for ref in refs] == [bytes([n]) * 1000 for n in range(3)]


async def test_seals_anew_under_the_newest_key_and_can_do_without_the_former_one_then(ports: Ports) -> None:
    blobs = ports.blobs
    assert isinstance(blobs, SealedBlobs)
    sealed = await blobs.put("images", "sealed", b"s" * 70_000, "image/jpeg")
    plain = await ports.stored_blobs.put("images", "plain", b"from before", "image/jpeg")
    locked = await blobs.put("images", "locked", b"l", "image/jpeg")
    await blobs.retain("images", "locked", datetime.now(UTC) + timedelta(days=1))
    ports.blob_keys.new_master_key()
    assert await rekey(blobs) == {"sealed_anew": 2, "current": 0, "locked": 1, "unreadable": 0}
    assert await rekey(blobs) == {"sealed_anew": 0, "current": 2, "locked": 1, "unreadable": 0}
    assert [await blobs.get(ref) for ref in (sealed, plain, locked)] == [b"s" * 70_000, b"from before", b"l"]
    (ports.settings.home / "secrets" / "vault.key").unlink()
    async with Ports.open(ports.settings) as later:
        assert await later.blobs.get(sealed) == b"s" * 70_000


def test_every_bucket_is_declared_once_and_the_vault_is_never_swept_nor_sealed_twice() -> None:
    assert len({bucket.name for bucket in BUCKETS}) == len(BUCKETS)
    [vault] = [bucket for bucket in BUCKETS if bucket.name == "vault"]
    assert (vault.on_the_log, vault.sealed, vault.keep) == (False, False, None)


async def test_uses_the_store_below_as_it_is_when_sealing_is_switched_off(tmp_path: Path) -> None:
    async with Ports.open(read_settings({"NOIZYLAB_SEAL_BLOBS": "no"}, home=tmp_path / "home")) as ports:
        store: BlobStore = ports.blobs
        assert isinstance(store, LocalBlobs)
        ref = await store.put("images", "a", b"plain", "image/jpeg")
        assert (await store.presign_get(ref, timedelta(hours=1))).startswith("http://127.0.0.1:8080/blobs/")


async def test_does_not_lock_the_vault_which_must_be_able_to_forget(tmp_path: Path) -> None:
    names = {"NOIZYLAB_S3_ENDPOINT": "127.0.0.1:1", "NOIZYLAB_S3_OBJECT_LOCK": "images,vault"}
    async with Ports.open(read_settings(names, home=tmp_path / "home")) as ports:
        with pytest.raises(Misconfigured, match="must be able to forget"):
            _ = ports.stored_blobs
