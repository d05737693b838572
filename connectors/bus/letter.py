"""A record that cannot be handled, on its way to the dead letters: as it was, with the place and the reason."""

from datetime import datetime

import pydantic

from connectors.bus.records import Fetched, Outgoing
from topics.registry import dead_letters

ERROR_CHARACTERS = 4000


def letter(processor: str, step: str, record: Fetched, reason: str, detail: str, at: datetime) -> Outgoing:
    """Return the dead letter of ``record``; its headers stay, ``dlq_`` ones are added."""
    tried = next((value for name, value in reversed(record.headers) if name == "dlq_attempt"), b"0")
    extra: list[tuple[str, bytes]] = [
        ("dlq_attempt", str(1 + int(tried if tried.isdigit() else 0)).encode()),
        # A missing key and an empty one are written alike below, and go back differently.
        ("dlq_key", b"missing" if record.key is None else b"kept"),
        ("dlq_reason", reason.encode()),
        ("dlq_error", detail[:ERROR_CHARACTERS].encode()),
        ("dlq_processor", processor.encode()),
        ("dlq_step", step.encode()),
        ("dlq_topic", record.topic.encode()),
        ("dlq_partition", str(record.partition).encode()),
        ("dlq_offset", str(record.offset).encode()),
        ("dlq_at", at.isoformat().encode()),
    ]
    return Outgoing(dead_letters(processor).name, record.key or b"", record.value, [*record.headers, *extra])


def explained(error: pydantic.ValidationError) -> str:
    """Return the first problems of a refused record: where, what, and what was found."""
    lines = []
    for problem in error.errors(include_url=False)[:5]:
        where = ".".join(str(part) for part in problem["loc"]) or "(record)"
        found = repr(problem.get("input"))[:80]
        lines.append(f"{where}: {problem['msg']}, found {found}")
    return "; ".join(lines)
