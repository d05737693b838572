"""The tiles of a dashboard: figures as they stand, computed once for all readers of a workspace, and only for them."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from connectors.clickhouse.port import OverBudget, Warehouse
from connectors.errors import ConnectorError, Transient
from processors.gateway.config import Policy

if TYPE_CHECKING:
    from processors.gateway.edge.deps import Figure

DIGEST_CHARACTERS = 12
REASON_MAX_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure as JSON, what tells it from others, and when it was asked for."""

    body: str
    digest: str
    asked_at: float


class Wall:
    """The tiles that one workspace's readers look at."""

    def __init__(self, warehouse: Warehouse, policy: Policy) -> None:
        self._warehouse = warehouse
        self._policy = policy
        self._tiles: dict[str, Tile] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.readers = 0

    async def tile(self, name: str, figure: "Figure") -> Tile:
        """Return a figure that is not older than ``tile_every_s``. One that cannot be had says so itself."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            held, now = self._tiles.get(name), _now()
            if held is None or now - held.asked_at >= self._policy.tile_every_s:
                body = orjson.dumps({"name": name, **await self._answer(figure)}, default=str)
                digest = hashlib.sha256(body).hexdigest()[:DIGEST_CHARACTERS]
                held = self._tiles[name] = Tile(body.decode(), digest, now)
            return held

    async def _answer(self, figure: "Figure") -> dict[str, object]:
        most = self._policy.tile_rows_max
        about = {"title": figure.title, "definition": figure.definition, "unit": figure.unit}
        try:
            rows = await self._warehouse.query(f"SELECT * FROM ({figure.sql}) LIMIT {most + 1}")  # noqa: S608 - own
        except ConnectorError as error:
            code = "over_budget" if isinstance(error, OverBudget) else "unavailable"
            if not isinstance(error, OverBudget | Transient):
                code = "failed"
            return {**about, "error": {"code": code, "detail": str(error)[:REASON_MAX_CHARACTERS]}}
        return {**about, "rows": rows[:most], "more": len(rows) > most}


class Walls:
    """The walls somebody looks at, by workspace."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._walls: dict[str, Wall] = {}

    @property
    def count(self) -> int:
        """Return how many workspaces are looked at."""
        return len(self._walls)

    @contextmanager
    def wall(self, workspace_id: str, warehouse: Warehouse) -> Iterator[Wall]:
        """Lend a workspace's wall; with its last reader it goes."""
        wall = self._walls.setdefault(workspace_id, Wall(warehouse, self._policy))
        wall.readers += 1
        try:
            yield wall
        finally:
            wall.readers -= 1
            if wall.readers == 0:
                del self._walls[workspace_id]


def _now() -> float:
    return asyncio.get_running_loop().time()
