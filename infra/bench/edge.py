"""The edge under load with many tickets on the log: reads, lists, writes, sockets, overload, and its cold start."""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from connectors.bus.restore import LogReader
from connectors.clock.clock import SystemClock
from connectors.errors import Transient
from infra.bench.edge_load import Call, Load
from infra.bench.edge_seed import seed_tickets, state_of, ticket_id_of
from infra.bench.nodes import Node
from infra.children import gateway_spec
from infra.settings import Settings, read_settings, to_environment
from infra.shop import private_settings, running_shop
from infra.supervise import free_ports
from infra.web import open_keyring
from processors.gateway.config import Policy
from processors.gateway.edge.keyring import SCOPES
from topics.registry import ALL

READS_PER_S, WRITES_PER_S, OPENED_PER_S = 200, 30, 50
OVERLOAD = 4
"""Times the limit of one key."""
KEYS_GOOD_FOR = timedelta(hours=1)
_LISTS = (
    "/v1/tickets?limit={}", "/v1/tickets?state=ready,qc&limit={}",
    "/v1/tickets?bucket=on_bench&sort=oldest_in_state&limit={}", "/v1/tickets?q=battery&limit={}",
    "/v1/tickets?category=laptop&older_than=2d&limit={}", "/v1/tickets?sort=value&limit={}",
    "/v1/tickets?serial=SN12*&limit={}", "/v1/board?cards={}",
)  # fmt: skip
"""What a counter asks for, in turns, each in many sizes: else every answer but the first would be a kept one."""
SETTLED_LOOKS = 4
SIZES = (10, 50)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is on the log, and how long each phase lasts."""

    tickets: int = 50_000
    seconds: float = 10.0
    sockets: int = 500
    seed: int = 1


async def run_edge_bench(plan: Plan, say: Say) -> dict[str, Any]:
    """Run a shop of its own with one gateway process, measure, and stop it."""
    home = Path(tempfile.mkdtemp(prefix="noizylab-bench-"))
    settings = private_settings(read_settings(), home)
    # The log first, and the owner of tickets after the seed: it restores what was written as its own.
    async with running_shop(settings, ("inventory",), gateway=False, progress=say, keep=True):
        began = time.monotonic()
        seeded = await seed_tickets(settings, plan.tickets, plan.seed)
        say(f"{plan.tickets} tickets, {seeded} records in {time.monotonic() - began:.0f} s")
    async with running_shop(settings, ("tickets",), gateway=False, progress=say):
        # What is measured is a shop at work, not one whose owner of tickets has 50,000 of them to catch up with.
        records = await _settled(settings, say)
        return {"tickets": plan.tickets, "records": records} | await _measure(settings, plan, say)


async def _settled(settings: Settings, say: Say) -> int:
    """Wait until nothing has been written for some seconds; returns how many records are on the log."""
    began, before, quiet = time.monotonic(), -1, 0
    async with LogReader(settings.cluster(), "bench-settled") as reader:
        tps = await reader.partitions(topic.name for topic in ALL)
        while quiet < SETTLED_LOOKS:
            await asyncio.sleep(1)
            records = sum((await reader.end_offsets(tps)).values())
            quiet, before = (quiet + 1, before) if records == before else (0, records)
    say(f"the owner of tickets has caught up after {time.monotonic() - began:.0f} s: {before} records")
    return before


async def _measure(settings: Settings, plan: Plan, say: Say) -> dict[str, Any]:
    # A shop keeps what Python compiled; where this process was told not to, every start would compile all of it.
    environment = {**to_environment(settings), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, *gateway_spec(settings).arguments]
    gateway = Node("gateway", settings.home, command, environment, lifeline=True)
    up = Node("up", settings.home, [sys.executable, "-m", "infra.cli", "up", "gateway"], environment)
    try:
        result: dict[str, Any] = {"cold_start": await asyncio.to_thread(_cold_start, up, gateway, settings)}
        say(f"cold start: {result['cold_start']}")
        keys = _keys(settings, plan)
        return result | await _phases(gateway, settings, plan, keys, say)
    finally:
        up.stop()
        gateway.stop()


async def _phases(gateway: Node, settings: Settings, plan: Plan, keys: tuple[str, ...], say: Say) -> dict[str, Any]:
    drawn = random.Random(plan.seed)  # noqa: S311 - a bench is to be repeatable
    base = f"http://127.0.0.1:{settings.gateway_port}"
    asked = int(plan.seconds * READS_PER_S)
    some = [ticket_id_of(plan.seed, drawn.randrange(plan.tickets)) for _ in range(asked)]
    result: dict[str, Any] = {"bare_route_us": await _bare(settings.home, plan)}
    for name, calls, per_s in (
        ("read", [Call(f"/v1/tickets/{one}") for one in some], READS_PER_S),
        ("list", [_list(number) for number in range(asked)], READS_PER_S),
        ("write", _writes(plan), WRITES_PER_S),
    ):
        before = gateway.cpu_s()
        said = await _load(settings.home, Load(base, keys, tuple(calls), per_s), name)
        after = gateway.cpu_s()
        result[f"{name}_ms"] = said["ms"]
        result[name] = {"asked": len(calls), "statuses": said["statuses"], "cpu_us": _each(before, after, len(calls))}
        if said["said"]:
            result[name]["items"] = said["said"]
        say(f"{name}: {result[f'{name}_ms']} {result[name]}")
    result |= await _sockets(settings.home, base, plan, keys)
    result["overload"] = await _overload(settings.home, base, keys, plan)
    result["rss_mb"] = gateway.rss_mb()
    return result


def _list(number: int) -> Call:
    least, most = SIZES
    form, turn = number % len(_LISTS), number // len(_LISTS)
    return Call(_LISTS[form].format(least + turn % (most - least)))


def _writes(plan: Plan) -> list[Call]:
    received = (number for number in range(plan.tickets) if state_of(plan.seed, number) == "received")
    wanted = int(plan.seconds * WRITES_PER_S)
    evidence = {"bin": "A1", "on_stolen_list": False}
    action = {"do": "move", "to": "triage", "reason": "bench", "evidence": evidence}
    calls = [
        Call("/v1/tickets/bulk", {"ids": [ticket_id_of(plan.seed, number)], "action": action})
        for number, _ in zip(received, range(wanted), strict=False)
    ]
    if len(calls) < wanted:
        raise Transient(f"{len(calls)} tickets can be moved and {wanted} are needed; give more --tickets")
    return calls


def _keys(settings: Settings, plan: Plan) -> tuple[str, ...]:
    """Make as many keys as keep every one of them below its limit, and one more for the overload."""
    now = SystemClock().now()
    keyring = open_keyring(settings)
    requests = plan.seconds * (2 * READS_PER_S + WRITES_PER_S) + plan.sockets
    count = int(requests / (Policy().requests_per_minute / 2)) + 2
    made = [keyring.create("bench", frozenset(SCOPES), now=now, expires_at=now + KEYS_GOOD_FOR) for _ in range(count)]
    return tuple(one.key for one in made)


async def _sockets(home: Path, base: str, plan: Plan, keys: Sequence[str]) -> dict[str, Any]:
    calls = tuple(Call("/v1/live") for _ in range(plan.sockets))
    said = await _load(home, Load(base, tuple(keys[:-1]), calls, OPENED_PER_S, "/v1/live"), "sockets")
    if set(said["statuses"]) <= {"403", "404", "405", "426"}:
        return {"websocket_ms": None, "websocket_skipped": f"this gateway has no /v1/live: {said['statuses']}"}
    return {"websocket_ms": said["ms"], "websocket": {"statuses": said["statuses"]}}


async def _overload(home: Path, base: str, keys: Sequence[str], plan: Plan) -> dict[str, Any]:
    """Ask with one key at a multiple of its limit for a whole window, then wait until it is admitted again."""
    per_s = OVERLOAD * Policy().requests_per_minute / 60
    seconds = 60.0
    calls = tuple(Call("/v1/tickets?limit=1") for _ in range(int(per_s * seconds)))
    said = await _load(home, Load(base, (keys[-1],), calls, per_s), "overload")
    began = time.monotonic()
    while await asyncio.to_thread(_status, f"{base}/v1/tickets?limit=1", keys[-1]) != 200:
        if time.monotonic() - began > 120:
            raise Transient("a key that met its limit is not admitted again after two minutes; see the gateway's log")
        await asyncio.sleep(0.25)
    statuses = said["statuses"]
    return {
        "offered_per_s": per_s,
        "admitted_per_s": round(statuses.get("200", 0) / seconds, 2),
        "limit": said["limit"],
        "refused": statuses.get("429", 0) + statuses.get("503", 0),
        "server_errors": sum(count for status, count in statuses.items() if status in ("500", "502", "504")),
        "no_answer": sum(count for status, count in statuses.items() if not status.isdigit()),
        "recovered_s": round(time.monotonic() - began, 2),
    }


async def _bare(home: Path, plan: Plan) -> float | None:
    """Return the processor time of a request to a route that does nothing, in microseconds."""
    [port] = free_ports(1)
    node = Node("bare", home, [sys.executable, "-m", "infra.bench.edge_bare", str(port)], lifeline=True)
    node.start()
    try:
        node.await_ready("bare route", lambda: _status(f"http://127.0.0.1:{port}/bare") == 200)
        calls = tuple(Call("/bare") for _ in range(int(plan.seconds * READS_PER_S)))
        before = node.cpu_s()
        await _load(home, Load(f"http://127.0.0.1:{port}", ("none",), calls, READS_PER_S), "bare")
        return _each(before, node.cpu_s(), len(calls))
    finally:
        node.stop()


def _each(before: float | None, after: float | None, count: int) -> float | None:
    return None if before is None or after is None else round((after - before) * 1e6 / count, 1)


async def _load(home: Path, load: Load, name: str) -> dict[str, Any]:
    """Run the generator as a process of its own.

    Raises:
        Transient: it failed; the message holds its last words.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.bench.edge_load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate(load.to_json().encode())
    if process.returncode:
        raise Transient(f"the load {name} ended with {process.returncode}: {complaint.decode()[-800:]}")
    answer: dict[str, Any] = json.loads(said)
    return answer


def _cold_start(up: Node, gateway: Node, settings: Settings) -> dict[str, float]:
    """Take the times of a start as a user makes it, ``noizylab up gateway``, then of the HTTP server's process alone
    until it answers, and until it has read the whole log. Leaves that process running.
    """
    base = f"http://127.0.0.1:{settings.gateway_port}"
    stamps: dict[str, float] = {
        "interpreter_s": _seconds_of("pass"),
        "command_imports_s": _seconds_of("import infra.cli.main"),
        "imports_s": _seconds_of("import infra.web"),
    }
    began = time.monotonic()
    up.start()
    stamps["first_200_s"] = _answers_after(up, f"{base}/healthz", began)
    up.stop()
    while _status(f"{base}/healthz") is not None:  # its server ends a moment after it
        time.sleep(0.05)
    began = time.monotonic()
    gateway.start()
    stamps["server_first_200_s"] = _answers_after(gateway, f"{base}/healthz", began)
    stamps["views_ready_s"] = _answers_after(gateway, f"{base}/readyz", began)
    return stamps


def _answers_after(node: Node, url: str, began: float) -> float:
    """Return the seconds from ``began`` until a process answers 200."""
    while _status(url) != 200:
        if not node.running:
            raise Transient(f"the gateway ended while it started; {node.said()}")
        time.sleep(0.01)
    return round(time.monotonic() - began, 2)


def _seconds_of(program: str) -> float:
    """Return the least wall time of three runs of a Python program, files in the page cache and compiled."""
    import subprocess

    times = []
    for _ in range(3):
        began = time.monotonic()
        command = ["env", "PYTHONDONTWRITEBYTECODE=", sys.executable, "-c", program]
        subprocess.run(command, check=True)  # noqa: S603 - our own words
        times.append(time.monotonic() - began)
    return round(min(times), 2)


def _status(url: str, key: str | None = None) -> int | None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        with urlopen(Request(url, headers=headers), timeout=5) as answer:  # noqa: S310 - a loopback address of ours
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return None
