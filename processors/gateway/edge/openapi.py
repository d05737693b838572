"""The API's own description, completed: FastAPI knows what a route returns, not what every route may refuse."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from processors.gateway.edge.problems import MEDIA_TYPE

Schema = dict[str, Any]

PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457. `code` is for programs and stable; `detail` tells people what to do.",
    "required": ["type", "title", "status", "code", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:noizylab:problem:validation"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string", "description": "path with dots, `device.category`"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
REFUSALS: dict[int, tuple[str, str]] = {
    400: ("malformed", "The request cannot be read."),
    401: ("unauthorized", "No good key, token or signature."),
    403: ("missing_scope", "The caller may not do this."),
    404: ("not_found", "There is no such thing, or it belongs to another workspace."),
    408: ("too_slow", "The body came too slowly."),
    409: ("refused", "It does not fit how things are, or a request with the same Idempotency-Key is at work."),
    410: ("gone", "It was good once and is not any more."),
    413: ("too_large", "The body is larger than allowed."),
    415: ("unsupported_media_type", "The body is of a kind that is not taken."),
    422: ("validation", "The data does not fit; `errors` names each field."),
    429: ("rate_limited", "Too many requests; `Retry-After` says when to come again."),
    503: ("unavailable", "Something behind the edge is away, or too much is under way; repeating is safe."),
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of yours: a repetition within 24 hours does nothing and gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
}
NOT_REPEATED = {
    "/v1/tickets/{ticket_id}/passcode/unlock",
    "/v1/tickets/{ticket_id}/passcode/unlocks/{number}/read",
}
"""Each request for a passcode is an entry in its ledger; they refuse the key."""
_METHODS = ("get", "put", "post", "patch", "delete")


def install(app: FastAPI) -> None:
    """Have ``app`` describe itself with everything that its middleware and owners may answer."""

    def described() -> Schema:
        if app.openapi_schema is None:
            # What answers look like is read when somebody asks, not at every start.
            from processors.gateway.edge.api.describe import describe, examples, scopes_of

            found = completed(get_openapi(title=app.title, version=app.version, routes=app.routes))
            describe(found, scopes_of(app), examples())
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # as FastAPI's documentation says


def completed(found: Schema) -> Schema:
    """Return a description with the refusals of each operation added, and the key that makes a write repeatable."""
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    found["components"]["responses"] = {REFUSALS[status][0]: _refusal(status) for status in REFUSALS}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, method, operation in _operations(found):
        answers = operation["responses"]
        # FastAPI describes validation in its own words, which ours are not.
        answers.pop("422", None)
        own = [int(status) for status in answers if int(status) in REFUSALS]
        for status in (*_refusals(path, method, operation), *own):
            answers[str(status)] = {"$ref": f"#/components/responses/{REFUSALS[status][0]}"}
        if method != "get" and path.startswith("/v1/") and operation.get("security") and path not in NOT_REPEATED:
            _take_key(operation)
        if method == "get" and path.startswith("/v1/"):
            answers.setdefault("304", {"description": "What the caller has, by `If-None-Match`, is current."})
    return found


def _operations(found: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in found["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield path, method, methods[method]


def _refusals(path: str, method: str, operation: Schema) -> Iterator[int]:
    """Yield what an operation may refuse with, as a rule; some twice."""
    yield from (400, 413, 422, 429, 503)
    if operation.get("security") or path.startswith(("/v1/auth/", "/hooks/")):
        yield from (401, 403)
    if "{" in path or not path.startswith("/v1/"):
        yield 404
    if method != "get":
        yield from (404, 408, 409, 415)


def _refusal(status: int) -> Schema:
    code, says = REFUSALS[status]
    example: Schema = {
        "type": f"urn:noizylab:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": says,
        "instance": "/v1/tickets/T-0001",
    }
    if status == 422:
        example["errors"] = [{"field": "reason", "code": "missing", "detail": "Field required"}]
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    answer: Schema = {"description": says, "content": content}
    if status in (429, 503):
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return answer


def _take_key(operation: Schema) -> None:
    parameters = operation.setdefault("parameters", [])
    parameters[:] = [one for one in parameters if one.get("name") != IDEMPOTENCY_KEY["name"]]
    parameters.append(IDEMPOTENCY_KEY)
