"""Every message type has examples that say what a reader may meet."""

import json

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from schemas.core.message import Message
from tests.schemas.examples import EXAMPLES, FILES, SCHEMAS, TYPES, examples_of, load, models_in, paths_of, stem

every_type = pytest.mark.parametrize("kind", TYPES, ids=stem)


@every_type
def test_has_a_minimal_and_a_full_example(kind: type[Message]) -> None:
    assert {"minimal", "full"} <= {path.stem for path in paths_of(kind)}


def test_has_no_example_and_no_schema_that_belongs_to_no_type() -> None:
    known = {stem(kind) for kind in TYPES}

    assert {folder.name for folder in EXAMPLES.iterdir()} == known
    assert {path.name.removesuffix(".json") for path in SCHEMAS.iterdir()} == known
    assert {path for path in EXAMPLES.rglob("*") if path.is_file()} == {path for _, path in FILES}


@every_type
def test_is_the_same_message_after_a_round_trip(kind: type[Message]) -> None:
    for name, message in examples_of(kind).items():
        assert kind.model_validate_json(message.to_json()) == message, name
        assert kind.model_validate(json.loads(message.to_json())) == message, name


@every_type
def test_holds_no_field_that_its_type_does_not_know(kind: type[Message]) -> None:
    for path in paths_of(kind):
        assert _shape(json.loads(path.read_bytes())) <= _shape(json.loads(load(kind, path).to_json())), path.name


def _shape(value: object, at: str = "") -> set[str]:
    """Return the paths of all keys; list positions count, so that a dropped item shows."""
    if isinstance(value, dict):
        return {f"{at}/{key}" for key in value}.union(*(_shape(item, f"{at}/{key}") for key, item in value.items()))
    if isinstance(value, list):
        return set().union(*(_shape(item, f"{at}/{n}") for n, item in enumerate(value)))
    return set()


@every_type
def test_minimal_has_required_fields_only_at_every_depth(kind: type[Message]) -> None:
    for model in models_in(examples_of(kind)["minimal"]):
        required = {name for name, field in type(model).model_fields.items() if field.is_required()}
        assert model.model_fields_set == required, type(model).__name__


@every_type
def test_examples_together_set_every_field(kind: type[Message]) -> None:
    shown = {name for example in examples_of(kind).values() for name in _filled(example)}

    assert set(kind.model_fields) - shown == set()


def test_examples_together_set_every_field_of_every_value() -> None:
    models = [model for kind, path in FILES for model in models_in(load(kind, path))]
    shown = {(type(model), name) for model in models for name in _filled(model)}

    wanted = {(kind, name) for kind in {type(model) for model in models} for name in kind.model_fields}
    assert {f"{kind.__name__}.{name}" for kind, name in wanted - shown} == set()


def _filled(model: BaseModel) -> set[str]:
    return {name for name in model.model_fields_set if getattr(model, name) not in (None, (), {}, "")}


@every_type
def test_committed_schema_accepts_every_example(kind: type[Message]) -> None:
    schema = json.loads((SCHEMAS / f"{stem(kind)}.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    for path in paths_of(kind):
        assert [error.message for error in validator.iter_errors(json.loads(path.read_bytes()))] == []
    for example in examples_of(kind).values():
        assert [error.message for error in validator.iter_errors(json.loads(example.to_json()))] == []


@every_type
def test_committed_schema_refuses_an_example_without_a_required_field(kind: type[Message]) -> None:
    schema = json.loads((SCHEMAS / f"{stem(kind)}.json").read_bytes())
    minimal = json.loads((EXAMPLES / stem(kind) / "minimal.json").read_bytes())
    validator = Draft202012Validator(schema)

    for name in minimal:
        left = {key: value for key, value in minimal.items() if key != name}
        assert not validator.is_valid(left), name
