"""The description of the API is complete: names, scopes, answers, and examples that fit them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from processors.gateway.access.roles import SCOPES
from processors.gateway.edge.api.describe import METHODS
from processors.gateway.edge.api.operations import JSON, OPERATIONS
from processors.gateway.edge.problems import MEDIA_TYPE
from tests.processors.gateway.world import World

Operations = list[tuple[str, str, dict[str, Any]]]
NOTHING_TO_SHOW = {
    "get_ticket_image", "get_condition_photo", "get_check_photo", "get_check_report", "body of photograph_checkpoint",
    "get_design_drawing", "get_label", "get_label_sheet", "get_receipt", "get_object", "get_file",
    "body of add_condition_photo", "get_diagnosis_report", "get_inspection_photo",
}  # fmt: skip
"""Pictures and papers: their bytes are no example that anybody could read."""
IN_THEIR_WORDS = {"prove_hook": ["challengeResponse"]}
"""What a provider wants to hear is the provider's own."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    described: dict[str, Any] = World(Path(tmp_path_factory.mktemp("world"))).app.openapi()
    return described


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> Operations:
    """Return every operation, its refusals put in where it refers to them."""
    responses = document["components"]["responses"]
    found = []
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                answers = {
                    status: responses[one["$ref"].removeprefix("#/components/responses/")] if "$ref" in one else one
                    for status, one in methods[method]["responses"].items()
                }
                found.append((path, method, {**methods[method], "responses": answers}))
    return found


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource("urn:api", Resource(document, DRAFT202012))
    return Draft202012Validator(rooted(schema), registry=registry)


def rooted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: f"urn:api{one}" if name == "$ref" else rooted(one) for name, one in value.items()}
    return [rooted(one) for one in value] if isinstance(value, list) else value


def shown(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for status, answer in operation["responses"].items():
        for media, content in answer.get("content", {}).items():
            yield status, media, content


def test_every_operation_has_a_name_of_its_own_that_the_catalogue_gives_it(operations: Operations) -> None:
    places = [f"{method.upper()} {path}" for path, method, _ in operations]
    assert sorted(places) == sorted(OPERATIONS), (
        "say in edge/api/operations.py what the operation is called and answers"
    )
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_every_operation_says_what_it_does_and_who_may(operations: Operations) -> None:
    for path, method, operation in operations:
        assert 5 < len(operation["summary"]) < 160, (method, path)
        assert operation["tags"], (method, path)
        scopes = [one for way in operation["security"] for one in next(iter(way.values()))]
        assert set(scopes) <= set(SCOPES)
        said = f"Scope: `{scopes[0]}`." if scopes else "Scope: none; "
        assert said in operation["description"], (method, path)


def test_every_success_has_an_example(operations: Operations) -> None:
    without = set()
    for _, _, operation in operations:
        granted = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        contents = [content for answer in granted.values() for content in answer.get("content", {}).values()]
        if "204" not in granted and not any("example" in content for content in contents):
            without.add(operation["operationId"])
        body = operation.get("requestBody", {}).get("content", {})
        if body and not any("example" in one for one in body.values()):
            without.add(f"body of {operation['operationId']}")
    assert without == NOTHING_TO_SHOW


def test_every_refusal_has_an_example(document: dict[str, Any], operations: Operations) -> None:
    problem = validator(document, {"$ref": "#/components/schemas/Problem"})
    for path, method, operation in operations:
        refusals = [(status, media, one) for status, media, one in shown(operation) if status >= "400"]
        assert {"400", "422", "429", "503"} <= {status for status, _, _ in refusals}
        for status, media, content in refusals:
            assert media == MEDIA_TYPE, (method, path, status)
            problem.validate(content["example"])
            assert content["example"]["status"] == int(status)


def test_every_example_fits_its_schema(document: dict[str, Any], operations: Operations) -> None:
    checked = 0
    for _, _, operation in operations:
        contents = [(media, one) for _, media, one in shown(operation)]
        contents += list(operation.get("requestBody", {}).get("content", {}).items())
        for _media, content in contents:
            if "example" in content and "schema" in content:
                checked += 1
                validator(document, content["schema"]).validate(content["example"])
        for parameter in operation.get("parameters", ()):
            if "example" in parameter:
                validator(document, parameter["schema"]).validate(parameter["example"])
    assert checked > 1000


def test_every_answer_is_told_whole_by_its_model(operations: Operations) -> None:
    """No answer has a field that its model does not have: whoever reads the description would never know."""
    untold = {}
    for path, method, operation in operations:
        said = OPERATIONS[f"{method.upper()} {path}"]
        for status, media, content in shown(operation):
            if status.startswith("2") and media == JSON and "example" in content:
                models = (said.late,) if status == "202" and said.late is not None else said.answers
                found = [missing(model, content["example"]) for model in models if fits(model, content["example"])]
                assert found, f"{operation['operationId']}: no model of {status} takes {content['example']}"
                if lost := min(found, key=len):
                    untold[operation["operationId"]] = sorted(lost)
    assert untold == IN_THEIR_WORDS


def fits(model: type[BaseModel], example: Any) -> bool:
    try:
        model.model_validate(example)
    except ValueError:
        return False
    return True


def missing(model: type[BaseModel], example: Any) -> set[str]:
    return gone(example, model.model_validate(example).model_dump(mode="json"), "")


def gone(sent: Any, read: Any, place: str) -> set[str]:
    if isinstance(sent, dict) and isinstance(read, dict):
        lost = {f"{place}{name}" for name in sent if name not in read}
        return lost.union(*(gone(sent[name], read[name], f"{place}{name}.") for name in sent if name in read))
    if isinstance(sent, list) and isinstance(read, list):
        return set().union(*(gone(one, other, place) for one, other in zip(sent, read, strict=True)))
    return set()


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", name), name
