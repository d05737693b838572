"""What the gateway refuses, as exceptions: one kind a status, with everything the answer said (RFC 9457)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from connectors.errors import ConnectorError, Permanent, Transient

_KNOWN: Final = frozenset({"type", "title", "status", "code", "detail", "instance", "errors"})


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field that is wrong; ``field`` is its path with dots."""

    field: str
    code: str
    detail: str


class ApiProblem(ConnectorError):
    """An answer other than success. ``code`` is for programs and stable; ``detail`` says what to do.

    ``extra``: what else was said, ``guard`` or ``scope`` for instance. ``retry_after_s``: when to come again.
    """

    def __init__(
        self, status: int, code: str, detail: str, *, faults: tuple[FieldFault, ...] = (),
        extra: Mapping[str, Any] | None = None, retry_after_s: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(f"the gateway says {status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = faults
        self.extra = dict(extra or {})
        self.retry_after_s = retry_after_s


class Unauthorized(ApiProblem, Permanent):
    """401: no good key, token or signature."""


class Forbidden(ApiProblem, Permanent):
    """403: the caller may not do this; ``extra["scope"]`` is what is missing."""


class NotFound(ApiProblem, Permanent):
    """404: there is no such thing, or it belongs to another workspace."""


class Conflict(ApiProblem, Permanent):
    """409: it does not fit how things are; for tickets ``extra["guard"]`` says which rule."""


class Gone(ApiProblem, Permanent):
    """410: it was good once and is not any more."""


class Invalid(ApiProblem, Permanent):
    """400, 413, 415 or 422: the request does not fit; ``faults`` names each field."""


class RateLimited(ApiProblem, Transient):
    """429: too many requests, and the patience of the client is used up."""


class Unavailable(ApiProblem, Transient):
    """5xx or 408: something is away; repeating is safe with the same Idempotency-Key."""


class NoAnswer(Transient):
    """No gateway answered: it is not there, or the connection broke."""


_KINDS: Final[Mapping[int, type[ApiProblem]]] = {
    400: Invalid, 401: Unauthorized, 403: Forbidden, 404: NotFound, 408: Unavailable, 409: Conflict, 410: Gone,
    413: Invalid, 415: Invalid, 422: Invalid, 429: RateLimited,
}  # fmt: skip


def problem_of(status: int, body: bytes, retry_after: str = "") -> ApiProblem:
    """Return the exception for an answer; a body that is no problem+json is quoted."""
    kind = _KINDS.get(status, Unavailable if status >= 500 else ApiProblem)
    try:
        said = json.loads(body)
        code, detail = said["code"], said["detail"]
    except (ValueError, TypeError, KeyError):
        said, code = {}, "error"
        detail = body[:300].decode(errors="replace") or HTTPStatus(status).phrase
    faults = tuple(FieldFault(one["field"], one["code"], one["detail"]) for one in said.get("errors", ()))
    extra = {name: value for name, value in said.items() if name not in _KNOWN}
    wait_s = float(retry_after) if retry_after.isdecimal() else None
    return kind(status, code, detail, faults=faults, extra=extra, retry_after_s=wait_s)
