"""Errors as problem+json (RFC 9457): what is wrong, where, and what to do."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from connectors.blobs.port import BlobMissing
from connectors.errors import Misconfigured, Permanent, Transient

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that is wrong. ``field`` is its path with dots, ``device.category`` or ``photos.2``."""

    field: str
    code: str
    detail: str


class Problem(HTTPException):
    """An answer other than success. ``code`` is for programs and stable, ``detail`` for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.code = code
        self.faults = tuple(faults)
        self.extra = extra


def problem_response(problem: Problem, instance: str) -> Response:
    """Return a problem as a response."""
    body: dict[str, Any] = {
        "type": f"urn:noizylab:problem:{problem.code}",
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "code": problem.code,
        "detail": problem.detail,
        "instance": instance,
        **problem.extra,
    }
    if problem.faults:
        body["errors"] = [
            {"field": fault.field, "code": fault.code, "detail": fault.detail} for fault in problem.faults
        ]
    return Response(orjson.dumps(body), problem.status_code, problem.headers, MEDIA_TYPE)


def faults_of(errors: Sequence[Mapping[str, Any]], *, under: str = "") -> tuple[Fault, ...]:
    """Return pydantic's errors as faults. The input itself is left out: it may be long, or private."""
    faults = []
    for error in errors:
        path = ".".join(str(part) for part in error["loc"])
        field = ".".join(filter(None, (under, path))) or "body"
        faults.append(Fault(field, str(error["type"]), str(error["msg"]).removeprefix("Value error, ")))
    return tuple(faults)


def invalid(faults: Sequence[Fault]) -> Problem:
    """Return the problem of data that does not fit its schema; its detail names the first fault."""
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Problem(422, "validation", f"{first.field}: {first.detail}{more}", faults=faults)


def invalid_model(error: ValidationError, *, under: str = "") -> Problem:
    """Return the problem of a pydantic model that refused its data."""
    return invalid(faults_of(error.errors(include_url=False, include_input=False), under=under))


def away(detail: str) -> Problem:
    """Return the problem of something behind the edge that is not there now."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def _place(request: Request) -> str:
    """Return the path for the log. That of a customer's link, or of a stored object, is a key, so it is cut."""
    path = request.url.path
    for keys in ("/a/", "/p/", "/blobs/"):
        if path.startswith(keys):
            return f"{keys}..."
    return path


_CODES = {
    400: "malformed", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    413: "too_large", 415: "unsupported_media_type",
}  # fmt: skip


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with problem+json."""

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if isinstance(error, Problem):
            return problem_response(error, request.url.path)
        detail = str(error.detail)
        if error.status_code == 404 and detail == "Not Found":
            detail = f"there is nothing at {request.url.path}; /v1/openapi.json lists what there is"
        code = _CODES.get(error.status_code, "error")
        return problem_response(Problem(error.status_code, code, detail, headers=error.headers), request.url.path)

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        faults = faults_of([{**one, "loc": one["loc"][1:]} for one in error.errors()])
        return problem_response(invalid(faults), request.url.path)

    @app.exception_handler(Transient)
    async def transient(request: Request, error: Transient) -> Response:
        log.warning("%s %s: %s", request.method, _place(request), error)
        return problem_response(away("something behind the edge does not answer; try again shortly"), request.url.path)

    @app.exception_handler(Misconfigured)
    async def misconfigured(request: Request, error: Misconfigured) -> Response:
        log.error("%s %s: %s", request.method, _place(request), error)
        return problem_response(away("a setting of this server is wrong; its log says which"), request.url.path)

    @app.exception_handler(BlobMissing)
    async def missing(request: Request, error: BlobMissing) -> Response:
        log.warning("%s %s: %s", request.method, _place(request), error)
        detail = "the stored file is gone; it was removed after its time, or by request"
        return problem_response(Problem(404, "not_found", detail), request.url.path)

    @app.exception_handler(Permanent)
    async def permanent(request: Request, error: Permanent) -> Response:
        log.error("%s %s: %s", request.method, _place(request), error)
        detail = "what is stored for this request is damaged; the server's log says what"
        return problem_response(Problem(500, "damaged", detail), request.url.path)

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        log.error("%s %s", request.method, _place(request), exc_info=error)
        detail = "an error of this server; its log has the details, repeating the request is safe"
        return problem_response(Problem(500, "internal", detail), request.url.path)
