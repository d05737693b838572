"""CloudEvents 1.0 in Kafka binary mode: attributes are ``ce_`` headers, the value is the JSON data."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha1
from typing import TYPE_CHECKING, Any
from uuid import UUID

from schemas.core.time import rfc3339

NAMESPACE = UUID("6f2c1f5e-5a0b-5f43-9a37-2d1f6c0f0a11")
"""Root of all derived ids. Changing it would make every replay produce new facts."""

Header = tuple[str, bytes]
Headers = list[Header]

_SPECVERSION: Header = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Header = ("content-type", b"application/json")
RARE = frozenset({"traceparent", "tracestate", "ce_authtype", "ce_authid"})
"""Attributes that most records do without."""
_NAMESPACE_BYTES = NAMESPACE.bytes
_LOWER_HEX = b"0123456789abcdef"
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit that begins the second half of a UUID, its two upper bits set to the variant of RFC 9562."""


class EnvelopeError(ValueError):
    """A record's headers are not a CloudEvent of ours; the message names the attribute and what was found."""


@dataclass(slots=True)
class Envelope:
    """The attributes of one record, not to be changed: frozen it would take four times as long to make.

    ``subject`` is the aggregate id and equals the record key; ``correlation_id`` is the ticket that the whole
    repair runs under; ``causation_id`` is the id of the record that directly caused this one. ``id_text`` is ``id``
    as it lies on the log. Of a record that was read, ids become objects when they are first asked for.
    """

    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    recorded_time: datetime
    correlation_id: str
    causation_id: UUID | None = None
    traceparent: str | None = None
    auth_type: str | None = None
    auth_id: str | None = None
    tracestate: str | None = None
    id_text: str = field(init=False, repr=False, compare=False)
    _causation_text: str | None = field(init=False, repr=False, compare=False)

    if not TYPE_CHECKING:  # a type checker would take any misspelled attribute for one of these

        def __getattr__(self, name: str) -> Any:
            """Make an attribute that is not there yet out of its other form."""
            match name:
                case "id":
                    self.id = UUID(self.id_text)
                case "id_text":
                    self.id_text = str(self.id)
                case "_causation_text":
                    cause = self.causation_id
                    self._causation_text = None if cause is None else str(cause)
                case "causation_id":
                    text = self._causation_text
                    self.causation_id = None if text is None else UUID(text)
                case _:
                    raise AttributeError(f"an envelope has no {name}")
            return object.__getattribute__(self, name)

    @property
    def causation_text(self) -> str | None:
        """``causation_id`` as it lies on the log."""
        return self._causation_text

    def to_headers(self) -> Headers:
        """Return the record headers, in a fixed order, absent attributes left out."""
        time = rfc3339(self.time).encode()
        recorded = time if self.recorded_time is self.time else rfc3339(self.recorded_time).encode()
        headers = _headers(
            _named(self.source, self.type), self.id_text, self.subject.encode(), time, recorded, self.correlation_id
        )
        if self.causation_id is not None:
            headers.append(("ce_causationid", str(self.causation_id).encode()))
        if self.traceparent is not None:
            headers.append(("traceparent", self.traceparent.encode()))
        if self.tracestate is not None:
            headers.append(("tracestate", self.tracestate.encode()))
        if self.auth_type is not None:
            headers.append(("ce_authtype", self.auth_type.encode()))
        if self.auth_id is not None:
            headers.append(("ce_authid", self.auth_id.encode()))
        return headers

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes]]) -> "Envelope":
        """Read the attributes of a record.

        Raises:
            EnvelopeError: an attribute is missing or malformed.
        """
        return cls.from_attributes(dict(headers))

    @classmethod
    def from_attributes(cls, found: dict[str, bytes]) -> "Envelope":
        """Read the attributes out of a record's headers by name.

        Raises:
            EnvelopeError: an attribute is missing or malformed.
        """
        try:
            return cls._read(found)
        except (KeyError, ValueError):
            return cls._read_with_care(found)

    @classmethod
    def _read(cls, found: dict[str, bytes]) -> "Envelope":
        """Read attributes as we write them; any doubt is a ``KeyError`` or ``ValueError``."""
        envelope = cls.__new__(cls)
        envelope.id_text = _plain_uuid(found["ce_id"])
        envelope.source = source = found["ce_source"].decode()
        envelope.type = kind = found["ce_type"].decode()
        envelope.subject = subject = found["ce_subject"].decode()
        time, recorded = found["ce_time"], found["ce_recordedtime"]
        envelope.time = at = _utc_time(time)
        envelope.recorded_time = at if recorded == time else _utc_time(recorded)
        envelope.correlation_id = correlation = found["ce_correlationid"].decode()
        causation = found.get("ce_causationid")
        envelope._causation_text = None if causation is None else _plain_uuid(causation)
        if found["ce_specversion"] != b"1.0" or not (source and kind and subject and correlation):
            raise ValueError
        if RARE.isdisjoint(found):
            envelope.traceparent = envelope.auth_type = envelope.auth_id = envelope.tracestate = None
        else:
            envelope.traceparent = _optional(found, "traceparent")
            envelope.auth_type = _optional(found, "ce_authtype")
            envelope.auth_id = _optional(found, "ce_authid")
            envelope.tracestate = _optional(found, "tracestate")
        return envelope

    @classmethod
    def _read_with_care(cls, found: dict[str, bytes]) -> "Envelope":
        """Read attributes in any form the specification allows, or say which one is wrong."""
        if _text(found, "ce_specversion") != "1.0":
            raise EnvelopeError(f"ce_specversion is {found['ce_specversion']!r}, expected 1.0")
        causation = found.get("ce_causationid")
        return cls(
            id=_uuid(found, "ce_id"),
            source=_text(found, "ce_source"),
            type=_text(found, "ce_type"),
            subject=_text(found, "ce_subject"),
            time=_time(found, "ce_time"),
            recorded_time=_time(found, "ce_recordedtime"),
            correlation_id=_text(found, "ce_correlationid"),
            causation_id=None if causation is None else _uuid(found, "ce_causationid"),
            traceparent=_optional(found, "traceparent"),
            auth_type=_optional(found, "ce_authtype"),
            auth_id=_optional(found, "ce_authid"),
            tracestate=_optional(found, "tracestate"),
        )

    def to_json_attributes(self) -> dict[str, str]:
        """Return the attributes of the structured JSON form used over HTTP; ``data`` is the caller's to add."""
        attributes = {
            "specversion": "1.0",
            "id": str(self.id),
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": rfc3339(self.time),
            "recordedtime": rfc3339(self.recorded_time),
            "datacontenttype": "application/json",
            "dataschema": dataschema(self.type),
            "correlationid": self.correlation_id,
        }
        if self.causation_id is not None:
            attributes["causationid"] = str(self.causation_id)
        return attributes


def dataschema(message_type: str) -> str:
    """Return the schema's name: ``noizylab.quote.prepared.v1`` has ``urn:noizylab:schema:quote.prepared:1.0``."""
    stem, _, major = message_type.removeprefix("noizylab.").rpartition(".v")
    return f"urn:noizylab:schema:{stem}:{major}.0"


def derived_id(cause: UUID, processor: str, message_type: str, ordinal: int) -> UUID:
    """Return the id of a caused message: the same cause gives the same id, so a replay repeats facts.

    UUIDv5 (RFC 9562 section 5.5) over the causing id, the processor, the type and the position among the
    messages of that cause.
    """
    return UUID(derived_text(str(cause), processor, message_type, ordinal))


def derived_text(cause: str, processor: str, message_type: str, ordinal: int) -> str:
    """Return :func:`derived_id` as text, for a cause given as text, lower case.

    ``uuid.uuid5`` written out, because every record on the log passes here: a third of the time.
    """
    name = _NAMESPACE_BYTES + f"{cause}/{processor}/{message_type}/{ordinal}".encode()
    digits = sha1(name, usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def caused_headers(
    source: str,
    message_type: str,
    id_text: str,
    subject: bytes,
    time: bytes,
    cause: Envelope,
    traceparent: str | None = None,
) -> Headers:
    """Return the headers of a message that ``cause`` led the processor behind ``source`` to; ``time`` in RFC 3339."""
    headers = _headers(_named(source, message_type), id_text, subject, time, time, cause.correlation_id)
    headers.append(("ce_causationid", cause.id_text.encode()))
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
        if cause.tracestate is not None:
            headers.append(("tracestate", cause.tracestate.encode()))
    return headers


def _headers(
    named: tuple[Header, Header, Header], id_text: str, subject: bytes, time: bytes, recorded: bytes, correlation: str
) -> Headers:
    source, kind, schema = named
    return [
        _SPECVERSION,
        ("ce_id", id_text.encode()),
        source,
        kind,
        ("ce_subject", subject),
        ("ce_time", time),
        ("ce_recordedtime", recorded),
        schema,
        ("ce_correlationid", correlation.encode()),
        _CONTENT_TYPE,
    ]


@lru_cache(1024)
def _named(source: str, message_type: str) -> tuple[Header, Header, Header]:
    """Return the headers that are the same in every record of one type from one source."""
    return (
        ("ce_source", source.encode()),
        ("ce_type", message_type.encode()),
        ("ce_dataschema", dataschema(message_type).encode()),
    )


def _utc_time(raw: bytes) -> datetime:
    at = datetime.fromisoformat(raw.decode())
    if at.tzinfo is not UTC:
        raise ValueError
    return at


def _plain_uuid(raw: bytes) -> str:
    """Return a UUID as we write it: lower case, with hyphens."""
    # Exactly four hyphens beside hexadecimal digits, and each in its place: cheaper than to build the number.
    if len(raw) != 36 or raw.translate(None, _LOWER_HEX) != b"----" or raw[8::5][:4] != b"----":
        raise ValueError
    return raw.decode()


def _text(found: dict[str, bytes], name: str) -> str:
    value = found.get(name)
    if not value:
        raise EnvelopeError(f"header {name} is missing; every record needs the CloudEvents attributes")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError(f"header {name} is not UTF-8: {value[:40]!r}") from error


def _optional(found: dict[str, bytes], name: str) -> str | None:
    return _text(found, name) if name in found else None


def _uuid(found: dict[str, bytes], name: str) -> UUID:
    text = _text(found, name)
    try:
        return UUID(text)
    except ValueError as error:
        raise EnvelopeError(f"header {name} is not a UUID: {text[:60]!r}") from error


def _time(found: dict[str, bytes], name: str) -> datetime:
    text = _text(found, name)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise EnvelopeError(f"header {name} is not RFC 3339: {text[:60]!r}") from error
    if at.tzinfo is None:
        raise EnvelopeError(f"header {name} has no time zone: {text[:60]!r}")
    return at.astimezone(UTC)
