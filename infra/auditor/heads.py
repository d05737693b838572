"""The newest checkpoint of every partition, as the log has it."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader
from schemas.audit import CheckpointHead, CheckpointView
from topics.audit import AUDIT_HEADS


async def read_heads(cluster: Cluster) -> dict[str, CheckpointHead]:
    """Return the newest checkpoint by place. A repeat written late never goes before one that is further on."""
    heads: dict[str, CheckpointHead] = {}
    for _, view in await read_head_records(cluster):
        known = heads.get(view.place)
        if known is None or view.head.next_offset >= known.next_offset:
            heads[view.place] = view.head
    return heads


def newest(records: Iterable[tuple[Mapping[str, Any], CheckpointView]]) -> list[Mapping[str, Any]]:
    """Return the newest head of each place as raw JSON, by place."""
    found: dict[str, Mapping[str, Any]] = {}
    for raw, view in records:
        if view.head.next_offset >= found.get(view.place, {"next_offset": 0})["next_offset"]:
            found[view.place] = raw
    return [found[place] for place in sorted(found)]


async def read_head_records(cluster: Cluster) -> list[tuple[Mapping[str, Any], CheckpointView]]:
    """Return all that stands in the topic of heads, each with its head as raw JSON, which is what was signed."""
    async with LogReader(cluster, "noizylab-audit-heads") as reader:
        tps = await reader.partitions([AUDIT_HEADS.name])
        return [found async for record in reader.to_end(tps) if (found := _read(record)) is not None]


def _read(record: Fetched) -> tuple[Mapping[str, Any], CheckpointView] | None:
    try:
        view = CheckpointView.model_validate_json(record.value or b"")
    except ValidationError:
        return None  # a stranger's record; the checkpoints themselves are the evidence
    return orjson.loads(record.value or b"")["head"], view
