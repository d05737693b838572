"""How fast objects are stored and read, beside what the disk can do at all, and what kills leave behind."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.blobs.keys import BlobKeys
from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import BlobStore
from connectors.blobs.s3 import S3Blobs
from connectors.blobs.s3_client import S3Settings
from connectors.blobs.sealed import SealedBlobs
from connectors.blobs.stream import read_stream
from connectors.files import sync_directory
from infra.bench.blob_kills import Harm, Victim, kill_writers
from infra.bench.fetch import Missing
from infra.bench.s3_server import ACCESS_KEY, SECRET_KEY, s3_server, versitygw
from schemas.core.blob_ref import BlobRef

Say = Callable[[str], None]
MEGABYTE = 1_000_000
_SMALL_BYTES, _LARGE_BYTES = MEGABYTE, 64 * MEGABYTE
_BUCKET, _TYPE = "bench", "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done: objects of 1 MB and of 64 MB for each store, and kills."""

    small: int = 40
    large: int = 4
    kills: int = 10
    seed: int = 1


async def run_blob_bench(plan: Plan, say: Say) -> dict[str, Any]:
    """Measure every store one call at a time, in one folder, so on one disk; return the figures of ``--json``."""
    result: dict[str, Any] = {"left_out": {}}
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="noizylab-bench-")))
        stores: dict[str, _Files | _Objects] = {"file": _Files(folder / "file")}
        server = _server(folder, opened, result["left_out"])
        stores |= {name: _Objects(one) for name, one in _stores(folder, server).items()}
        say(f"{', '.join(stores)} in turns; file is a copy with fsync, the bound")
        result["runs"] = await _measure(stores, plan)
        say(f"{plan.kills} kills in the middle of puts")
        result |= _told(await kill_writers(Victim(folder / "kills"), plan.kills, plan.seed))
        if server is not None:
            say(f"{plan.kills} kills in the middle of puts to S3")
            result["s3"] = _told(await kill_writers(Victim(folder / "s3-kills", server), plan.kills, plan.seed))
    return result


def _told(harm: Harm) -> dict[str, int]:
    return {
        "kills": harm.kills, "puts_under_kills": harm.puts, "cut_off": harm.cut_off,
        "half_objects": harm.half_objects, "lost_objects": harm.lost, "leftovers": harm.leftovers,
    }  # fmt: skip


def _server(folder: Path, opened: ExitStack, left_out: dict[str, str]) -> str | None:
    try:
        return opened.enter_context(s3_server(versitygw(), folder / "s3"))
    except Missing as missing:
        left_out["s3"] = str(missing)
        return None


def _stores(folder: Path, server: str | None) -> dict[str, BlobStore]:
    keys = BlobKeys(folder / "keys")
    stores: dict[str, BlobStore] = {
        "local": LocalBlobs(folder / "local"),
        "local-sealed": SealedBlobs(LocalBlobs(folder / "local-sealed"), keys),
    }
    if server is None:
        return stores
    s3 = S3Blobs(S3Settings(server, ACCESS_KEY, SECRET_KEY, secure=False))
    return stores | {"s3": s3, "s3-sealed": SealedBlobs(s3, keys)}


class _Files:
    """What the disk and the file system allow: a file written, waited for, and given its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    async def put(self, name: str, data: bytes) -> None:
        await asyncio.to_thread(self._write, name, data)

    async def get(self, name: str) -> int:
        return len(await asyncio.to_thread((self._folder / name).read_bytes))

    def _write(self, name: str, data: bytes) -> None:
        temporary = self._folder / f".{name}"
        with temporary.open("wb") as file:
            for start in range(0, len(data), MEGABYTE):
                file.write(data[start : start + MEGABYTE])
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._folder / name)
        sync_directory(self._folder)


class _Objects:
    """A store: small objects whole, large ones as streams, as the gateway does it; references as from the log."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._refs: dict[str, BlobRef] = {}

    async def put(self, name: str, data: bytes) -> None:
        if len(data) == _LARGE_BYTES:
            self._refs[name] = await self._store.put_stream(_BUCKET, name, _pieces(data), _TYPE)
        else:
            self._refs[name] = await self._store.put(_BUCKET, name, data, _TYPE)

    async def get(self, name: str) -> int:
        ref = self._refs[name]
        if ref.size_bytes != _LARGE_BYTES:
            return len(await self._store.get(ref))
        return sum([len(piece) async for piece in read_stream(self._store, ref)])


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), MEGABYTE):
        yield bytes(view[start : start + MEGABYTE])


async def _measure(stores: Mapping[str, _Files | _Objects], plan: Plan) -> list[dict[str, Any]]:
    """Take turns, so that whatever else the machine does meanwhile slows every store alike."""
    runs = []
    for label, size, count in (("1mb", _SMALL_BYTES, plan.small), ("64mb", _LARGE_BYTES, plan.large)):
        data = os.urandom(size)
        for store in stores.values():
            await store.put(f"{label}-warm", data)  # folders, buckets and connections are there from here on
        puts: dict[str, list[float]] = {name: [] for name in stores}
        gets: dict[str, list[float]] = {name: [] for name in stores}
        for n in range(count):
            for name, store in stores.items():
                # Every object differs in its first bytes, so that nothing can be stored once for all.
                puts[name].append(await _timed(store.put(f"{label}-{n}", n.to_bytes(8, "big") + data[8:])))
                gets[name].append(await _timed(store.get(f"{label}-{n}")))
        for name in stores:
            runs.append(_figures(name, f"put_{label}", size, puts[name]))
            runs.append(_figures(name, f"get_{label}", size, gets[name]))
    return runs


async def _timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def _figures(store: str, op: str, size: int, taken: list[float]) -> dict[str, Any]:
    p95 = statistics.quantiles(taken, n=20, method="inclusive")[-1] if len(taken) > 1 else taken[0]
    return {
        "store": store,
        "op": op,
        "count": len(taken),
        "mb_per_s": round(size * len(taken) / MEGABYTE / sum(taken), 1),
        "p95_ms": round(p95 * 1000, 2),
    }
