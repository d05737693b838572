"""Text messages into an outbox directory, one JSON file a message: the default without a provider."""

import asyncio
import errno
from pathlib import Path

import orjson

from connectors.clock.clock import Clock
from connectors.errors import Misconfigured, Transient
from connectors.files import write_once
from connectors.sms.port import OutgoingSms
from schemas.core.time import rfc3339

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


class FileSms:
    """An ``Sms`` that writes files. Sending a message id again keeps the first file and returns the same id."""

    def __init__(self, directory: Path, *, sender: str, clock: Clock) -> None:
        self._directory = directory
        self._sender = sender
        self._clock = clock

    async def send(self, message: OutgoingSms) -> str:
        """Write the message to ``<directory>/<message id without brackets>.json``; return the message id."""
        name = message.message_id.strip("<>") + ".json"
        fields = {"from": self._sender, "date": rfc3339(self._clock.now())} | message.model_dump()
        data = orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            await asyncio.to_thread(write_once, self._directory / name, data)
        except OSError as error:
            kind = Transient if error.errno in _FULL else Misconfigured
            raise kind(f"outbox {self._directory}: {error}; give this user a directory with space") from error
        return message.message_id
