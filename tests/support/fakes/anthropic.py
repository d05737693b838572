"""Anthropic's Messages API as an in-process ASGI app: streams server-sent events, fails by script.

Every request body is kept, and checked against the vendor's published request schema where the sample files are
present (``NOIZYLAB_SAMPLES``).
"""

import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

VERSION = "2026-10-21"


@dataclass(frozen=True)
class Answer:
    """A turn that streams ``text``; ``break_after`` sends an error event after that many text deltas."""

    text: str
    stop_reason: str = "end_turn"
    stop_details: dict[str, Any] | None = None
    break_after: int | None = None
    input_tokens: int = 1_000
    output_tokens: int = 400


@dataclass(frozen=True)
class Failure:
    """A response with an error status. The retry header keeps the client's back-off at a millisecond."""

    status: int
    kind: str
    message: str = "scripted"


def suggestion(**changes: Any) -> str:
    """Return a valid answer as JSON text."""
    answer = {
        "summary": "The battery is worn out.",
        "faults": [
            {"family": "battery", "probability": 0.8, "evidence": ["lasts an hour"]},
            {"family": "power", "probability": 0.1, "evidence": []},
        ],
        "measurement": {
            "what": "Cell voltage under load",
            "where": "J6 pin 1",
            "expected": "3.6 V",
            "why": "tells cell from charger",
            "minutes": 5,
        },
        "hazards": ["Do not puncture the cells."],
    }
    return json.dumps(answer | changes)


@dataclass
class FakeAnthropic:
    """Plays ``script`` one entry a request; ``requests`` are the bodies that came in."""

    script: list[Answer | Failure]
    model: str = "claude-opus-5-5"
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        """Return the ASGI app."""
        return Starlette(routes=[Route("/v1/messages", self._messages, methods=["POST"])])

    async def _messages(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer key" and request.headers.get("x-api-key") != "key":
            return _error(Failure(401, "authentication_error", "invalid key"))
        if request.headers.get("anthropic-version") != VERSION:
            return _error(Failure(400, "invalid_request_error", "anthropic-version"))
        body = await request.json()
        self.requests.append(body)
        problem = request_problem(body)
        if problem:
            return _error(Failure(400, "invalid_request_error", problem))
        turn = self.script[len(self.requests) - 1]
        if isinstance(turn, Failure):
            return _error(turn)
        number = len(self.requests)
        return StreamingResponse(
            self._events(turn, number), media_type="text/event-stream", headers={"request-id": f"req_{number}"}
        )

    async def _events(self, turn: Answer, number: int) -> AsyncIterator[str]:
        usage = {
            "input_tokens": turn.input_tokens,
            "output_tokens": 1,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        }
        message = {
            "id": f"msg_{number}", "type": "message", "role": "assistant", "model": self.model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage,
        }  # fmt: skip
        yield _sse({"type": "message_start", "message": message})
        yield _sse({"type": "ping"})
        yield _sse(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "thinking", "thinking": "", "signature": ""},
            }
        )
        yield _sse({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}})
        yield _sse(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}}
        )
        yield _sse({"type": "content_block_stop", "index": 0})
        yield _sse({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}})
        for count, piece in enumerate(_pieces(turn.text)):
            if turn.break_after is not None and count >= turn.break_after:
                yield _sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
                return
            yield _sse({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": piece}})
        yield _sse({"type": "content_block_stop", "index": 1})
        delta = {"stop_reason": turn.stop_reason, "stop_sequence": None}
        if turn.stop_details:
            delta["stop_details"] = turn.stop_details  # type: ignore[assignment]
        yield _sse({"type": "message_delta", "delta": delta, "usage": {"output_tokens": turn.output_tokens}})
        yield _sse({"type": "message_stop"})


def request_problem(body: dict[str, Any]) -> str | None:
    """Return what the live service would refuse, or None: its schema, and rules that no schema states."""
    if body.get("thinking", {}).get("type") != "adaptive":
        return "thinking: this model thinks adaptively"
    if {"temperature", "top_p", "top_k"} & body.keys():
        return "sampling parameters are not supported by this model"
    if [turn["role"] for turn in body["messages"]][:1] != ["user"]:
        return "messages: first message must use the user role"
    validator = request_validator()
    if validator is None:
        return None
    error = jsonschema.exceptions.best_match(validator.iter_errors(body))
    return f"{error.json_path}: {error.message[:300]}" if error else None


def request_validator() -> jsonschema.Draft202012Validator | None:
    """Return the validator of streaming requests, or None without the sample files."""
    samples = os.environ.get("NOIZYLAB_SAMPLES")
    if not samples:
        return None
    schema = Path(samples) / "api-slices" / "anthropic" / "messages_create_stream.request.schema.json"
    return jsonschema.Draft202012Validator(json.loads(schema.read_text("utf-8"))) if schema.exists() else None


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), 40):
        yield text[start : start + 40]


def _sse(event: dict[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def _error(failure: Failure) -> JSONResponse:
    body = {"type": "error", "error": {"type": failure.kind, "message": failure.message}, "request_id": "req_error"}
    return JSONResponse(body, failure.status, headers={"retry-after-ms": "1"})
