"""The chain: digests of records, checkpoints over them, and what a difference says. Pure.

A record's digest is SHA-256 over its place, time, key, value and headers, in order, every part with its length. A
checkpoint chains the digests of its records to the hash of the checkpoint before and is signed, so nobody without
the key can change a record, or a checkpoint, and have the rest still fit. It also lists the first eight bytes of
each digest: the chain says that something is wrong, the list says which record.
"""

import base64
import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Literal

import orjson

from connectors.bus.records import Fetched
from infra.auditor.keys import PublicKeys, SigningKey
from schemas.audit import CheckpointHead, CheckpointSealed, Run

LISTED_BYTES = 8
_LATEST_MS = 253_402_300_799_000  # The end of year 9999: a producer may stamp a record with anything.
Digests = Mapping[int, bytes]
"""Offset to digest, in the order of the log."""
Kind = Literal["changed", "removed", "inserted", "checkpoint_missing", "checkpoint_forged", "checkpoint_contradicts"]
_CONTENT = "key, value, headers or time differ from what was sealed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed. ``offset`` None: the place as a whole."""

    kind: Kind
    topic: str
    partition: int
    offset: int | None
    detail: str


def digest(record: Fetched) -> bytes:
    """Return the 32-byte digest of a record with its place. Lengths stand first, so no two records share the text."""
    topic = record.topic.encode()
    parts = [topic, record.key, record.value]
    for name, value in record.headers:
        parts += [name.encode(), value]
    lengths = [-1 if part is None else len(part) for part in parts]
    layout = struct.pack(
        f">{4 + len(lengths)}q", record.partition, record.offset, record.timestamp_ms, len(parts), *lengths
    )
    return hashlib.sha256(layout + b"".join(part for part in parts if part is not None)).digest()


def genesis(place: str) -> str:
    """Return what stands for the hash of a checkpoint before the first of a place."""
    return hashlib.sha256(f"noizylab audit {place}".encode()).hexdigest()


def chained(previous_hash: str, digests: Iterable[bytes]) -> str:
    """Return the chain hash: each digest hashed onto what came before."""
    link = bytes.fromhex(previous_hash)
    for one in digests:
        link = hashlib.sha256(link + one).digest()
    return link.hex()


def head_hash(head: CheckpointHead | Mapping[str, Any]) -> str:
    """Return a checkpoint's hash: of all in its head that is signed."""
    return hashlib.sha256(_signed(head)).hexdigest()


def _signed(head: CheckpointHead | Mapping[str, Any]) -> bytes:
    data = orjson.loads(head.model_dump_json()) if isinstance(head, CheckpointHead) else dict(head)
    data.pop("signature", None)
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def _records_hash(runs: Sequence[Run], digests: str) -> str:
    listed = [[run.first, run.count] for run in runs]
    return hashlib.sha256(orjson.dumps([listed, digests])).hexdigest()


def seal(
    place: str,
    before: CheckpointHead | None,
    digests: Digests,
    times_ms: tuple[int, int],
    sealed_at: datetime,
    key: SigningKey,
) -> CheckpointSealed:
    """Return the signed checkpoint of a stretch of one partition.

    ``digests`` may not be empty; ``times_ms``: the time stamps of its oldest and its newest record.
    """
    offsets = list(digests)
    runs = tuple(_runs(offsets))
    listed = base64.b64encode(b"".join(one[:LISTED_BYTES] for one in digests.values())).decode()
    previous_hash = head_hash(before) if before is not None else genesis(place)
    unsigned = CheckpointHead(
        place=place,
        number=before.number + 1 if before is not None else 1,
        from_offset=offsets[0],
        next_offset=offsets[-1] + 1,
        count=len(offsets),
        oldest_at=_time(times_ms[0]),
        newest_at=_time(times_ms[1]),
        previous_hash=previous_hash,
        chain_hash=chained(previous_hash, digests.values()),
        records_hash=_records_hash(runs, listed),
        sealed_at=sealed_at,
        key_id=key.id,
        signature="",
    )
    head = unsigned.model_copy(update={"signature": key.sign(_signed(unsigned))})
    return CheckpointSealed(place=place, head=head, runs=runs, digests=listed)


def _time(stamp_ms: int) -> datetime:
    return datetime.fromtimestamp(min(max(stamp_ms, 0), _LATEST_MS) / 1000, UTC)


def _runs(offsets: Sequence[int]) -> Iterator[Run]:
    first = offsets[0]
    for before, offset in pairwise(offsets):
        if offset != before + 1:
            yield Run(first=first, count=before + 1 - first)
            first = offset
    yield Run(first=first, count=offsets[-1] + 1 - first)


def listed(checkpoint: CheckpointSealed) -> dict[int, bytes]:
    """Return the offsets of a checkpoint with their truncated digests."""
    data = base64.b64decode(checkpoint.digests)
    offsets = [offset for run in checkpoint.runs for offset in range(run.first, run.first + run.count)]
    return {offset: data[n * LISTED_BYTES : (n + 1) * LISTED_BYTES] for n, offset in enumerate(offsets)}


def why_forged(checkpoint: CheckpointSealed, raw_head: Mapping[str, Any], keys: PublicKeys) -> str | None:
    """Return what is wrong with a checkpoint itself, None when a known key signed exactly this one.

    ``raw_head``: the head as JSON in the log, so that fields of a later version are checked as well.
    """
    head = checkpoint.head
    problem = signature_problem(raw_head, keys)
    if problem:
        return problem
    if head.records_hash != _records_hash(checkpoint.runs, checkpoint.digests):
        return "its list of records is not the one that was signed"
    if checkpoint.place != head.place:
        return f"it is filed under {checkpoint.place}, signed for {head.place}"
    return None


def signature_problem(raw_head: Mapping[str, Any], keys: PublicKeys) -> str | None:
    """Return why the signature of a head does not hold, or None."""
    return keys.problem(str(raw_head.get("key_id")), _signed(raw_head), str(raw_head.get("signature")))


def compare(place: str, sealed: Digests, found: Digests) -> list[Finding]:
    """Return, record by record, how ``found`` differs from what was ``sealed`` (full or truncated digests)."""
    topic, partition = split_place(place)
    findings = []
    for offset in sorted({*sealed, *found}):
        if offset not in found:
            findings.append(Finding("removed", topic, partition, offset, "sealed, and not in the log any more"))
        elif offset not in sealed:
            findings.append(Finding("inserted", topic, partition, offset, "in the log, and was not there when sealed"))
        elif sealed[offset][:LISTED_BYTES] != found[offset][:LISTED_BYTES]:
            findings.append(Finding("changed", topic, partition, offset, _CONTENT))
    return findings


def place_of(topic: str, partition: int) -> str:
    """Return a partition's name, ``<topic>/<partition>``."""
    return f"{topic}/{partition}"


def split_place(place: str) -> tuple[str, int]:
    """Return topic and partition of a place."""
    topic, _, partition = place.rpartition("/")
    return topic, int(partition)
