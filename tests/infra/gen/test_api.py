"""What is generated from the API: types for its schemas, models for what is not ours, and examples without secrets."""

import re
from typing import Any

import pytest

from infra.gen.api.client import client_files
from infra.gen.api.script import recorded_json
from infra.gen.api.tidy import Tidy
from infra.gen.api.types import annotation, in_order, model, of_our_own
from schemas.core.blob_ref import BlobRef
from schemas.tickets import TicketState


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "array", "items": {"$ref": "#/components/schemas/Device"}}, "list[Device]"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "int | None"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "dict[str, float]"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "string", "format": "binary"}, "File"),
        ({"type": "string", "enum": ["a", "b"]}, "Literal['a', 'b']"),
        ({"type": "string", "enum": list(TicketState.__args__)}, "TicketState"),
        ({"const": 3}, "Literal[3]"),
        ({}, "Any"),
    ],
)
def test_a_schema_becomes_an_annotation(schema: dict[str, Any], expected: str) -> None:
    assert annotation(schema) == expected


def test_what_the_generator_does_not_know_is_refused_and_not_guessed() -> None:
    with pytest.raises(ValueError, match=r"no Python type for \['string', 'null'\]"):
        annotation({"type": ["string", "null"]})
    with pytest.raises(ValueError, match="'class' cannot be a field"):
        model("Thing", {"properties": {"class": {"type": "string"}}})


def test_a_component_comes_after_what_it_refers_to() -> None:
    components = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/C"}, "C": {}, "D": {}}
    assert in_order(components, {"A"}) == ["C", "B", "A"]


def test_only_a_component_that_is_the_class_itself_is_taken_from_the_schemas() -> None:
    whole = BlobRef.model_json_schema(mode="serialization")
    assert of_our_own({"BlobRef": whole}, ["BlobRef"]) == {"BlobRef": "schemas.core.blob_ref"}
    assert of_our_own({"BlobRef": {**whole, "required": []}}, ["BlobRef"]) == {}


def test_the_same_id_is_the_same_everywhere_and_two_are_two() -> None:
    tidy = Tidy()
    one, other = "018f6b2e-7c40-7b1d-9d2a-5e0c8a4f1b37", "018f6b2e-7c40-7b1d-9d2a-5e0c8a4f1b38"
    shown = tidy.of({"a": f"T-{one}", "b": [f"/v1/tickets/T-{one}"], "c": other})
    assert shown["b"] == [f"/v1/tickets/{shown['a']}"]
    assert shown["c"] not in shown["a"]
    assert tidy.of(one) == shown["a"].removeprefix("T-")
    assert tidy.of(shown) == shown


def test_no_example_holds_a_key_or_token_that_was_one() -> None:
    text = recorded_json()
    assert set(re.findall(r"nzl_test_\w{8}_", text)) == {"nzl_test_Example1_"}
    assert len(set(re.findall(r"whsec_[^\"]+", text))) == 1
    assert set(re.findall(r'"refresh_token": "([^"]+)"', text)) == {"EXAMPLE.REFRESH_TOKEN"}
    assert not re.search(r"[\w-]{10,}\.[\w-]{10,}\.[\w-]{40,}", text), "this looks like a signed token"


def test_the_client_is_generated_alike_each_time() -> None:
    assert client_files() == client_files()
