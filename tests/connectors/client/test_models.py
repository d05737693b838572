"""The generated client reads everything that the API was recorded to answer, and has the same methods twice."""

import inspect
from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter

from connectors.client.calls import Client
from connectors.client.calls_async import AsyncClient
from processors.gateway.edge.api.describe import examples
from processors.gateway.edge.api.operations import JSON, OPERATIONS

RECORDED: Mapping[str, Any] = examples()


def methods(kind: type) -> dict[str, Any]:
    return {name: one for name, one in vars(kind).items() if inspect.isfunction(one)}


def test_every_operation_is_a_method_with_and_without_await() -> None:
    assert {operation.name for operation in OPERATIONS.values()} <= methods(Client).keys()
    for name, one in methods(Client).items():
        other = inspect.signature(methods(AsyncClient)[name])
        assert list(inspect.signature(one).parameters) == list(other.parameters), name
    assert methods(Client).keys() == methods(AsyncClient).keys()


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_reads_what_was_answered(name: str) -> None:
    hints = get_type_hints(methods(Client)[name])
    for answer in RECORDED[name].get("answers", {}).values():
        if JSON in answer:
            TypeAdapter(hints["return"]).validate_python(answer[JSON])


@pytest.mark.parametrize("name", [one for one in sorted(RECORDED) if JSON in RECORDED[one].get("request", {})])
def test_can_say_what_was_asked(name: str) -> None:
    hints = get_type_hints(methods(Client)[name])
    if "body" in hints:
        asked = RECORDED[name]["request"][JSON]
        body = TypeAdapter(hints["body"]).validate_python(asked)
        assert TypeAdapter(hints["body"]).dump_python(body, mode="json", exclude_unset=True) == asked
