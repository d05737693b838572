"""W3C Trace Context: which records belong to one repair, and which led to which.

Nothing here is random. The trace of a repair follows from its correlation id and a span from the message and the step
that handles it, so a replay gives the same trace again, and readers drop it as they drop repeated facts.
"""

import re
from hashlib import sha1
from uuid import UUID

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_MASK = (1 << 64) - 1
_SAMPLED = "01"


def is_traceparent(text: str) -> bool:
    """Whether ``text`` is a ``traceparent`` of version 00 with ids that are not zero."""
    return _TRACEPARENT.fullmatch(text) is not None


def began(correlation_id: str, message_id: UUID) -> str:
    """Return the ``traceparent`` of a message that begins a chain: one trace for all of a repair."""
    trace = sha1(f"noizylab/trace/{correlation_id}".encode(), usedforsecurity=False).hexdigest()[:32]
    return f"00-{trace}-{span_of(message_id, 0):016x}-{_SAMPLED}"


def salt_of(step: str) -> int:
    """Return what sets the spans of a step apart from those of others that handle the same message."""
    return int.from_bytes(sha1(step.encode(), usedforsecurity=False).digest()[:8])


def span_of(message_id: UUID | str, salt: int) -> int:
    """Return the id, 64 bits and not zero, of the span in which a step handles a message.

    An id as text is in its usual form: of it the last 64 bits are two groups of digits.
    """
    low = int(message_id[19:23] + message_id[24:], 16) if isinstance(message_id, str) else message_id.int
    return (low ^ salt) & _MASK or 1


def child_of(traceparent: str, span: int) -> str:
    """Return the ``traceparent`` for what is caused inside of ``span``: the same trace, the span as parent."""
    return f"{traceparent[:36]}{span:016x}{traceparent[52:55]}"


def parts_of(traceparent: str) -> tuple[int, int, int]:
    """Return the trace id, the span id and the flags of a valid ``traceparent``."""
    return int(traceparent[3:35], 16), int(traceparent[36:52], 16), int(traceparent[53:55], 16)
