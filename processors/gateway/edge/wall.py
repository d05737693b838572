"""The tiles of a dashboard: figures as they stand, computed once for all readers of a workspace, and only for them."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import orjson

from connectors.clickhouse.port import OverBudget, Warehouse
from connectors.clock.clock import Clock
from connectors.errors import ConnectorError, Transient
from processors.gateway.config import Policy

if TYPE_CHECKING:
    from processors.gateway.edge.deps import Report

DIGEST_CHARACTERS = 12
REASON_MAX_CHARACTERS = 300
PERIOD = timedelta(days=30)
"""What a tile covers: this day and those before it, in UTC, as a figure does that is asked for without a period."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure as JSON, what tells it from others, and when it was asked for."""

    body: str
    digest: str
    asked_at: float


class Wall:
    """The tiles that one workspace's readers look at."""

    def __init__(self, warehouse: Warehouse, workspace_id: str, clock: Clock, policy: Policy) -> None:
        self._warehouse = warehouse
        self._workspace_id = workspace_id
        self._clock = clock
        self._policy = policy
        self._tiles: dict[str, Tile] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.readers = 0

    async def tile(self, name: str, report: "Report") -> Tile:
        """Return a figure that is not older than ``tile_every_s``. One that cannot be had says so itself."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            held, now = self._tiles.get(name), _now()
            if held is None or now - held.asked_at >= self._policy.tile_every_s:
                body = orjson.dumps({"name": name, **await self._answer(report)}, default=str)
                digest = hashlib.sha256(body).hexdigest()[:DIGEST_CHARACTERS]
                held = self._tiles[name] = Tile(body.decode(), digest, now)
            return held

    async def _answer(self, report: "Report") -> dict[str, object]:
        most = self._policy.tile_rows_max
        named = ("title", "definition", "main", "unit")
        about: dict[str, object] = {name: getattr(report, name) for name in named}
        try:
            # One more than is shown tells that there are more.
            rows = await self._warehouse.query(f"SELECT * FROM ({report.sql}) LIMIT {most + 1}", self._period())  # noqa: S608 - own names
            daily = await self._warehouse.query(report.daily_sql, self._period())
        except ConnectorError as error:
            code = "over_budget" if isinstance(error, OverBudget) else "unavailable"
            if not isinstance(error, OverBudget | Transient):
                code = "failed"
            return {**about, "error": {"code": code, "detail": str(error)[:REASON_MAX_CHARACTERS]}}
        value = next((row["value"] for row in daily if row["day"] is None), None)
        days = [row for row in daily if row["day"] is not None]
        return {**about, "value": value, "days": days, "rows": rows[:most], "more": len(rows) > most}

    def _period(self) -> dict[str, str]:
        until = datetime.combine(self._clock.now().astimezone(UTC).date() + timedelta(days=1), time())
        since = until - PERIOD
        return {"workspace": self._workspace_id, "since": since.isoformat(" "), "until": until.isoformat(" ")}


class Walls:
    """The walls somebody looks at, by workspace."""

    def __init__(self, clock: Clock, policy: Policy) -> None:
        self._clock = clock
        self._policy = policy
        self._walls: dict[str, Wall] = {}

    @property
    def count(self) -> int:
        """Return how many workspaces are looked at."""
        return len(self._walls)

    @contextmanager
    def wall(self, workspace_id: str, warehouse: Warehouse) -> Iterator[Wall]:
        """Lend a workspace's wall; with its last reader it goes."""
        wall = self._walls.setdefault(workspace_id, Wall(warehouse, workspace_id, self._clock, self._policy))
        wall.readers += 1
        try:
            yield wall
        finally:
            wall.readers -= 1
            if wall.readers == 0:
                del self._walls[workspace_id]


def _now() -> float:
    return asyncio.get_running_loop().time()
