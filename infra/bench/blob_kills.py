"""Kills in the middle of puts: a process stores objects without end, is killed, and what it left is read.

``python -m infra.bench.blob_kills FOLDER SEED`` is that process. It says what it begins and what was acknowledged.
"""

import asyncio
import hashlib
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from connectors.blobs.keys import BlobKeys
from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import BlobError
from connectors.blobs.sealed import SealedBlobs
from connectors.blobs.stream import read_stream

BUCKET = "killed"
_KEYS = 6
_SIZES = (1_000, 100_000, 3_000_000)
_KILL_WITHIN_S = 0.4


@dataclass(slots=True)
class Harm:
    """What kills did. ``half_objects`` are listed and do not read back, ``lost`` were acknowledged and are not there,
    ``leftovers`` are temporary files that are still there after tidying up.
    """

    kills: int = 0
    puts: int = 0
    half_objects: int = 0
    lost: int = 0
    leftovers: int = 0


def open_store(folder: Path) -> SealedBlobs:
    """Return the store that is killed: sealed, in a directory."""
    return SealedBlobs(LocalBlobs(folder / "blobs"), BlobKeys(folder / "keys"))


async def kill_writers(folder: Path, kills: int, seed: int) -> Harm:
    """Kill a writer so often, each time at another moment, and read everything it left; return the harm done."""
    dice = random.Random(seed)  # noqa: S311 - chooses moments, no secrets
    harm = Harm()
    acknowledged: dict[str, str] = {}
    for _ in range(kills):
        begun, done = await asyncio.to_thread(_one_life, folder, dice.randrange(10**6), dice.uniform(0, _KILL_WITHIN_S))
        harm.kills += 1
        harm.puts += len(done)
        acknowledged |= dict(done)
        await inspect(folder, acknowledged, begun, harm)
        # What was being written may have arrived or not; from here on, what is there counts.
        found = {one.ref.key: one.ref.sha256 async for one in open_store(folder).list(BUCKET)}
        acknowledged |= found
    return harm


def _one_life(folder: Path, seed: int, lives_s: float) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Let a writer live for a while; return what it had begun last, by key, and what was acknowledged, in order."""
    command = [sys.executable, "-m", "infra.bench.blob_kills", str(folder), str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this program itself
    assert process.stdout is not None
    lines = [process.stdout.readline()]  # it has begun its first put
    try:
        process.wait(lives_s)
    except subprocess.TimeoutExpired:
        process.kill()
    lines += process.stdout.read().splitlines()
    process.wait()
    said = [line.split() for line in lines if line.count(" ") == 2]
    begun = {key: sha256 for verb, key, sha256 in said if verb == "begin"}
    return begun, [(key, sha256) for verb, key, sha256 in said if verb == "done"]


async def inspect(folder: Path, acknowledged: dict[str, str], begun: dict[str, str], harm: Harm) -> None:
    """Tidy up, read everything, and add what is wrong to ``harm``. Names are keys, values SHA-256."""
    store = open_store(folder)
    await store.tidy(BUCKET, timedelta(0))
    harm.leftovers += len(list((folder / "blobs").rglob("*.tmp")))
    present = {}
    async for one in LocalBlobs(folder / "blobs").list(BUCKET):
        key = one.ref.key
        try:
            found = await store.stat(BUCKET, key)
            assert found is not None
            async for _ in read_stream(store, found.ref):
                pass
            present[key] = found.ref.sha256
        except BlobError:
            harm.half_objects += 1
    for key, sha256 in acknowledged.items():
        good = {sha256, begun.get(key, sha256)}
        if present.get(key) not in good:
            harm.lost += 1


async def _write_without_end(folder: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - chooses sizes, no secrets
    store = open_store(folder)
    for _ in range(10_000):
        key, data = f"k{dice.randrange(_KEYS)}", dice.randbytes(dice.choice(_SIZES))
        digest = hashlib.sha256(data).hexdigest()
        _say(f"begin {key} {digest}")
        if dice.random() < 0.5:
            await store.put(BUCKET, key, data, "application/octet-stream")
        else:
            await store.put_stream(BUCKET, key, _cut(data), "application/octet-stream")
        _say(f"done {key} {digest}")


async def _cut(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 70_000):
        yield data[start : start + 70_000]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_write_without_end(Path(sys.argv[1]), int(sys.argv[2])))
