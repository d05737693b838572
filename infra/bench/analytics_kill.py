"""Kills of the sink and of the engine at seeded points: what is in the warehouse is compared with a recount of the log.

Tables and views are counted, and a plain sum beside them, which the figures do not have: it shows a row that a view
has twice, where sets of event ids would hide it. The control runs without the intent log and its tokens, under the
same kills: it must lose or double something, or the judge is blind.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from connectors.bus.restore import LogReader
from connectors.clock.clock import SystemClock
from connectors.errors import Transient
from infra.bench.analytics_judge import PLAIN_SUMS, Judged, judge
from infra.bench.servers import committed
from infra.bench.warehouse_log import tickets
from infra.bench.warehouse_stand import TOPICS, Stand, running_stand

TICKETS_A_KILL = 1_000
WRITE_AT_ONCE = 100
LOOK_EVERY_S = 0.1
DRAIN_WITHIN_S = 600.0
KINDS = ("sink", "engine", "both")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class KillPlan:
    """How often to kill, the seed of the points and kinds, and whether the control runs too."""

    kills: int = 30
    seed: int = 1
    control: bool = True


async def run_analytics_kills(plan: KillPlan, say: Say) -> dict[str, Any]:
    """Kill and count; returns counts of rows.

    Raises:
        Transient: a server does not come up again, or the sink does not finish.
    """
    exact = await _run(plan, say, logged=True)
    result: dict[str, Any] = {"seed": plan.seed, **exact}
    if plan.control:
        control = await _run(plan, say, logged=False)
        result["control"] = {name: control[name] for name in ("missing", "double", "views_equal", "kills", "rows")}
    return result


def is_exact(result: dict[str, Any]) -> bool:
    """Whether nothing is missing, double or wrong, and the control, if it ran, shows that this could be seen."""
    control = result.get("control")
    seen = control is None or control["missing"] + control["double"] > 0
    return seen and not result["missing"] and not result["double"] and bool(result["views_equal"])


async def _run(plan: KillPlan, say: Say, *, logged: bool) -> dict[str, Any]:
    say(f"{plan.kills} kills, {'with' if logged else 'without'} the intent log")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="noizylab-analytics-") as folder:
        async with running_stand(Path(folder), logged=logged) as stand:
            for statement in PLAIN_SUMS:
                await stand.warehouse.command(statement)
            await stand.start_sink()
            run = _Run(stand, plan, say)
            for number in range(plan.kills):
                await run.round(number)
            await run.drain()
            judged: Judged = await judge(stand.cluster, stand.warehouse)
            return {
                "rows": judged.rows,
                "missing": judged.missing,
                "double": judged.double,
                "views_equal": not judged.differing,
                "differing": judged.differing,
                "kills": run.kills,
                "replayed": stand.sink.log.read_text().count("replaying batch"),
                "seconds": round(time.monotonic() - started, 1),
            }


class _Run:
    """The kills of one run."""

    def __init__(self, stand: Stand, plan: KillPlan, say: Say) -> None:
        self.kills = 0
        self._stand, self._say = stand, say
        self._random = random.Random(plan.seed)  # noqa: S311 - seeded on purpose, so that a run can be repeated
        begun = SystemClock().now() - timedelta(days=40)  # tickets of two months, so that batches have two inserts
        self._tickets = tickets(plan.kills * TICKETS_A_KILL, plan.seed, begun)

    async def round(self, number: int) -> None:
        """Write a share of the log and kill while it is carried over."""
        kind, moment_s = self._random.choice(KINDS), self._random.uniform(0.05, 1.2)
        writing = asyncio.create_task(self._write())
        await asyncio.sleep(moment_s)
        self._say(f"SIGKILL {number + 1}: {kind}, {moment_s:.2f} s into the writing")
        if kind != "engine":
            self._stand.sink.kill()
        if kind != "sink":
            await asyncio.to_thread(self._stand.engine.kill)
        self.kills += 1
        if kind != "sink":
            await self._stand.engine.start()
        if kind != "engine":
            await self._stand.start_sink()
        await writing

    async def _write(self) -> None:
        for _ in range(TICKETS_A_KILL // WRITE_AT_ONCE):
            batch = list(islice(self._tickets, WRITE_AT_ONCE))
            await self._stand.publish([record for ticket in batch for record in (*ticket.events, ticket.view)])

    async def drain(self) -> None:
        """Return when the group has committed the whole log, starting the sink again should it have stopped."""
        deadline = time.monotonic() + DRAIN_WITHIN_S
        while not await self._is_drained():
            if time.monotonic() > deadline:
                raise Transient(f"the sink has not finished in {DRAIN_WITHIN_S:.0f} s; {self._stand.sink.said()}")
            if not self._stand.sink.running:
                await self._stand.start_sink()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _is_drained(self) -> bool:
        async with LogReader(self._stand.cluster, "bench-drain") as reader:
            tps = await reader.partitions([topic.name for topic in TOPICS[:-1]])
            ends = {tp: end for tp, end in (await reader.end_offsets(tps)).items() if end}
        for topic in {tp.topic for tp in ends}:
            done = await committed(self._stand.cluster, "noizylab.analytics", topic)
            if any(done.get(tp.partition, 0) < end for tp, end in ends.items() if tp.topic == topic):
                return False
        return True
