"""The fake service: routes, what it refuses as the real one does, and a server on the loopback interface.

Every request body is kept. What no schema of the vendor states is checked here: how these models think, that tools
cannot be forced, that pictures come before words.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from connectors.llm.models import CURRENT, DEFAULT_MODEL, ENDS
from infra.fakes.claude.script import Answer, Failure, opinion_on
from infra.fakes.claude.wire import events

VERSION = "2026-10-21"
KEY = "key"
_CHARACTERS_A_TOKEN = 4
_TOKENS_A_PHOTO = 1_600
_WINDOW = 1_000_000
Turn = Answer | Failure


class FakeClaude:
    """Plays ``script`` one entry a request, and answers by itself when there is none or it is at its end.

    ``problem_with`` may refuse more request bodies: tests hold them against the vendor's own schema. ``tokens`` is what
    counting answers; without it the size of the request decides.
    """

    def __init__(
        self,
        script: Sequence[Turn] = (),
        *,
        model: str = DEFAULT_MODEL,
        problem_with: Callable[[dict[str, Any]], str | None] = lambda _: None,
        by_itself: Callable[[Mapping[str, Any]], Turn] | None = opinion_on,
        tokens: Callable[[Mapping[str, Any]], int] | None = None,
    ) -> None:
        self.script = list(script)
        self.model = model
        self.requests: list[dict[str, Any]] = []
        self.counted: list[dict[str, Any]] = []
        self._problem_with = problem_with
        self._by_itself = by_itself
        self._tokens = tokens or _size_of

    @property
    def app(self) -> Starlette:
        """Return the ASGI app."""
        return Starlette(
            routes=[
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count, methods=["POST"]),
                Route("/v1/models", self._models),
            ]
        )

    async def _messages(self, request: Request) -> Response:
        refused = _unwelcome(request)
        if refused is not None:
            return _error(refused)
        body = await request.json()
        self.requests.append(body)
        problem = request_problem(body) or self._problem_with(body)
        if problem:
            return _error(Failure(400, "invalid_request_error", problem))
        number = len(self.requests)
        turn = self._turn(number, body)
        if isinstance(turn, Failure):
            return _error(turn)
        return StreamingResponse(
            events(turn, number, self.model), media_type="text/event-stream", headers={"request-id": f"req_{number}"}
        )

    def _turn(self, number: int, body: Mapping[str, Any]) -> Turn:
        if number <= len(self.script):
            return self.script[number - 1]
        if self._by_itself is None:
            return Failure(500, "api_error", "the script is at its end")
        return self._by_itself(body)

    async def _count(self, request: Request) -> Response:
        refused = _unwelcome(request)
        if refused is not None:
            return _error(refused)
        body = await request.json()
        self.counted.append(body)
        problem = request_problem(body)
        if problem:
            return _error(Failure(400, "invalid_request_error", problem))
        return JSONResponse({"input_tokens": self._tokens(body)})

    async def _models(self, request: Request) -> Response:
        refused = _unwelcome(request)
        if refused is not None:
            return _error(refused)
        listed = [_model_info(name) for name in sorted({*CURRENT, *ENDS, self.model})]
        return JSONResponse(
            {"data": listed, "first_id": listed[0]["id"], "last_id": listed[-1]["id"], "has_more": False}
        )


def request_problem(body: Mapping[str, Any]) -> str | None:
    """Return what the live service would refuse although every schema allows it, or None."""
    if body.get("thinking", {}).get("type") != "adaptive":
        return "thinking: this model thinks adaptively"
    if {"temperature", "top_p", "top_k"} & body.keys():
        return "sampling parameters are not supported by this model"
    if body.get("tool_choice", {}).get("type") in {"any", "tool"}:
        return "tool_choice: this model cannot be forced to use a tool"
    turns = body["messages"]
    if [turn["role"] for turn in turns][:1] != ["user"]:
        return "messages: first message must use the user role"
    return next((problem for turn in turns if (problem := _turn_problem(turn))), None)


def _turn_problem(turn: Mapping[str, Any]) -> str | None:
    content = turn["content"]
    if isinstance(content, str):
        return None
    kinds = [block["type"] for block in content]
    if (
        turn["role"] == "assistant"
        and "thinking" in kinds
        and not all(block.get("signature") for block in content if block["type"] == "thinking")
    ):
        return "messages: a thinking block came back without its signature"
    if "image" in kinds and "text" in kinds and kinds.index("text") < kinds.index("image"):
        return "messages: put images before text"
    return None


def _unwelcome(request: Request) -> Failure | None:
    given = (request.headers.get("authorization"), request.headers.get("x-api-key"))
    if f"Bearer {KEY}" not in given and KEY not in given:
        return Failure(401, "authentication_error", "invalid key")
    if request.headers.get("anthropic-version") != VERSION:
        return Failure(400, "invalid_request_error", "anthropic-version")
    return None


def _size_of(body: Mapping[str, Any]) -> int:
    blocks = [block for turn in body["messages"] if not isinstance(turn["content"], str) for block in turn["content"]]
    photos = [block for block in blocks if block["type"] == "image"]
    held = sum(len(block["source"]["data"]) for block in photos)
    return (len(str(body)) - held) // _CHARACTERS_A_TOKEN + _TOKENS_A_PHOTO * len(photos)


def _model_info(name: str) -> dict[str, Any]:
    ends = ENDS.get(name)
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "deprecated" if ends else "active",
        "retires_at": f"{ends}T00:00:00Z" if ends else None,
        "max_input_tokens": _WINDOW,
        "max_tokens": 128_000,
    }


def _error(failure: Failure) -> JSONResponse:
    body = {"type": "error", "error": {"type": failure.kind, "message": failure.message}, "request_id": "req_error"}
    headers = {} if failure.retry_after_ms is None else {"retry-after-ms": str(failure.retry_after_ms)}
    return JSONResponse(body, failure.status, headers=headers)


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.asynccontextmanager
async def serving(fake: FakeClaude) -> AsyncIterator[str]:
    """Serve on a free port of the loopback interface; yields the address for ``base_url``."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # from here on a client is let in, and waits until the server takes it up
        config = uvicorn.Config(fake.app, log_level="critical", access_log=False, lifespan="off", ws="none")
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
