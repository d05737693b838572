"""Tagged fields of flexible requests (KIP-482): read over, because kio refuses those it does not know.

A tagged field is optional by its definition, and no request that the broker takes in a flexible version has one that
would change the answer. So a request is copied without any, along its schema, before kio decodes it.
"""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any, get_args

_SIZES = {"bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "timedelta_i32": 4}
_NO_TAGS = b"\0"
_Step = Callable[[bytes, int, list[bytes]], int]
"""Copies one field at a position into the list and answers the position after it."""


def nested_class(annotation: Any) -> Any:
    """The kio class inside a field's type, None where it holds plain values."""
    if hasattr(annotation, "__flexible__"):
        return annotation
    return next((found for part in get_args(annotation) if (found := nested_class(part)) is not None), None)


def without_tags(schema: Any, data: bytes, position: int) -> bytes:
    """The structure of kio class `schema` that starts at `position`, with empty tagged fields everywhere.

    Raises:
        IndexError: the bytes end before the structure does.
    """
    parts: list[bytes] = []
    _copy_structure(schema, data, position, parts)
    return b"".join(parts)


def skip_tags(data: bytes, position: int) -> int:
    """Position after the tagged fields at `position`.

    Raises:
        IndexError: the bytes end before they do.
    """
    count, position = _unsigned_varint(data, position)
    for _ in range(count):
        _, position = _unsigned_varint(data, position)
        size, position = _unsigned_varint(data, position)
        position += size
        if position > len(data):
            raise IndexError("a tagged field is cut short")
    return position


def _copy_structure(schema: Any, data: bytes, position: int, parts: list[bytes]) -> int:
    for step in _steps(schema):
        position = step(data, position, parts)
    parts.append(_NO_TAGS)
    return skip_tags(data, position)


@cache
def _steps(schema: Any) -> tuple[_Step, ...]:
    return tuple(_step(entry) for entry in fields(schema) if "tag" not in entry.metadata)


def _step(entry: Any) -> _Step:
    nested = nested_class(entry.type)
    if nested is not None:
        single: _Step = lambda data, position, parts: _copy_structure(nested, data, position, parts)  # noqa: E731 - one line
    else:
        single = _plain(entry.metadata["kafka_type"])
    if "tuple[" not in str(entry.type):
        return single

    def array(data: bytes, position: int, parts: list[bytes]) -> int:
        count, after = _unsigned_varint(data, position)
        parts.append(data[position:after])
        for _ in range(count - 1):  # 0 stands for null, 1 for empty.
            after = single(data, after, parts)
        return after

    return array


def _plain(kafka_type: str) -> _Step:
    size = _SIZES.get(kafka_type)
    if size is not None:
        return lambda data, position, parts: _take(data, position, position + size, parts)
    if kafka_type != "string":
        raise NotImplementedError(f"{kafka_type} stands in no request that is read in a flexible version")

    def string(data: bytes, position: int, parts: list[bytes]) -> int:
        length, after = _unsigned_varint(data, position)
        return _take(data, position, after + max(length - 1, 0), parts)

    return string


def _take(data: bytes, start: int, end: int, parts: list[bytes]) -> int:
    if end > len(data):
        raise IndexError("the request is cut short")
    parts.append(data[start:end])
    return end


def _unsigned_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
        shift += 7
