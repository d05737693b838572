"""Mail into an outbox directory, one ``.eml`` file a message: the default without a mail server."""

import asyncio
import errno
from pathlib import Path

from connectors.clock.clock import Clock
from connectors.errors import Misconfigured, Transient
from connectors.files import write_once
from connectors.mail.port import OutgoingMail
from connectors.mail.rfc5322 import composed

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


class FileMail:
    """A ``Mail`` that writes files. Sending a message id again keeps the first file and returns the same id."""

    def __init__(self, directory: Path, *, sender: str, sender_name: str, clock: Clock) -> None:
        self._directory = directory
        self._sender = sender
        self._sender_name = sender_name
        self._clock = clock

    async def send(self, message: OutgoingMail) -> str:
        """Write the mail to ``<directory>/<message id without brackets>.eml``; return the message id."""
        name = message.message_id.strip("<>") + ".eml"
        data = composed(message, self._sender, self._sender_name, self._clock.now()).as_bytes()
        try:
            await asyncio.to_thread(write_once, self._directory / name, data)
        except OSError as error:
            kind = Transient if error.errno in _FULL else Misconfigured
            raise kind(f"outbox {self._directory}: {error}; give this user a directory with space") from error
        return message.message_id
