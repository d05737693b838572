"""What language models cost, and what they are saying, read from the log by whoever looks."""

from collections.abc import AsyncIterator
from typing import Any

from connectors.bus.cluster import Cluster
from connectors.bus.restore import LogReader
from processors.brain.spending import DaySpent, Spending
from schemas.progress import DiagnosisProgressed
from topics.models import MODEL_EVENTS
from topics.progress import DIAGNOSIS_PROGRESS

_MICROS = 1_000_000


async def read_spending(cluster: Cluster) -> Spending:
    """Return the whole book up to now.

    Raises:
        Transient: the log does not answer.
    """
    spending = Spending()
    async with LogReader(cluster, "model-costs") as reader:
        async for record in reader.to_end(await reader.partitions([MODEL_EVENTS.name])):
            spending.read(record.headers, record.value)
    return spending


def as_json(spending: Spending, days: int, repair_id: str | None = None) -> dict[str, Any]:
    """Return the newest ``days`` and the dearest repairs, or the one that is asked for. Money in US dollars."""
    newest = sorted(spending.days, reverse=True)[:days]
    chosen = [(repair_id, spending.repairs[repair_id])] if repair_id else spending.repairs.most_common(20)
    return {
        "days": [{"day": day} | _day(spending.days[day]) for day in newest],
        "repairs": [{"repair_id": name, "usd": micros / _MICROS} for name, micros in chosen],
        "unreadable": spending.unreadable,
    }


def _day(spent: DaySpent) -> dict[str, Any]:
    return {
        "usd": spent.usd_micros / _MICROS,
        "held_usd": spent.held_usd_micros / _MICROS,
        "requests": spent.requests,
        "outcomes": dict(spent.outcomes),
        "usd_by_model": {model: micros / _MICROS for model, micros in spent.by_model.items()},
        "tokens": dict(spent.tokens),
    }


async def follow_progress(cluster: Cluster, *, from_start: bool = False) -> AsyncIterator[DiagnosisProgressed]:
    """Yield what language models say from now on, for ever; ``from_start``: also what is still there.

    Raises:
        Transient: the log does not answer.
    """
    async with LogReader(cluster, "diagnosis-progress") as reader:
        partitions = await reader.partitions([DIAGNOSIS_PROGRESS.name])
        async for batch in reader.follow(partitions, from_start=from_start):
            for record in batch:
                if record.value is not None:
                    yield DiagnosisProgressed.model_validate_json(record.value)
