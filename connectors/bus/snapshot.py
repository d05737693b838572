"""Snapshots of views on the local disk: at assignment only what came after one has to be read from the log.

A snapshot is the fold of a view partition up to an offset, made from the log and not from a worker's memory, so that
it holds exactly what reading from the start would. It is never trusted: a file that is damaged is ignored, and
so is one of whose last records none is in the log as it was, because the topic was made anew.
"""

import hashlib
import logging
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from connectors.bus.aggregate import Held
from connectors.bus.records import Fetched
from topics.topic import Topic

log = logging.getLogger(__name__)

MAGIC = b"noizylab snapshot 1\n"
MARKS = 32
_LENGTHS = struct.Struct(">III")


def digest_of(record: Fetched) -> str:
    """Return what tells a record from any other that could lie in its place."""
    content = repr((record.timestamp_ms, record.key, record.value, list(record.headers)))
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(slots=True)
class Snapshot:
    """The aggregates of one view partition, folded over every record up to the newest of ``marks``.

    ``marks``: the last records by offset, with their digests. Compaction may take some of them away, but one that is
    found unchanged proves that the log is the one the snapshot was made from.
    """

    marks: dict[int, str]
    held: dict[str, Held] = field(default_factory=dict)


class Snapshots:
    """A directory with one file for each group, view topic and partition. Its methods block: call them in a thread.

    ``at_least``: a snapshot is written when so many records had to be read.
    """

    def __init__(self, directory: Path, group: str, *, at_least: int = 5_000) -> None:
        self.at_least = at_least
        self._directory, self._group = directory, group

    def path(self, topic: Topic, partition: int) -> Path:
        """Return where the snapshot of a partition lies."""
        return self._directory / f"{self._group}.{topic.name}.{partition}.snapshot"

    def load(self, topic: Topic, partition: int) -> Snapshot | None:
        """Return the snapshot of a partition; None when there is none that can be read."""
        path = self.path(topic, partition)
        try:
            return self._read(path.read_bytes(), topic, partition)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
            log.warning("snapshot %s is ignored, the log is read from its start: %s", path.name, error)
            return None

    def save(self, topic: Topic, partition: int, snapshot: Snapshot) -> None:
        """Write a snapshot in the place of the one before. A full disk is logged, not raised: the log holds it all."""
        body = b"".join(_entries(snapshot.held))
        head = orjson.dumps(self._identity(topic, partition) | {
            "marks": list(snapshot.marks.items()), "sha256": hashlib.sha256(body).hexdigest(),
        })  # fmt: skip
        path = self.path(topic, partition)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(MAGIC + head + b"\n" + body)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            log.warning("snapshot %s could not be written: %s", path.name, error)
            with suppress(OSError):
                temporary.unlink()

    def _identity(self, topic: Topic, partition: int) -> dict[str, Any]:
        return {"group": self._group, "topic": topic.name, "partition": partition}

    def _read(self, content: bytes, topic: Topic, partition: int) -> Snapshot:
        if not content.startswith(MAGIC):
            raise ValueError("no snapshot of this version")
        end = content.index(b"\n", len(MAGIC))
        head = orjson.loads(content[len(MAGIC) : end])
        body = content[end + 1 :]
        if hashlib.sha256(body).hexdigest() != head["sha256"]:
            raise ValueError("its checksum does not fit")
        if any(head[name] != value for name, value in self._identity(topic, partition).items()):
            raise ValueError("it belongs to something else")
        snapshot = Snapshot({int(offset): str(digest) for offset, digest in head["marks"]})
        if not snapshot.marks:
            raise ValueError("nothing in it proves which log it is of")
        position = 0
        while position < len(body):
            key, kind, value, position = _entry(body, position)
            state_class = topic.type_named(kind)
            if state_class is not None:
                snapshot.held[key] = Held.unread(value, state_class)
        return snapshot


def _entries(held: dict[str, Held]) -> Iterator[bytes]:
    for key, one in held.items():
        parts = key.encode(), one.kind.encode(), one.to_value()
        yield _LENGTHS.pack(*map(len, parts))
        yield from parts


def _entry(body: bytes, position: int) -> tuple[str, str, bytes, int]:
    key_length, kind_length, value_length = _LENGTHS.unpack_from(body, position)
    key = position + _LENGTHS.size
    kind = key + key_length
    value = kind + kind_length
    end = value + value_length
    return body[key:kind].decode(), body[kind:value].decode(), body[value:end], end
