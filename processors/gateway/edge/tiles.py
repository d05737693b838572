"""Figures for a dashboard that stays open: each is computed once for all who look, and sent where it has changed.

A figure is asked for anew when something happened in the workspace, at most once every ``tile_every_s``, and goes on
being asked for ``tile_settle_s`` after that: the edge hears of an event before the warehouse holds it. What changes by
time alone, an age, is seen every ``tile_refresh_s``. Nobody looking costs nothing.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from processors.gateway.config import Policy
from processors.gateway.edge.deps import Report
from processors.gateway.edge.live import POLICY_VIOLATION, Frame, Rights, for_stream
from processors.gateway.edge.wall import DIGEST_CHARACTERS, Wall
from processors.gateway.feed import Feed, Wanted

NONE: Final = "0" * DIGEST_CHARACTERS
_CURSOR = re.compile(rf"[0-9a-f]{{{DIGEST_CHARACTERS}}}(?:-[0-9a-f]{{{DIGEST_CHARACTERS}}})*")


@dataclass(frozen=True, slots=True)
class Look:
    """What a reader looks at: named figures of a workspace, for as long as its rights last."""

    workspace_id: str
    reports: dict[str, Report]
    rights: Rights


def read_tile_cursor(text: str, names: Sequence[str]) -> list[str]:
    """Return the digest of each named tile that a reader has; all unknown when the cursor is of another choice."""
    digests = text.split("-") if _CURSOR.fullmatch(text) else []
    return digests if len(digests) == len(names) else [NONE] * len(names)


async def tile_frames(feed: Feed, wall: Wall, look: Look, digests: list[str], policy: Policy) -> AsyncIterator[Frame]:
    """Yield the tiles whose digest is not the one in ``digests``, then each as it changes.

    The id of a frame is the digests of all tiles the reader has then, so any replica can go on from it. A slow reader
    misses states between, never the newest: nothing is queued.
    """
    digests, settled_at, ping_at = list(digests), _now() + policy.tile_settle_s, _now() + policy.ping_s
    while True:
        began = _now()
        # Before the figures are asked for, so that nothing is missed that happens meanwhile.
        heard = feed.listen(Wanted(look.workspace_id), 1)
        try:
            for place, (name, report) in enumerate(look.reports.items()):
                tile = await wall.tile(name, report)
                if tile.digest != digests[place]:
                    digests[place] = tile.digest
                    ping_at = _now() + policy.ping_s
                    yield Frame(for_stream("tile", "-".join(digests), tile.body))
            next_at = began + (policy.tile_every_s if began < settled_at else policy.tile_refresh_s)
            while (now := _now()) < next_at:
                if look.rights.ended():
                    detail = orjson.dumps({"code": "unauthorized", "detail": "your right to look has ended"}).decode()
                    yield Frame(for_stream("error", "-".join(digests), detail), POLICY_VIOLATION)
                    return
                if now >= ping_at:
                    ping_at = now + policy.ping_s
                    yield Frame(for_stream("ping", "-".join(digests), "{}"))
                if await heard.wait(max(0.0, min(next_at, ping_at, now + look.rights.wait_s) - now)):
                    settled_at = _now() + policy.tile_settle_s
                    break
        finally:
            feed.leave(heard)
        await asyncio.sleep(max(0.0, began + policy.tile_every_s - _now()))


def _now() -> float:
    return asyncio.get_running_loop().time()
