"""Rules that hold for every message type and every value in it."""

import re
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from schemas.core.ids import MessageType
from schemas.core.message import Command, Event, Message, View
from schemas.core.text import LongText, ShortText
from schemas.core.time import UtcTime, rfc3339
from schemas.tickets import SubmitIntake
from tests.schemas.examples import TYPES, examples_of, stem

every_type = pytest.mark.parametrize("kind", TYPES, ids=stem)
MONEY = re.compile(r"(price|cost|total|amount|fee|profit|balance|value|pre_approved)(_|$)")
TIMES = {datetime, AwareDatetime}


def leaves(hint: Any) -> Iterator[Any]:
    """Yield the plain types that an annotation is made of."""
    if get_origin(hint) is Annotated:
        yield from leaves(get_args(hint)[0])
    elif get_origin(hint) in (Union, types.UnionType, tuple, list, dict):
        for part in get_args(hint):
            yield from leaves(part)
    else:
        yield hint


def values(kind: type[BaseModel], seen: set[type[BaseModel]] | None = None) -> set[type[BaseModel]]:
    """Return a type and every value type inside it."""
    seen = set() if seen is None else seen
    if kind not in seen:
        seen.add(kind)
        for field in kind.model_fields.values():
            for leaf in leaves(field.annotation):
                if isinstance(leaf, type) and issubclass(leaf, BaseModel):
                    values(leaf, seen)
    return seen


VALUES = sorted({value for kind in TYPES for value in values(kind)}, key=lambda value: value.__name__)
every_value = pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)


@every_type
def test_type_name_follows_the_pattern_with_its_major_version(kind: type[Message]) -> None:
    assert TypeAdapter(MessageType).validate_python(kind.TYPE) == kind.TYPE


def test_type_names_are_unique() -> None:
    assert len({kind.TYPE for kind in TYPES}) == len(TYPES)


@every_type
def test_is_exactly_one_of_command_event_and_view(kind: type[Message]) -> None:
    assert sum(issubclass(kind, base) for base in (Command, Event, View)) == 1


@every_value
def test_is_frozen_described_and_ignores_what_it_does_not_know(value: type[BaseModel]) -> None:
    assert value.model_config["frozen"] is True
    assert value.model_config["extra"] == "ignore"
    assert value.__doc__


@every_value
def test_money_is_whole_cents_and_says_so_in_its_name(value: type[BaseModel]) -> None:
    for name, field in value.model_fields.items():
        kinds = {leaf for leaf in leaves(field.annotation) if leaf is not type(None)}
        if name.endswith("_cents"):
            assert kinds == {int}, name
        else:
            assert not (MONEY.search(name) and kinds & {int, float}), name


@every_value
def test_a_point_in_time_says_so_in_its_name_and_refuses_naive_time(value: type[BaseModel]) -> None:
    for name, field in value.model_fields.items():
        if not TIMES & set(leaves(field.annotation)):
            assert not name.endswith("_at")
            continue
        assert name.endswith(("_at", "_until", "not_before")) or name == "due"
        adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, name, *field.metadata])
        with pytest.raises(ValidationError, match="timezone"):
            adapter.validate_python(datetime(2026, 3, 2, 9, 0))  # noqa: DTZ001  # the naive time is the point
        read = adapter.validate_python(datetime(2026, 3, 2, 9, 0, tzinfo=timezone(timedelta(hours=2))))
        assert (read, read.tzinfo) == (datetime(2026, 3, 2, 7, 0, tzinfo=UTC), UTC)


@every_type
def test_reads_a_newer_message_with_fields_it_does_not_know(kind: type[Message]) -> None:
    example = examples_of(kind)["full"]
    newer = example.model_dump(mode="json") | {"added_in_a_later_minor": {"x": 1}}

    assert kind.model_validate(newer) == example


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 1, 31, 9, 0, tzinfo=UTC), "2026-01-31T09:00:00.000000Z"),
        (datetime(2026, 1, 31, 9, 0, 0, 7, tzinfo=timezone(timedelta(hours=-5))), "2026-01-31T14:00:00.000007Z"),
    ],
)
def test_writes_time_in_utc_with_microseconds(at: datetime, text: str) -> None:
    assert rfc3339(at) == text
    assert TypeAdapter(UtcTime).validate_python(text) == at


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\x7fb", "a\x9fb"])
@pytest.mark.parametrize("kind", [ShortText, LongText])
def test_refuses_a_control_character_and_names_its_position(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError, match=f"control character U\\+{ord(text[1]):04X} at position 1"):
        TypeAdapter(kind).validate_python(text)


def test_takes_line_breaks_tabs_and_every_script() -> None:
    text = "Akku leer\n\tseit gestern\r\n電池 🔋 Ладья"
    assert TypeAdapter(LongText).validate_python(text) == text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("complaint", "x" * 10_001, "at most 10000 characters"),
        ("complaint", "", "at least 1 character"),
        ("complaint", "leer\x07", "control character U+0007 at position 4"),
        ("consent_version", "v" * 201, "at most 200 characters"),
        ("ticket_id", "18", "pattern"),
        ("language", "deu", "pattern"),
    ],
)
def test_refusal_names_the_field_when_it_does_not_fit(field: str, value: str, said: str) -> None:
    data = examples_of(SubmitIntake)["full"].model_dump(mode="json") | {field: value}

    with pytest.raises(ValidationError) as refused:
        SubmitIntake.model_validate(data)

    [error] = refused.value.errors(include_url=False)
    assert error["loc"] == (field,)
    assert said in error["msg"]


def test_refusal_names_the_field_when_it_lies_deeper() -> None:
    data = examples_of(SubmitIntake)["full"].model_dump(mode="json")
    data["photos"][1]["sha256"] = "not a hash"

    with pytest.raises(ValidationError) as refused:
        SubmitIntake.model_validate(data)

    assert [error["loc"] for error in refused.value.errors()] == [("photos", 1, "sha256")]
