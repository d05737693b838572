"""Asks a gateway at a fixed rate, whatever it answers: an open loop, in a process of its own.

``python -m infra.bench.edge_load`` reads a :class:`Load` as JSON from its standard input and prints what came of it.
A request's time counts from when it was to be sent, not from when it was: what waits behind a slow answer is as late
as it looks to whoever sent it.
"""

import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any

import aiohttp
import uvloop

CONNECTIONS = 256
ANSWER_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``body``: JSON of a POST; None is a GET."""

    path: str
    body: Any = None


@dataclass(frozen=True, slots=True)
class Load:
    """What to ask, how often. ``keys`` take turns, so that none meets its limit unless that is meant.

    ``sockets``: path of a WebSocket; ``calls`` then only count how many are opened.
    """

    base: str
    keys: tuple[str, ...]
    calls: tuple[Call, ...]
    per_s: float
    sockets: str | None = None

    def to_json(self) -> str:
        """Return it as the program reads it."""
        return json.dumps(asdict(self))


@dataclass(slots=True)
class Answers:
    """What came back. ``said``: the status word of a bulk item, where there is one."""

    times_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    limit: str = ""

    def take(self, status: str, due: float) -> None:
        """Note one answer to what was due at ``due``."""
        self.statuses[status] += 1
        if status == "200":
            self.times_ms.append((time.perf_counter() - due) * 1000)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "ms": percentiles(self.times_ms),
            "statuses": dict(self.statuses),
            "said": dict(self.said),
            "limit": self.limit,
        }


def percentiles(values: Sequence[float]) -> dict[str, float] | None:
    """Return the median and what one in a hundred exceeds; None of fewer than two values."""
    if len(values) < 2:
        return None
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2)}


async def run_load(load: Load) -> dict[str, Any]:
    """Send every call when it is due; returns when all are answered, or given up."""
    answers = Answers()
    keys = cycle(load.keys)
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    limit = 0 if load.sockets else CONNECTIONS
    async with aiohttp.ClientSession(
        load.base, connector=aiohttp.TCPConnector(limit=limit), timeout=timeout
    ) as session:
        tasks = []
        began = time.perf_counter()
        for number, call in enumerate(load.calls):
            due = began + number / load.per_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            headers = {"Authorization": f"Bearer {next(keys)}"}
            asked = _socket(session, load.sockets, headers) if load.sockets else _ask(session, call, headers, answers)
            tasks.append(asyncio.create_task(_timed(asked, due, answers)))
        await asyncio.gather(*tasks)
    return answers.to_json() | {"seconds": round(time.perf_counter() - began, 2)}


async def _timed(asked: Any, due: float, answers: Answers) -> None:
    try:
        answers.take(await asked, due)
    except TimeoutError:
        answers.take("timeout", due)
    except aiohttp.WSServerHandshakeError as error:
        answers.take(str(error.status), due)
    except aiohttp.ClientError as error:
        answers.take(type(error).__name__, due)


async def _ask(session: aiohttp.ClientSession, call: Call, headers: dict[str, str], answers: Answers) -> str:
    method = "GET" if call.body is None else "POST"
    async with session.request(method, call.path, json=call.body, headers=headers) as answer:
        body = await answer.read()
        answers.limit = answer.headers.get("RateLimit-Policy", answers.limit)
        if call.body is not None and answer.status == 200:
            answers.said.update(item["status"] for item in json.loads(body).get("items", ()))
        return str(answer.status)


async def _socket(session: aiohttp.ClientSession, path: str, headers: dict[str, str]) -> str:
    """Open a socket and wait for its first frame; it is closed again afterwards."""
    async with session.ws_connect(path, headers=headers) as socket, asyncio.timeout(ANSWER_WITHIN_S):
        frame = await socket.receive()
        return (
            "200" if frame.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY) else f"closed {socket.close_code}"
        )


def main() -> None:
    """Run the load that is given as JSON on standard input."""
    said = json.load(sys.stdin)
    calls = tuple(Call(**call) for call in said.pop("calls"))
    load = Load(**{**said, "keys": tuple(said["keys"])}, calls=calls)
    uvloop.install()
    sys.stdout.write(json.dumps(asyncio.run(run_load(load))) + "\n")


if __name__ == "__main__":
    main()
