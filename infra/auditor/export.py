"""Exports: records of the log as CloudEvents in JSON lines, or as a Parquet table, with a signed manifest.

Every record that was asked for is in the file. One that is no CloudEvent of ours has its bytes in base64 and its
headers, and is counted; nothing is dropped.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader
from connectors.errors import Permanent
from infra.auditor.keys import PublicKeys, SigningKey
from schemas.core.envelope import Envelope, EnvelopeError
from schemas.core.time import rfc3339
from topics.topic import Topic

CHUNK_BYTES = 1_048_576
REPORT_EVERY = 20_000


@dataclass(frozen=True, slots=True)
class Selection:
    """What to export. ``aggregate``: records about it, or of the repair that runs under it, oldest first."""

    topics: Sequence[Topic]
    since: datetime | None = None
    until: datetime | None = None
    aggregate: str | None = None

    def takes(self, record: Fetched) -> bool:
        """Whether a record is about the aggregate, if one was named."""
        if self.aggregate is None:
            return True
        wanted = self.aggregate.encode()
        return record.key == wanted or any(
            value == wanted for name, value in record.headers if name in ("ce_subject", "ce_correlationid")
        )

    def described(self) -> dict[str, Any]:
        """Return it as JSON, for the manifest."""
        return {
            "topics": [topic.name for topic in self.topics],
            "from": self.since and rfc3339(self.since),
            "to": self.until and rfc3339(self.until),
            "aggregate": self.aggregate,
        }


@dataclass(slots=True)
class Exported:
    """What was written. ``raw``: records that are no CloudEvents of ours."""

    records: Counter[str] = field(default_factory=Counter)
    raw: int = 0


async def export_lines(cluster: Cluster, selection: Selection, file: BinaryIO, say: Callable[[str], None]) -> Exported:
    """Write the records as JSON lines: by partition and offset, or by time where an aggregate is named."""
    done = Exported()
    records = _selected(cluster, selection)
    if selection.aggregate is not None:
        records = _in_time([record async for record in records])
    async for record in records:
        line, raw = line_of(record)
        file.write(line + b"\n")
        done.raw += raw
        done.records[record.topic] += 1
        if done.records.total() % REPORT_EVERY == 0:
            say(f"{done.records.total()} records written")
    return done


async def _selected(cluster: Cluster, selection: Selection) -> AsyncIterator[Fetched]:
    async with LogReader(cluster, "noizylab-audit-export") as reader:
        tps = await reader.partitions([topic.name for topic in selection.topics])
        bounds = await reader.bounds(tps)
        since = await reader.offsets_at(tps, selection.since) if selection.since else {}
        until = await reader.offsets_at(tps, selection.until) if selection.until else {}
        for tp in tps:
            low, high = bounds[tp]
            start, stop = since.get(tp, low), until.get(tp)
            within = (high if start is None else start, high if stop is None else stop)
            if within[0] < within[1]:
                async for record in reader.to_end([tp], {tp: within}):
                    if selection.takes(record):
                        yield record


async def _in_time(records: list[Fetched]) -> AsyncIterator[Fetched]:
    for record in sorted(records, key=lambda one: (one.timestamp_ms, one.topic, one.partition, one.offset)):
        yield record


def line_of(record: Fetched) -> tuple[bytes, bool]:
    """Return a record as structured CloudEvent JSON with its place in the log, and whether it had to be left raw."""
    raw = False
    try:
        event: dict[str, Any] = dict(_attributes(record))
    except EnvelopeError:
        event, raw = {}, True
    event["kafkatopic"] = record.topic
    event["kafkapartition"] = record.partition
    event["kafkaoffset"] = record.offset
    event["kafkatimestamp"] = record.timestamp_ms
    event["kafkakey"] = None if record.key is None else base64.b64encode(record.key).decode()
    headers = [[name, None if v is None else base64.b64encode(v).decode()] for name, v in record.headers]
    event["kafkaheaders"] = orjson.dumps(headers).decode()
    data = record.value
    if data is not None and _is_exact_json(data):
        return orjson.dumps(event)[:-1] + b',"data":' + data + b"}", raw
    event["data_base64"] = None if data is None else base64.b64encode(data).decode()
    return orjson.dumps(event), raw or data is not None


def _attributes(record: Fetched) -> Iterator[tuple[str, str]]:
    envelope = Envelope.from_headers(record.headers)
    yield from envelope.to_json_attributes().items()
    others = {"traceparent": envelope.traceparent, "authtype": envelope.auth_type, "authid": envelope.auth_id}
    yield from ((name, value) for name, value in others.items() if value is not None)


def _is_exact_json(data: bytes) -> bool:
    """Whether the bytes may stand in a line as they are: JSON without line breaks."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return b"\n" not in data and b"\r" not in data


# --- manifest


def manifest_file(path: Path) -> Path:
    """Return where the manifest of an export lies."""
    return path.with_name(f"{path.name}.manifest.json")


def write_manifest(
    path: Path,
    selection: Selection,
    done: Exported,
    heads: Sequence[Mapping[str, Any]],
    key: SigningKey,
    now: datetime,
) -> Path:
    """Write the signed manifest: what was selected, counts, hash of the file, and the newest checkpoints."""
    manifest: dict[str, Any] = {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": _sha256(path),
        "selection": selection.described(),
        "records": dict(sorted(done.records.items())),
        "raw": done.raw,
        "made_at": rfc3339(now),
        "heads": [dict(one) for one in heads],
        "key_id": key.id,
        "public_key": key.public_pem,
    }
    manifest["signature"] = key.sign(_signed(manifest))
    target = manifest_file(path)
    target.write_text(json.dumps(manifest, indent=1) + "\n")
    return target


def check_export(path: Path, keys: PublicKeys) -> list[str]:
    """Return what is wrong with an export, by its manifest; nothing when it is as it was made.

    Raises:
        Permanent: the file or its manifest cannot be read.
    """
    try:
        manifest: dict[str, Any] = json.loads(manifest_file(path).read_text())
        size, found = path.stat().st_size, _sha256(path)
        wrong = []
        problem = keys.problem(str(manifest.get("key_id")), _signed(manifest), str(manifest.get("signature")))
        if problem:
            wrong.append(f"manifest: {problem}")
        if (manifest["bytes"], manifest["sha256"]) != (size, found):
            wrong.append(f"{path.name} has {size} bytes with SHA-256 {found}, the manifest says otherwise")
        if path.suffix == ".jsonl" and sum(manifest["records"].values()) != _lines(path):
            wrong.append(f"{path.name} has {_lines(path)} records, the manifest says otherwise")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise Permanent(
            f"{path} and its manifest cannot be read ({error}); `audit export --sign` makes both"
        ) from error
    return wrong


def _signed(manifest: Mapping[str, Any]) -> bytes:
    data = {name: value for name, value in manifest.items() if name != "signature"}
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK_BYTES), b""))


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Yield a neighbour to write to, which gets the name of ``path`` when all went well.

    Raises:
        Permanent: ``path`` is taken, or its folder is not there or cannot be written to.
    """
    if path.exists():
        raise Permanent(f"{path} is there already; name a new file")
    if not path.parent.is_dir():
        raise Permanent(f"there is no folder {path.parent}; make it, or name a file elsewhere")
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.rename(path)
    except OSError as error:
        raise Permanent(f"{path} cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
