"""Hostile bytes against the embedded broker: `python -m infra.bench.fuzz --inputs 1000000 --seed 1 [--json]`.

Valid requests of every API and version, bent in many ways, go through the broker's real connections over a transport
in memory, so that a million take minutes; a second part goes over real sockets to a process of its own. An input is
survived when its connection was answered, waits as it asked to, or was closed. A handler that fails is a finding, as
is memory that grows, or a well-behaved client that is not served at the end.
"""

import argparse
import asyncio
import json
import logging
import random
import secrets
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.bench.fuzz_corpus import Corpus, frame
from infra.broker import Broker, BrokerConfig
from infra.broker.connection import Connection
from infra.broker.context import Context
from infra.broker.limits import PeerLog
from infra.broker.store import Write

_BATCH = 1000
_INPUTS_PER_CONNECTION = 40
_PEERS = 50
_TOPIC = "fuzz"
_MOST_GROWTH_BYTES = 192 * 1024 * 1024


class MemoryTransport(asyncio.Transport):
    """What a connection writes, and whether it ended. Nothing is ever blocked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: str) -> None:
        super().__init__({"peername": (peer, 1)})
        self._loop = loop
        self._protocol: Connection | None = None
        self.answers: list[bytes] = []
        self.ended = False

    def attach(self, connection: Connection) -> None:
        """Begin the connection."""
        self._protocol = connection
        connection.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep an answer."""
        self.answers.append(bytes(data[:64]))

    def is_closing(self) -> bool:
        """Whether the connection has ended."""
        return self.ended

    def abort(self) -> None:
        """End the connection, as the event loop would: not from inside this call."""
        if not self.ended:
            self.ended = True
            assert self._protocol is not None
            self._loop.call_soon(self._protocol.connection_lost, None)

    close = abort

    def pause_reading(self) -> None:
        """Nothing is read by itself here."""

    def resume_reading(self) -> None:
        """Nothing is read by itself here."""

    def get_write_buffer_size(self) -> int:
        """All is written at once."""
        return 0


class Findings(logging.Handler):
    """Counts log lines; every error among them is a finding."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = 0
        self.errors: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Note one line."""
        self.lines += 1
        if record.levelno >= logging.ERROR:
            cause = record.exc_info[1] if record.exc_info else None
            text = record.getMessage().partition(": ")[2] or record.getMessage()
            self.errors[f"{text} {_described(cause)}"] += 1

    def of_loop(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Note what the event loop reports: an exception that nobody caught."""
        self.errors[f"{context.get('message')} {_described(context.get('exception'))}"] += 1


def _described(error: BaseException | None) -> str:
    """An exception and the last two places it came through."""
    places = traceback.extract_tb(error.__traceback__)[-2:] if error is not None else []
    return f"{error!r} at " + " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(places))


def bend(data: bytes, other: bytes, dice: random.Random) -> bytes:
    """One frame with its length, bent; the length before it mostly right, so that the inside is reached."""
    body = bytearray(data)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 4))):
        place = dice.randrange(len(body) + 1)
        kind = dice.randrange(9)
        if kind == 0 and place < len(body):
            body[place] ^= 1 << dice.randrange(8)
        elif kind == 1:
            body[place : place + 4] = struct.pack(">i", dice.choice(_NUMBERS))
        elif kind == 2:
            body[place : place + 2] = struct.pack(">h", dice.choice((-1, 0, 1, 32767, -32768)))
        elif kind == 3:
            del body[place:]
        elif kind == 4:
            body[place:place] = dice.randbytes(dice.randrange(1, 12))
        elif kind == 5:
            body[place : place + 8] = struct.pack(">q", dice.choice((-1, 0, 2**63 - 1, -(2**63), 2**40)))
        elif kind == 6:
            body[place:place] = b"\xff" * dice.randrange(1, 11)
        elif kind == 7:
            body[place:] = other[dice.randrange(len(other)) :]
        else:
            body[0:4] = struct.pack(">hh", dice.choice((*range(-1, 90), 1000)), dice.randrange(-1, 20))
    if dice.random() < 0.03:
        return struct.pack(">i", dice.choice((*_NUMBERS, len(body) - 1, len(body) + 5))) + body
    return dice.randbytes(dice.randrange(1, 200)) if dice.random() < 0.02 else frame(bytes(body))


_NUMBERS = (-1, -2, 0, 1, 100, 65_536, 10_000_000, 2**31 - 1, -(2**31))


async def in_process(inputs: int, seed: int, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Send `inputs` through connections in this process; the result says what was found."""
    dice = random.Random(seed)  # noqa: S311 - reproducible on purpose
    findings = Findings()
    logger = logging.getLogger("infra.broker")
    logger.addHandler(findings)
    propagate, logger.propagate = logger.propagate, False
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(findings.of_loop)
    try:
        with tempfile.TemporaryDirectory() as folder:
            broker = Broker(_config(Path(folder)))
            await broker.start()
            try:
                return await _drive(broker, inputs, dice, findings, say)
            finally:
                await broker.stop()
    finally:
        loop.set_exception_handler(None)
        logger.removeHandler(findings)
        logger.propagate = propagate


def _config(folder: Path) -> BrokerConfig:
    return BrokerConfig(
        path=folder / "bus.db",
        port=0,
        tail_cache_bytes=8 * 1024 * 1024,
        max_partitions_total=300,
        free_space_floor_bytes=0,
        cleanup_every_s=1,
    )


async def _drive(
    broker: Broker, inputs: int, dice: random.Random, findings: Findings, say: Callable[[str], None]
) -> dict[str, Any]:
    context = broker.context
    context.peer_log = PeerLog(lines_per_minute=sys.maxsize)  # A defect must not hide behind the limit.
    corpus = Corpus(dice, _TOPIC)
    await serve_well(broker, context, corpus)
    began = time.monotonic()
    outcomes: Counter[str] = Counter()
    warm_bytes = most_bytes = 0
    for start in range(0, inputs, _BATCH):
        await _one_batch(broker, context, corpus, min(_BATCH, inputs - start), dice, outcomes)
        used = resident_bytes("self")
        most_bytes = max(most_bytes, used)
        if start >= inputs // 10 and not warm_bytes:
            warm_bytes = used
        if start % (100 * _BATCH) == 0:
            say(f"{start} inputs, {used >> 20} MiB, {sum(findings.errors.values())} findings")
    await serve_well(broker, context, corpus)
    grown = most_bytes - (warm_bytes or most_bytes)
    if grown > _MOST_GROWTH_BYTES:
        findings.errors[f"memory grew by {grown} bytes"] += 1
    return {
        "inputs": inputs,
        "seconds": round(time.monotonic() - began, 1),
        "outcomes": dict(outcomes),
        "log_lines": findings.lines,
        "resident_after_warm_up_bytes": warm_bytes,
        "resident_most_bytes": most_bytes,
        "findings": dict(findings.errors),
    }


async def _one_batch(
    broker: Broker, context: Context, corpus: Corpus, inputs: int, dice: random.Random, outcomes: Counter[str]
) -> None:
    transports: list[MemoryTransport] = []
    sent = 0
    while sent < inputs:
        transport = MemoryTransport(context.loop, f"192.0.2.{dice.randrange(_PEERS)}")
        connection = Connection(broker, context)
        transport.attach(connection)
        transports.append(transport)
        for _ in range(min(_INPUTS_PER_CONNECTION, inputs - sent)):
            data = bend(corpus.pick(), corpus.pick(), dice)
            cut = dice.randrange(len(data) + 1) if dice.random() < 0.1 else 0
            for part in (data[:cut], data[cut:]):
                if part and not transport.ended:
                    connection.data_received(part)
            sent += 1
            if transport.ended:
                break
        await asyncio.sleep(0)
    written = asyncio.Event()
    context.store.submit(Write(lambda _: written.set()))
    await written.wait()
    for transport in transports:
        outcomes["answers"] += len(transport.answers)
        outcomes["connections closed by the broker" if transport.ended else "connections left open"] += 1
        transport.abort()
    await asyncio.sleep(0)


async def serve_well(broker: Broker, context: Context, corpus: Corpus) -> None:
    """A client that does all right has its record stored and finds it again; an assertion fails otherwise."""
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    await well_behaved(reader, writer, corpus)
    assert _TOPIC in context.log.topics


async def well_behaved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, corpus: Corpus) -> None:
    """Create the topic, produce, fetch: over any stream."""

    async def ask(request: bytes) -> bytes:
        writer.write(frame(request))
        (size,) = struct.unpack(">i", await asyncio.wait_for(reader.readexactly(4), 30))
        return await asyncio.wait_for(reader.readexactly(size), 30)

    try:
        await ask(corpus.create())
        mark = secrets.token_bytes(8)
        produced = await ask(corpus.produce(mark))
        place = produced.index(_TOPIC.encode()) + len(_TOPIC)
        code, offset = struct.unpack_from(">hq", produced, place + 8)
        assert code == 0, f"a sound batch was refused with {code}"
        assert mark in await ask(corpus.fetch(offset)), "a stored record was not found again"
    finally:
        writer.close()


def resident_bytes(process: str) -> int:
    """Resident memory of a process by its id or `self`; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


async def over_sockets(inputs: int, seed: int) -> dict[str, Any]:
    """Send `inputs` over real sockets to a broker of its own."""
    dice = random.Random(seed)  # noqa: S311 - reproducible on purpose
    corpus = Corpus(dice, _TOPIC)
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "infra.broker", "--path", f"{folder}/bus.db", "--port", "0",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        logged = asyncio.create_task(process.stderr.read())
        try:
            port = int((await process.stdout.readline()).decode().rsplit(":", 1)[1])
            began = time.monotonic()
            left = inputs
            await well_behaved(*await asyncio.open_connection("127.0.0.1", port), corpus)
            while left > 0:
                size = min(left, 8 * _INPUTS_PER_CONNECTION)
                lanes = [[bend(corpus.pick(), corpus.pick(), dice) for _ in range(size // 8 + 1)] for _ in range(8)]
                await asyncio.gather(*(_send(port, lane) for lane in lanes))
                left -= size
            await well_behaved(*await asyncio.open_connection("127.0.0.1", port), corpus)
            used, seconds = resident_bytes(str(process.pid)), round(time.monotonic() - began, 1)
        finally:
            if process.returncode is None:
                process.terminate()
            status = await process.wait()
    lines = (await logged).decode(errors="replace").splitlines()
    failed = [line for line in lines if " ERROR " in line or " CRITICAL " in line or "Traceback" in line]
    if status:
        failed.append(f"the broker ended with {status}")
    return {
        "inputs": inputs, "seconds": seconds, "resident_bytes": used, "log_lines": len(lines),
        "findings": dict(Counter(failed)),
    }  # fmt: skip


async def _send(port: int, lane: list[bytes]) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for data in lane:
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        await asyncio.wait_for(reader.read(1 << 20), 0.2)
        writer.close()
    except (OSError, TimeoutError):
        return


def main(arguments: list[str] | None = None) -> int:
    """Run both parts; exit status 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="through connections in this process")
    parser.add_argument("--socket-inputs", type=int, default=20_000, help="over real sockets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print only the result, as JSON")
    options = parser.parse_args(arguments)

    def say(line: str) -> None:
        sys.stderr.write(f"  {line}\n")

    result = {"in_process": asyncio.run(in_process(options.inputs, options.seed, say))}
    if options.socket_inputs:
        result["over_sockets"] = asyncio.run(over_sockets(options.socket_inputs, options.seed))
    sys.stdout.write(json.dumps(result, indent=None if options.json else 1) + "\n")
    return 1 if any(part["findings"] for part in result.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
