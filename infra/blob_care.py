"""Looking after stored objects: what the log refers to, what may go, whether everything is whole."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import ValidationError

from connectors.blobs.buckets import BUCKETS, Bucket
from connectors.blobs.content import FRESH
from connectors.blobs.port import BlobCorrupt, BlobError, BlobExists, BlobMissing, BlobRetained, BlobStore, Stored
from connectors.blobs.sealed import SealedBlobs
from connectors.blobs.stream import read_stream
from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader, fold_view
from connectors.errors import ConnectorError, Misconfigured
from infra.ports import Ports
from infra.settings import Settings
from schemas.core.blob_ref import BlobRef
from schemas.schematics import DesignView
from schemas.tickets import TERMINAL_STATES, TicketView
from topics.registry import ALL
from topics.schematics import DESIGN_VIEWS
from topics.tickets import TICKET_VIEWS

log = logging.getLogger(__name__)

GRACE = timedelta(days=7)
"""An object is stored before the message that refers to it is written: one so young may just be waiting for it."""
_LEFTOVERS_AFTER = timedelta(days=1)
_FIRST_SWEEP_AFTER_S, _SWEEP_EVERY_S = 3600.0, 86_400.0
_FIELDS = frozenset(BlobRef.model_fields)

Name = tuple[str, str]
"""Bucket and key."""


@dataclass(slots=True)
class Reference:
    """Who refers to an object: when last (UTC), and the keys of the messages, most of them ticket ids."""

    ref: BlobRef
    last_at: datetime
    subjects: set[str] = field(default_factory=set)


@dataclass(slots=True)
class LogReferences:
    """What the whole log refers to, the tickets that are open, and the designs that were removed."""

    references: dict[Name, Reference] = field(default_factory=dict)
    tickets: dict[str, Held] = field(default_factory=dict)
    designs: dict[str, Held] = field(default_factory=dict)

    def take(self, record: Fetched) -> None:
        """Note the references in one record, of whatever type: commands, events, views and dead letters alike."""
        if record.topic == TICKET_VIEWS.name:
            fold_view(TICKET_VIEWS, record, self.tickets)
        elif record.topic == DESIGN_VIEWS.name:
            fold_view(DESIGN_VIEWS, record, self.designs)
        subject = (record.key or b"").decode("utf-8", "replace")
        at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        for ref in refs_in(record.value):
            name = (ref.bucket, ref.key)
            known = self.references.setdefault(name, Reference(ref, at))
            known.last_at = max(known.last_at, at)
            known.subjects.add(subject)

    def is_open(self, subject: str) -> bool:
        """Whether this is a ticket that has not ended."""
        ticket = self._ticket(subject)
        return ticket is not None and ticket.state not in TERMINAL_STATES

    def is_erased(self, reference: Reference) -> bool:
        """Whether whoever refers to an object was erased or removed: only old messages still name it."""
        return all(map(self._is_forgotten, reference.subjects))

    def _is_forgotten(self, subject: str) -> bool:
        design = self.designs.get(subject)
        if design is not None and isinstance(design.state, DesignView):
            return design.state.removed is not None
        ticket = self._ticket(subject)
        return ticket is not None and ticket.erased_at is not None

    def _ticket(self, subject: str) -> TicketView | None:
        held = self.tickets.get(subject)
        return held.state if held is not None and isinstance(held.state, TicketView) else None


def refs_in(value: bytes | None) -> Iterable[BlobRef]:
    """Yield every reference in a JSON document, wherever it stands; a document that is no JSON has none."""
    if value is None or b'"sha256"' not in value:
        return
    try:
        pending: list[Any] = [orjson.loads(value)]
    except orjson.JSONDecodeError:
        return
    while pending:
        found = pending.pop()
        if isinstance(found, list):
            pending.extend(found)
        elif isinstance(found, dict):
            if found.keys() >= _FIELDS:
                try:
                    yield BlobRef.model_validate({name: found[name] for name in _FIELDS})
                    continue
                except ValidationError:
                    pass
            pending.extend(found.values())


async def read_references(cluster: Cluster) -> LogReferences:
    """Read the whole log, dead letters too.

    Raises:
        Transient: no broker answers.
    """
    found = LogReferences()
    async with LogReader(cluster, "noizylab-blobs") as reader:
        async for record in reader.to_end(await reader.partitions([topic.name for topic in ALL])):
            found.take(record)
    return found


@dataclass(frozen=True, slots=True)
class Plan:
    """What may go: objects that nothing refers to, those whose time is over, those of the erased and removed alone."""

    orphans: list[Stored]
    expired: list[Stored]
    erased: list[Stored]


def plan(
    bucket: Bucket, objects: Iterable[Stored], log_references: LogReferences, now: datetime, grace: timedelta
) -> Plan:
    """Choose what may go from a bucket. Nothing younger than ``grace`` goes, nothing locked, nothing the log is silent
    about in a bucket that it does not speak of.
    """
    chosen = Plan([], [], [])
    if not bucket.on_the_log:
        return chosen
    for one in objects:
        locked = one.retain_until is not None and one.retain_until > now
        if locked or one.stored_at > now - grace:
            continue
        reference = log_references.references.get((one.ref.bucket, one.ref.key))
        if reference is None:
            chosen.orphans.append(one)
        elif log_references.is_erased(reference):
            chosen.erased.append(one)
        elif _is_over(bucket, one, reference, now) and not any(map(log_references.is_open, reference.subjects)):
            chosen.expired.append(one)
    return chosen


def _is_over(bucket: Bucket, one: Stored, reference: Reference, now: datetime) -> bool:
    return bucket.keep is not None and max(reference.last_at, one.stored_at) < now - bucket.keep


async def find_removable(ports: Ports, grace: timedelta) -> Plan:
    """Compare every bucket with the log. The objects are listed first: what comes to the log meanwhile counts."""
    if grace < 2 * FRESH:
        raise Misconfigured(
            f"objects of the last {2 * FRESH.days} days stay, as an upload may still be waiting for its message; "
            f"give {2 * FRESH.days} days or more, such as --older-than 7d"
        )
    listed = {bucket: [one async for one in ports.blobs.list(bucket.name)] for bucket in BUCKETS if bucket.on_the_log}
    log_references = await read_references(ports.settings.cluster())
    found = Plan([], [], [])
    for bucket, objects in listed.items():
        chosen = plan(bucket, objects, log_references, ports.clock.now(), grace)
        found.orphans.extend(chosen.orphans)
        found.expired.extend(chosen.expired)
        found.erased.extend(chosen.erased)
    return found


async def remove(blobs: BlobStore, objects: Iterable[Stored]) -> tuple[int, int]:
    """Delete objects that are still as they were listed; return how many, and their bytes."""
    count = size_bytes = 0
    for one in objects:
        # Somebody may have put the same content again meanwhile, for a message that is on its way.
        if await blobs.stat(one.ref.bucket, one.ref.key) != one:
            continue
        try:
            await blobs.delete(one.ref.bucket, one.ref.key)
        except BlobRetained:
            continue
        count += 1
        size_bytes += one.ref.size_bytes
    return count, size_bytes


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed."""

    orphans: int
    expired: int
    erased: int
    size_bytes: int
    leftovers: int


async def sweep(ports: Ports, grace: timedelta = GRACE) -> Swept:
    """Remove orphans, what is past its time or of the erased and removed, and what puts that were cut off left."""
    found = await find_removable(ports, grace)
    orphans, orphan_bytes = await remove(ports.blobs, found.orphans)
    expired, expired_bytes = await remove(ports.blobs, found.expired)
    erased, erased_bytes = await remove(ports.blobs, found.erased)
    leftovers = 0
    for bucket in BUCKETS:
        leftovers += await ports.stored_blobs.tidy(bucket.name, _LEFTOVERS_AFTER)
    return Swept(orphans, expired, erased, orphan_bytes + expired_bytes + erased_bytes, leftovers)


async def sweep_daily(settings: Settings) -> None:
    """Sweep an hour after the start and then every day, for ever. An outage is logged; the next day is another try."""
    wait_s = _FIRST_SWEEP_AFTER_S
    while True:
        await asyncio.sleep(wait_s)
        wait_s = _SWEEP_EVERY_S
        try:
            async with Ports.open(settings) as ports:
                log.info("swept the object store: %s", await sweep(ports))
        except ConnectorError as error:
            log.warning("the object store was not swept: %s", error)


@dataclass(slots=True)
class Verified:
    """The result of reading everything. ``faults`` names what is wrong with an object, or that it is not there."""

    objects: int = 0
    size_bytes: int = 0
    faults: list[str] = field(default_factory=list)


async def verify(ports: Ports, log_references: LogReferences | None, progress: Callable[[Verified], None]) -> Verified:
    """Read every object and compare its hash; with the log, also find what it refers to and is not there."""
    result = Verified()
    present: set[Name] = set()
    for bucket in BUCKETS:
        blobs = ports.blobs if bucket.sealed else ports.stored_blobs
        # Listed below the seal, so that an object whose seal is broken is met, not left out.
        async for one in ports.stored_blobs.list(bucket.name):
            present.add((bucket.name, one.ref.key))
            try:
                found = await blobs.stat(bucket.name, one.ref.key)
                if found is None:
                    continue
                async for piece in read_stream(blobs, found.ref):
                    result.size_bytes += len(piece)
                result.objects += 1
            except BlobMissing:
                continue  # deleted meanwhile
            except BlobCorrupt as error:
                result.faults.append(str(error))
            progress(result)
    if log_references is not None:
        result.faults.extend(_missing(log_references, present, ports.clock.now()))
    return result


def _missing(log_references: LogReferences, present: set[Name], now: datetime) -> Iterable[str]:
    """Name what the log refers to and is not there, but for what a sweep may have removed after its time."""
    keep = {bucket.name: bucket.keep for bucket in BUCKETS}
    for (bucket, key), one in sorted(log_references.references.items()):
        kept_for = keep.get(bucket)
        over = kept_for is not None and one.last_at < now - kept_for
        if (bucket, key) not in present and not over and not log_references.is_erased(one):
            subjects = len(one.subjects)
            yield f"{bucket}/{key}: not stored, but {subjects} on the log refer to it; restore it from a backup"


async def copy_all(source: BlobStore, target: BlobStore, progress: Callable[[str], None]) -> Mapping[str, int]:
    """Copy every object as it lies, sealed or not; one that is there already is skipped, so it can be repeated.

    Raises:
        BlobCorrupt: an object is damaged; it is named, and what was copied before stays.
    """
    done = {"copied": 0, "already_there": 0, "size_bytes": 0}
    for bucket in BUCKETS:
        async for one in source.list(bucket.name):
            found = await target.stat(bucket.name, one.ref.key)
            if found is not None and found.ref == one.ref:
                done["already_there"] += 1
                continue
            copied = await target.put_stream(bucket.name, one.ref.key, read_stream(source, one.ref), one.ref.media_type)
            if copied != one.ref:
                raise BlobCorrupt(f"{bucket.name}/{one.ref.key}: changed while it was copied; run the copy again")
            done["copied"] += 1
            done["size_bytes"] += copied.size_bytes
            progress(f"{bucket.name}/{one.ref.key}")
    return done


async def rekey(blobs: SealedBlobs) -> Mapping[str, int]:
    """Seal anew what is under a former key, or not sealed; return how many of which outcome."""
    done = {"sealed_anew": 0, "current": 0, "locked": 0, "unreadable": 0}
    async for one in _sealed_objects(blobs):
        try:
            if await blobs.is_current(one.ref):
                done["current"] += 1
                continue
            data = await blobs.get(one.ref)
            await blobs.put(one.ref.bucket, one.ref.key, data, one.ref.media_type, if_match=one.ref)
            done["sealed_anew"] += 1
        except BlobRetained:
            done["locked"] += 1
        except (BlobExists, BlobMissing):
            continue  # replaced or deleted meanwhile, and so sealed under the newest key already
        except BlobError as error:
            log.error("%s", error)
            done["unreadable"] += 1
    return done


async def _sealed_objects(blobs: SealedBlobs) -> AsyncIterator[Stored]:
    for bucket in BUCKETS:
        if bucket.sealed:
            async for one in blobs.list(bucket.name):
                yield one
