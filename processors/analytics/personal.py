"""What never reaches the warehouse: people's words, serial numbers, who signed. The figures need none of it.

The log may carry such fields, sealed or for as long as a topic is kept (ADR 10); the warehouse keeps rows for two years
and is read by many. Most types have no such field, and their data is not even looked at.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.core.text import plain_or_sealed
from schemas.ticket_parts import FieldChange
from topics.registry import EVENTS

NAMED = frozenset({"serial", "imei", "digest", "signed_by", "note", "variables"})
"""Fields that say something of a person or lead to one, beside everything that may be sealed; a flow's variables may
hold anything."""
CHANGED = frozenset({"before", "after"})
"""Of a corrected field, whose value may be any of those."""


def personal_fields(kind: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields, at any depth of a model, that stay out."""
    return frozenset(_named(kind, frozenset()))


def without_personal(message_type: str, value: bytes) -> bytes:
    """Return the data of an event without its personal fields; as it is, when its type has none or it is no JSON."""
    fields = PERSONAL.get(message_type)
    if fields is None:
        return value
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value  # the table refuses it, by its constraint on the column
    if not isinstance(data, dict):
        return value
    _remove(data, fields)
    return orjson.dumps(data)


def _named(kind: type[BaseModel], above: frozenset[type[BaseModel]]) -> Iterator[str]:
    if issubclass(kind, FieldChange):
        yield from CHANGED
    for name, field in kind.model_fields.items():
        if name in NAMED or _may_be_sealed(field):
            yield name
        for inner in _models(field.annotation):
            if inner not in above:
                yield from _named(inner, above | {inner})


def _may_be_sealed(field: FieldInfo) -> bool:
    marks = [*field.metadata, *(mark for inner in get_args(field.annotation) for mark in get_args(inner)[1:])]
    return any(getattr(mark, "func", None) is plain_or_sealed for mark in marks)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _remove(value: Any, fields: frozenset[str]) -> None:
    """Remove fields at any depth of what was read, in place."""
    if isinstance(value, dict):
        for name in fields.intersection(value):
            del value[name]
        value = value.values()
    for inner in value:
        if isinstance(inner, dict | list):
            _remove(inner, fields)


PERSONAL: Mapping[str, frozenset[str]] = MappingProxyType(
    {kind.TYPE: fields for topic in EVENTS for kind in topic.carries if (fields := personal_fields(kind))}
)
"""The fields that stay out, by type; a type that is not here has none."""
