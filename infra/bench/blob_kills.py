"""Kills in the middle of puts: a process stores objects without end, is killed, and what it left is read.

``python -m infra.bench.blob_kills FOLDER SEED [HOST:PORT]`` is that process. It says what it begins and what was
acknowledged.
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
from connectors.blobs.port import BlobError, BlobStore
from connectors.blobs.s3 import S3Blobs
from connectors.blobs.s3_client import S3Settings
from connectors.blobs.sealed import SealedBlobs
from connectors.blobs.stream import read_stream
from infra.bench.s3_server import ACCESS_KEY, SECRET_KEY

BUCKET = "killed"
_PIECE_BYTES = 70_000
_WHOLE_BYTES = 8_000_000
"""What is larger is always put as a stream, as the shop does it."""
_LOOK_AGAIN_S = 0.5
Possible = dict[str, set[str | None]]
"""SHA-256 that a key may have by now; None: it may be absent."""


@dataclass(frozen=True, slots=True)
class Victim:
    """The store whose writers are killed, sealed: in a directory, or on an S3 server at ``s3`` (host:port)."""

    folder: Path
    s3: str | None = None

    @property
    def keys(self) -> int:
        """How many keys are written to, again and again."""
        return 6 if self.s3 is None else 3

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of the objects. On S3 the large one takes eight parts."""
        return (1_000, 100_000, 3_000_000) if self.s3 is None else (1_000_000, 64_000_000)

    @property
    def killed_within_s(self) -> float:
        """The longest life of a writer after its first put has begun: several puts."""
        return 0.4 if self.s3 is None else 3.0

    def open(self) -> SealedBlobs:
        """Return the store as the shop uses it."""
        return SealedBlobs(self.open_below(), BlobKeys(self.folder / "keys"))

    def open_below(self) -> BlobStore:
        """Return the store of the sealed objects."""
        if self.s3 is None:
            return LocalBlobs(self.folder / "blobs")
        return S3Blobs(S3Settings(self.s3, ACCESS_KEY, SECRET_KEY, secure=False))


@dataclass(slots=True)
class Harm:
    """What kills did. ``cut_off``: temporary files or uploads that they left and tidying up removed; that is no harm.

    ``half_objects`` are listed and do not read back, ``lost`` were acknowledged and are not there, ``leftovers`` are
    still there after tidying up.
    """

    kills: int = 0
    puts: int = 0
    cut_off: int = 0
    half_objects: int = 0
    lost: int = 0
    leftovers: int = 0


async def kill_writers(victim: Victim, kills: int, seed: int) -> Harm:
    """Kill a writer so often, each time at another moment, and read everything it left; return the harm done."""
    dice = random.Random(seed)  # noqa: S311 - chooses moments, no secrets
    harm = Harm()
    possible = _settled(await inspect(victim, {}, harm))
    for _ in range(kills):
        life = dice.randrange(10**6), dice.uniform(0, victim.killed_within_s)
        for verb, key, sha256 in await asyncio.to_thread(_one_life, victim, *life):
            if verb == "begin":
                possible.setdefault(key, {None}).add(sha256)
            else:
                possible[key] = {sha256}
                harm.puts += 1
        harm.kills += 1
        await _until_quiet(victim)
        # What was being written may have arrived or not; from here on, what is there counts.
        possible |= _settled(await inspect(victim, possible, harm))
    return harm


def _settled(present: dict[str, str]) -> Possible:
    return {key: {sha256} for key, sha256 in present.items()}


def _one_life(victim: Victim, seed: int, lives_s: float) -> list[tuple[str, str, str]]:
    """Let a writer live for a while; return what it said: verb, key and SHA-256."""
    command = [sys.executable, "-m", "infra.bench.blob_kills", str(victim.folder), str(seed)]
    command += [victim.s3] if victim.s3 else []
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
    return [(verb, key, sha256) for verb, key, sha256 in said]


async def _until_quiet(victim: Victim) -> None:
    """Return when a server is done with what the dead writer had sent: nothing changes from one look to the next."""
    if victim.s3 is None:
        return
    store = victim.open_below()
    before = None
    while before != (now := [one async for one in store.list(BUCKET)]):
        before = now
        await asyncio.sleep(_LOOK_AGAIN_S)


async def inspect(victim: Victim, possible: Possible, harm: Harm) -> dict[str, str]:
    """Tidy up, read everything, and add what is wrong to ``harm``; return the SHA-256 of what is there, by key."""
    store = victim.open()
    harm.cut_off += await store.tidy(BUCKET, timedelta(0))
    harm.leftovers += await store.tidy(BUCKET, timedelta(0)) + len(list((victim.folder / "blobs").rglob("*.tmp")))
    present = {}
    async for one in victim.open_below().list(BUCKET):
        key = one.ref.key
        try:
            found = await store.stat(BUCKET, key)
            assert found is not None
            async for _ in read_stream(store, found.ref):
                pass
            present[key] = found.ref.sha256
        except BlobError:
            harm.half_objects += 1
    harm.lost += sum(present.get(key) not in good for key, good in possible.items())
    return present


async def _write_without_end(victim: Victim, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - chooses sizes, no secrets
    store = victim.open()
    block = dice.randbytes(max(victim.sizes))
    for _ in range(10_000):
        key = f"k{dice.randrange(victim.keys)}"
        data = dice.randbytes(16) + block[16 : dice.choice(victim.sizes)]
        digest = hashlib.sha256(data).hexdigest()
        _say(f"begin {key} {digest}")
        if len(data) <= _WHOLE_BYTES and dice.random() < 0.5:
            await store.put(BUCKET, key, data, "application/octet-stream")
        else:
            await store.put_stream(BUCKET, key, _cut(data), "application/octet-stream")
        _say(f"done {key} {digest}")


async def _cut(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), _PIECE_BYTES):
        yield data[start : start + _PIECE_BYTES]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_write_without_end(Victim(Path(sys.argv[1]), *sys.argv[3:]), int(sys.argv[2])))
