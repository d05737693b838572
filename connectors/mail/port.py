"""The mail port.

::

    Permanent
    └── Refused   this message is refused for good; carries the provider's code
"""

from typing import Annotated, Protocol

from pydantic import AfterValidator, Field, StringConstraints

from connectors.errors import Permanent
from schemas.core.message import Value
from schemas.core.text import LongText, without_controls


def _one_line(text: str) -> str:
    if any(character in "\n\r\t" for character in without_controls(text)):
        raise ValueError("line break or tab in a header; it would start another header")
    return text


HeaderText = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
_ATOM = r"[0-9A-Za-z!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
Address = Annotated[
    str, StringConstraints(pattern=rf"^{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*$", min_length=3, max_length=254)
]
"""A dot-atom of RFC 5322 section 3.4.1 at a host name, in ASCII: quoted local parts are legal but in nobody's use."""
MessageId = Annotated[
    str, StringConstraints(pattern=r"^<[0-9A-Za-z][0-9A-Za-z._+-]{0,120}@[0-9A-Za-z][0-9A-Za-z.-]{0,80}>$")
]
"""RFC 5322 section 3.6.4, in the characters that also make a file name."""


class Refused(Permanent):
    """A message is refused for good. ``code`` is the provider's, and safe to keep: its words may quote addresses."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class OutgoingMail(Value):
    """One mail. ``message_id`` is derived from what caused it, so the same wish sent twice is the same mail."""

    message_id: MessageId
    to: Address
    to_name: HeaderText | None = None
    subject: HeaderText
    text: LongText
    html: str | None = Field(default=None, max_length=200_000)


class Mail(Protocol):
    """Hands mails over. Retrying is the caller's."""

    async def send(self, message: OutgoingMail) -> str:
        """Hand one mail over; return the provider's id of it.

        Raises:
            Transient: the server is away or says later (4xx).
            Refused: this mail is refused (5xx).
            Misconfigured: every mail would be refused: password, TLS, sender, directory.
        """
        ...
