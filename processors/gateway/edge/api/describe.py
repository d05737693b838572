"""Puts into the description what FastAPI cannot see in routes that write their own JSON: names, answers, examples."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic.json_schema import models_json_schema

from processors.gateway.edge.api.operations import JSON, OPERATIONS, Operation
from processors.gateway.edge.auth import Needs
from processors.gateway.visibility import QUOTE_INTERNALS

Schema = dict[str, Any]

EXAMPLES: Final = Path(__file__).with_name("examples.json")
"""Recorded by `make gen` from a run through the whole API (``infra/gen/api``)."""
METHODS: Final = ("get", "put", "post", "patch", "delete")
_REF: Final = "#/components/schemas/"
_NEED_A_SCOPE: Final = {"QuotePrepared": QUOTE_INTERNALS, "FlowView": frozenset({"state"})}
"""Fields that ``visibility`` leaves out for some callers."""


def scopes_of(app: FastAPI) -> dict[str, str]:
    """Return the scope of each operation that asks for one, by method and path."""
    found: dict[str, str] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            for scope in _scopes(route.dependant):
                found |= {f"{method} {context.path}": scope for method in route.methods or ()}
    return found


def _scopes(dependant: Dependant) -> Iterator[str]:
    if isinstance(dependant.call, Needs):
        yield dependant.call.scope
    for below in dependant.dependencies:
        yield from _scopes(below)


def describe(found: Schema, scopes: Mapping[str, str], recorded: Mapping[str, Any]) -> None:
    """Complete a description in place. ``recorded``: the examples to show, see :func:`examples`."""
    schemas = found["components"]["schemas"]
    _shorten(found, schemas)
    known = answer_schemas()
    taken = {name: f"{name}Body" for name in schemas if name in known and schemas[name] != known[name]}
    _rename(found, schemas, taken)
    schemas.update(known)
    found["components"]["schemas"] = dict(sorted(schemas.items()))
    for path, methods in found["paths"].items():
        for method in METHODS:
            if method in methods:
                place, operation = f"{method.upper()} {path}", methods[method]
                _say(operation, scopes.get(place))
                if place in OPERATIONS:
                    _answers(operation, OPERATIONS[place])
                    _examples(operation, recorded.get(OPERATIONS[place].name, {}))


@cache
def examples() -> Mapping[str, Any]:
    """Return the recorded requests and answers, by operation."""
    loaded: dict[str, Any] = json.loads(EXAMPLES.read_bytes()) if EXAMPLES.exists() else {}
    return loaded


@cache
def answer_schemas() -> Mapping[str, Schema]:
    """Return the schemas of all answers, by name."""
    models = dict.fromkeys(
        model for one in OPERATIONS.values() for model in (*one.answers, one.late, one.chosen) if model is not None
    )
    _, made = models_json_schema([(model, "serialization") for model in models], ref_template=_REF + "{model}")
    schemas: dict[str, Schema] = made["$defs"]
    for node in _nodes(schemas):
        if node.get("default", ...) is None:
            del node["default"]  # FastAPI leaves it out of bodies: one schema for both then
    for name, hidden in _NEED_A_SCOPE.items():
        schemas[name] = {**schemas[name], "required": [one for one in schemas[name]["required"] if one not in hidden]}
    return schemas


def _shorten(found: Schema, schemas: Schema) -> None:
    """Name bodies of the same class name after their module, shortly: ``TicketWritesMove``."""
    names = {}
    for name in schemas:
        *_, module, kind = name.split("__") if "__" in name else ("", name)
        if module:
            names[name] = "".join(part.title() for part in module.removeprefix("routes_").split("_")) + kind
    _rename(found, schemas, names)


def _rename(found: Schema, schemas: Schema, names: Mapping[str, str]) -> None:
    for old, new in names.items():
        schemas[new] = schemas.pop(old)
    for node in _nodes(found):
        old = str(node.get("$ref", "")).removeprefix(_REF)
        if old in names:
            node["$ref"] = _REF + names[old]
        mapping = node.get("mapping")
        if isinstance(mapping, dict):
            node["mapping"] = {
                key: _REF + names.get(to.removeprefix(_REF), to.removeprefix(_REF)) for key, to in mapping.items()
            }


def _nodes(value: Any) -> Iterator[Schema]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _nodes(one)


def _say(operation: Schema, scope: str | None) -> None:
    """Take the summary from the route's first sentence, and name the scope where tools look for it, and people."""
    text = operation.get("description", "")
    first = text.partition(". ")[0].partition("\n\n")[0]
    operation["summary"] = first.replace("\n", " ").removesuffix(".")
    security = operation.setdefault("security", [])
    if scope is not None:
        for way in security:
            way.update({name: [scope] for name in way})
        text += f"\n\nScope: `{scope}`."
    elif security:
        text += "\n\nScope: none; any known caller."
    else:
        text += "\n\nScope: none; open to everybody, or its address or signature is the right."
    operation["description"] = text.strip()


def _answers(operation: Schema, said: Operation) -> None:
    operation["operationId"] = said.name
    answers = operation["responses"]
    granted = next(status for status in answers if status.startswith("2"))
    content: Schema = {}
    models = [*said.answers]
    if said.chosen is not None:
        operation["x-chosen"] = said.chosen.__name__  # for generators: what `fields` makes of the answer
        models.append(said.chosen)
    if said.takes:
        bytes_ = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {media: dict(bytes_) for media in said.takes}}
    if models:
        content[JSON] = {"schema": _any_of(model.__name__ for model in models)}
    for media in said.media:
        content[media] = {"schema": {"type": "string", **({} if media.startswith("text/") else {"format": "binary"})}}
    # A write that finds nothing to do is 200 even where one that does something is 201.
    for status in {granted, "200"} if said.late in said.answers and granted == "201" else {granted}:
        answers.setdefault(status, {"description": "It was so already."})
        if content:
            answers[status]["content"] = content
        else:
            answers[status].pop("content", None)
    if said.late is not None and granted != "202":
        late = {JSON: {"schema": _any_of([said.late.__name__])}}
        answers["202"] = {"description": "On the log; its outcome is not known yet. Follow the link.", "content": late}


def _any_of(names: Iterable[str]) -> Schema:
    refs = [{"$ref": _REF + name} for name in names]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}


def _examples(operation: Schema, recorded: Mapping[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in recorded.get("parameters", {}):
            parameter["example"] = recorded["parameters"][parameter["name"]]
    for media, example in recorded.get("request", {}).items():
        operation.get("requestBody", {}).get("content", {}).setdefault(media, {})["example"] = example
    for status, answer in recorded.get("answers", {}).items():
        for media, example in answer.items():
            content = operation["responses"].setdefault(status, {}).setdefault("content", {})
            content.setdefault(media, {})["example"] = example
