"""What both clients share: a call, how it becomes a request, when it is sent again, and how an answer is read."""

import json
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter

from connectors.client.problems import problem_of

KEY: Final = "Idempotency-Key"
AGAIN: Final = frozenset({429, 503})
LINES: Final = "application/x-ndjson"
EVENTS: Final = "text/event-stream"

File = bytes | tuple[str, bytes, str]
"""A file to send: its bytes, or name, bytes and media type."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is sent again, and for how long in all; seconds.

    Only reads, and writes with an Idempotency-Key, are sent again: on 429 and 503 after the time that the gateway
    names, on a broken connection after ``first_wait_s``, doubled each time.
    """

    attempts: int = 4
    first_wait_s: float = 0.2
    total_wait_s: float = 30.0


@dataclass(slots=True)
class Call:
    """One call of an operation. ``keyed``: it takes an Idempotency-Key; one is made when none is given."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: BaseModel | None = None
    content: bytes | None = None
    media_type: str | None = None
    form: Mapping[str, Any] | None = None
    accept: str | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    keyed: bool = False
    idempotency_key: str | None = None

    def request_of(self) -> dict[str, Any]:
        """Return the request as keywords of ``httpx``; the same each time, its key as well."""
        headers = {name: value for name, value in self.headers.items() if value is not None}
        if self.accept is not None:
            headers["Accept"] = self.accept
        if self.keyed:
            headers[KEY] = self.idempotency_key = self.idempotency_key or secrets.token_urlsafe(24)
        request: dict[str, Any] = {"method": self.method, "url": self.path, "params": _plain(self.query)}
        if self.body is not None:
            request["content"] = self.body.model_dump_json(exclude_unset=True).encode()
            headers["Content-Type"] = "application/json"
        elif self.content is not None:
            request["content"] = self.content
            headers["Content-Type"] = self.media_type or "application/octet-stream"
        elif self.form is not None:
            request["data"], request["files"] = _parts(self.form)
        return {**request, "headers": headers}

    @property
    def may_repeat(self) -> bool:
        """Whether sending it twice does nothing twice."""
        return self.method == "GET" or self.keyed


def place(path: str, **names: object) -> str:
    """Return a path with its places filled; what is put in stays one segment."""
    return path.format(**{name: quote(str(value), safe="") for name, value in names.items()})


def _plain(query: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given; lists are repeated, moments are ISO 8601."""
    said = {name: _said(value) for name, value in query.items() if value is not None}
    return {name: value for name, value in said.items() if value != []}


def _said(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_said(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _parts(form: Mapping[str, Any]) -> tuple[dict[str, str], list[tuple[str, Any]]]:
    """Return the fields and the files of a form. JSON parts are models or dictionaries."""
    data: dict[str, str] = {}
    files: list[tuple[str, Any]] = []
    for name, value in form.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, bytes | tuple):
                files.append((name, one if isinstance(one, tuple) else (name, one, "application/octet-stream")))
            elif one is not None:
                data[name] = _text(one)
    return data, files


def _text(value: Any) -> str:
    if isinstance(value, BaseModel):
        return value.model_dump_json(exclude_unset=True)
    return json.dumps(value) if isinstance(value, Mapping) else str(value)


class Tries:
    """Counts the attempts of one call, and says how long to wait before the next."""

    def __init__(self, call: Call, patience: Patience) -> None:
        self._call, self._patience = call, patience
        self._made, self._waited_s = 0, 0.0

    def wait_s(self, response: httpx.Response | None) -> float | None:
        """Return the seconds to wait before the next attempt; None: there is none. ``response`` None: no answer."""
        self._made += 1
        if not self._call.may_repeat or self._made >= self._patience.attempts:
            return None
        named = ""
        if response is not None:
            named = response.headers.get("retry-after", "")
            # 409 with Retry-After: the same key is at work, which happens when the first attempt was cut off.
            if response.status_code not in AGAIN and not (response.status_code == 409 and named):
                return None
        wait_s = float(named) if named.isdecimal() else self._patience.first_wait_s * 2 ** (self._made - 1)
        self._waited_s += wait_s
        return wait_s if self._waited_s <= self._patience.total_wait_s else None


@dataclass(slots=True)
class Remembered:
    """Answers with an entity tag, so that what did not change is not sent again. The newest ``most`` are kept."""

    most: int = 256
    _kept: "OrderedDict[str, tuple[str, bytes]]" = field(default_factory=OrderedDict)

    def ask(self, request: httpx.Request) -> None:
        """Say what we have of it."""
        kept = self._kept.get(self._name(request))
        if kept is not None:
            request.headers["If-None-Match"] = kept[0]

    def body(self, response: httpx.Response) -> bytes:
        """Return what an answer says: its body, or for 304 the one we have."""
        name = self._name(response.request)
        if response.status_code == httpx.codes.NOT_MODIFIED and name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name][1]
        etag = response.headers.get("etag")
        if response.request.method == "GET" and etag is not None and self.most > 0:
            self._kept[name] = (etag, response.content)
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return response.content

    def _name(self, request: httpx.Request) -> str:
        return f"{request.url} {request.headers.get('accept', '')}"


@cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(kind: Any, body: bytes) -> Any:
    """Return an answer as its model; None for an empty one. Fields that are not known here are ignored."""
    return _reader(kind).validate_json(body) if body else None


def check(response: httpx.Response) -> None:
    """Raise what an answer refuses; its body has been read."""
    if not response.is_success and response.status_code != httpx.codes.NOT_MODIFIED:
        raise problem_of(response.status_code, response.content, response.headers.get("retry-after", ""))


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event; ``id`` resumes the stream after it (``last_event_id``)."""

    id: str
    event: str
    data: Any


@dataclass(slots=True)
class EventReader:
    """Puts the lines of a stream together (WHATWG HTML, section 9.2.6)."""

    _id: str = ""
    _event: str = ""
    _data: list[str] = field(default_factory=list)

    def take(self, line: str) -> Iterator[ServerEvent]:
        """Yield the event that a line ends."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and self._data:
            yield ServerEvent(self._id, self._event or "message", json.loads("\n".join(self._data)))
        if not line:
            self._event, self._data = "", []
        elif name == "id":
            self._id = value
        elif name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
