"""Requests in, responses out: headers and bodies of every API through kio's schema classes.

kio's readers are native and take microseconds; its writers are Python, so the two hot answers (Produce and
Fetch) are encoded in `hotpath`. A handler answers with plain mappings: `build` turns them into the class of the
version asked for, leaving out fields that version does not know.
"""

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, get_args

from kio.index import KioIndexError, load_request_schema, load_response_schema
from kio.schema.errors import ErrorCode
from kio.schema.request_header.v1.header import RequestHeader as RequestHeaderV1
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError

from infra.broker.errors import MalformedRequestError
from infra.broker.tags import nested_class, skip_tags, without_tags

_FIXED_HEADER = struct.Struct(">hhi")
_FRAME_SIZE = struct.Struct(">i")
_FRAME_START = struct.Struct(">ih")  # The length, and of the frame itself the API key.
_UNDECODABLE = (SerialError, ValueError, TypeError, LookupError, OverflowError)
API_VERSIONS = 18


@dataclass(frozen=True, slots=True)
class RequestHead:
    """First fields of every request; they are laid out alike in all versions."""

    api_key: int
    api_version: int
    correlation_id: int


def read_head(frame: bytes) -> RequestHead:
    """Head of a request frame (without its length prefix).

    Raises:
        MalformedRequestError: the frame is too short to hold one.
    """
    if len(frame) < _FIXED_HEADER.size:
        raise MalformedRequestError(f"a request of {len(frame)} bytes is shorter than its header")
    return RequestHead(*_FIXED_HEADER.unpack_from(frame))


_read_header: Callable[..., Any] = entity_reader(RequestHeaderV1)


@cache
def _request_reader(api_key: int, api_version: int) -> tuple[Any, Callable[..., Any]]:
    schema: Any = load_request_schema(api_key, api_version)
    return schema, entity_reader(schema)


def read_request(frame: bytes, head: RequestHead) -> tuple[str, Any]:
    """Client id and decoded body of a request whose API and version are supported.

    Bytes after the body are ignored, as Kafka does: librdkafka leaves some. An ApiVersions request is not
    decoded at all: nothing in it changes the answer, and it has to be understood from every future client.

    Raises:
        MalformedRequestError: the bytes do not follow the schema.
    """
    if head.api_key == API_VERSIONS:
        return "", None
    schema, read_body = _request_reader(head.api_key, head.api_version)
    try:
        header, start = _read_header(frame, 0)
        if schema.__flexible__:
            # The header of a flexible request is that of any other, with tagged fields after it.
            plain = without_tags(schema, frame, skip_tags(frame, start))
            body, _ = read_body(plain, 0)
        else:
            body, _ = read_body(frame, start)
        _refuse_nulls(body)
    except _UNDECODABLE as error:
        raise MalformedRequestError(
            f"API {head.api_key} version {head.api_version} does not decode: {type(error).__name__} {error}"
        ) from error
    return header.client_id or "", body


def _refuse_nulls(entity: Any) -> None:
    """kio reads a null for any array of the older versions, also where the schema has no null."""
    schema: Any = type(entity)
    for name, nested, nullable in _array_fields(schema):
        items = getattr(entity, name)
        if items is None:
            if not nullable:
                raise ValueError(f"{name} is null")
        elif nested:
            for item in items:
                _refuse_nulls(item)


@cache
def _array_fields(schema: Any) -> tuple[tuple[str, bool, bool], ...]:
    """(name, whether its items hold arrays, whether it may be null) of each array."""
    found = []
    for entry, nested in _plan(schema):
        if "tuple[" in str(entry.type):
            deeper = nested is not None and bool(_array_fields(nested))
            found.append((entry.name, deeper, type(None) in get_args(entry.type)))
    return tuple(found)


def frame_response(correlation_id: int, body: bytes, flexible_header: bool = False) -> bytes:
    """Length prefix, response header and body."""
    tags = b"\x00" if flexible_header else b""
    return struct.pack(">ii", 4 + len(tags) + len(body), correlation_id) + tags + body


@cache
def _response_class(api_key: int, api_version: int) -> Any:
    return load_response_schema(api_key, api_version)


def encode_response(head: RequestHead, values: Mapping[str, Any]) -> bytes:
    """Whole response frame for a mapping of field names to plain values (milliseconds, ints, nested mappings)."""
    schema = _response_class(head.api_key, head.api_version)
    buffer = io.BytesIO()
    entity_writer(schema)(buffer, build(schema, values))
    flexible_header = int(schema.__header_schema__.__version__) >= 1
    return frame_response(head.correlation_id, buffer.getvalue(), flexible_header)


def encode_unsupported(head: RequestHead) -> bytes:
    """UNSUPPORTED_VERSION in the shape of the API where kio knows it and it has room for an error, else bare."""
    try:
        schema = _response_class(head.api_key, head.api_version)
    except KioIndexError:
        return _bare_unsupported(head)
    if not any(entry.name == "error_code" for entry in fields(schema)):
        return _bare_unsupported(head)
    entity = build(schema, {"error_code": ErrorCode.unsupported_version}, fill=True)
    buffer = io.BytesIO()
    entity_writer(schema)(buffer, entity)
    return frame_response(head.correlation_id, buffer.getvalue(), int(schema.__header_schema__.__version__) >= 1)


def _bare_unsupported(head: RequestHead) -> bytes:
    return frame_response(head.correlation_id, struct.pack(">h", ErrorCode.unsupported_version))


def build(schema: Any, values: Mapping[str, Any], fill: bool = False) -> Any:
    """An instance of kio class `schema`. Names it lacks are left out; `fill` sets missing ones to zero values."""
    arguments: dict[str, Any] = {}
    for entry, nested in _plan(schema):
        if entry.name in values:
            arguments[entry.name] = _convert(entry, nested, values[entry.name])
        elif entry.default is MISSING:
            implied = fill or entry.name == "throttle_time" or "tag" in entry.metadata
            if not implied:
                raise KeyError(f"{schema.__module__}.{schema.__name__} needs {entry.name!r}")
            arguments[entry.name] = _zero(entry, nested)
    return schema(**arguments)


@cache
def _plan(schema: Any) -> tuple[tuple[Field[Any], Any], ...]:
    return tuple((entry, nested_class(entry.type)) for entry in fields(schema))


def _convert(entry: Field[Any], nested: Any, value: Any) -> Any:
    if value is None:
        return None
    if nested is not None:
        return tuple(build(nested, item) for item in value)
    if isinstance(value, list):
        return tuple(value)
    kafka_type = entry.metadata.get("kafka_type", "")
    if kafka_type == "error_code":
        return ErrorCode(value)
    if kafka_type == "datetime_i64":
        return datetime.fromtimestamp(value / 1000, UTC)
    return timedelta(milliseconds=value) if kafka_type.startswith("timedelta") else value


def _zero(entry: Field[Any], nested: Any) -> Any:
    kafka_type = entry.metadata.get("kafka_type", "")
    if "tuple[" in str(entry.type):
        return ()
    if nested is not None:
        return build(nested, {}, fill=True)
    if type(None) in get_args(entry.type):
        return None
    zeros: dict[str, Any] = {"string": "", "bytes": b"", "records": b"", "bool": False}
    if kafka_type.startswith("timedelta"):
        return timedelta(0)
    if kafka_type.startswith("datetime"):
        return datetime.fromtimestamp(0, UTC)
    return ErrorCode.none if kafka_type == "error_code" else zeros.get(kafka_type, 0)


class FrameReader:
    """Cuts a byte stream into request frames, whatever the sizes the socket delivers.

    Memory grows with what has come, never with what a length announces. `limit_of` answers how many bytes a request
    of an API may have, or of any where the key has not come yet.
    """

    def __init__(self, limit_of: Callable[[int | None], int]) -> None:
        self._limit_of = limit_of
        self._buffer = bytearray()
        self.awaited = 0
        """Bytes of the frame that has begun and is not complete; 0 when there is none or its length is not known."""

    def feed(self, data: bytes) -> list[bytes]:
        """Frames completed by `data`, without their length prefix.

        Raises:
            MalformedRequestError: a length is negative or above the limit.
        """
        self._buffer += data
        frames: list[bytes] = []
        position = 0
        available = len(self._buffer)
        self.awaited = 0
        while available - position >= _FRAME_SIZE.size:
            (size,) = _FRAME_SIZE.unpack_from(self._buffer, position)
            has_key = available - position >= _FRAME_START.size
            limit = self._limit_of(_FRAME_START.unpack_from(self._buffer, position)[1] if has_key else None)
            if not _FIXED_HEADER.size <= size <= limit:
                raise MalformedRequestError(
                    f"a request announces {size} bytes, allowed are {_FIXED_HEADER.size} to {limit}; is this a Kafka "
                    "client?"
                )
            end = position + _FRAME_SIZE.size + size
            if end > available:
                self.awaited = size
                break
            frames.append(bytes(memoryview(self._buffer)[position + _FRAME_SIZE.size : end]))
            position = end
        if position:
            del self._buffer[:position]
        return frames
