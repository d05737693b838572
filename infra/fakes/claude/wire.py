"""A turn as the events of Anthropic's stream, in the order in which the service sends them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from infra.fakes.claude.script import Answer, Pace

_PIECE = 16
_TOKENS_A_PIECE = 4
"""Sixteen characters are about four tokens of English or JSON."""


class Cut(Exception):
    """Ends the response without its end, as a connection does that goes away."""


class _Speaker:
    """Keeps the service's pace by the clock: a machine that is busy makes no service slower than it is."""

    def __init__(self, pace: Pace) -> None:
        self._pace, self._due = pace, 0.0

    def begin(self) -> None:
        """Begin to count."""
        self._due = asyncio.get_running_loop().time()

    async def spoken(self, event: dict[str, Any]) -> None:
        """Return when the model has written what an event carries."""
        if event["type"] == "content_block_delta":
            self._due += _TOKENS_A_PIECE / self._pace.tokens_per_s
            await asyncio.sleep(max(0.0, self._due - asyncio.get_running_loop().time()))


async def events(turn: Answer, number: int, model: str) -> AsyncIterator[str]:
    """Yield the turn as server-sent events.

    Raises:
        Cut: where the script cuts the connection.
    """
    speaker = _Speaker(turn.pace)
    await asyncio.sleep(turn.pace.first_event_s)
    speaker.begin()
    yield _sse({"type": "message_start", "message": _empty_message(turn, number, model)})
    yield _sse({"type": "ping"})
    for event in _thinking(turn.thinking):
        await speaker.spoken(event)
        yield _sse(event)
    index = 1
    if turn.text or not turn.tools:
        async for piece in _text(turn, index, speaker):
            yield piece
        if turn.break_after is not None:
            return
        if turn.end_after is not None:
            return
        index += 1
    for place, call in enumerate(turn.tools):
        for event in _tool(index + place, f"toolu_{number}_{place}", call.name, json.dumps(dict(call.input))):
            await speaker.spoken(event)
            yield _sse(event)
    delta: dict[str, Any] = {"stop_reason": turn.stop_reason, "stop_sequence": None}
    if turn.stop_details:
        delta["stop_details"] = turn.stop_details
    yield _sse({"type": "message_delta", "delta": delta, "usage": {"output_tokens": turn.output_tokens}})
    yield _sse({"type": "message_stop"})


async def _text(turn: Answer, index: int, speaker: _Speaker) -> AsyncIterator[str]:
    yield _sse(_start(index, {"type": "text", "text": ""}))
    for count, piece in enumerate(_pieces(turn.text)):
        if turn.break_after is not None and count >= turn.break_after:
            yield _sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
            return
        if turn.cut_after is not None and count >= turn.cut_after:
            raise Cut
        if turn.end_after is not None and count >= turn.end_after:
            return
        event = _delta(index, {"type": "text_delta", "text": piece})
        await speaker.spoken(event)
        yield _sse(event)
    yield _sse({"type": "content_block_stop", "index": index})


def _thinking(text: str) -> Iterator[dict[str, Any]]:
    yield _start(0, {"type": "thinking", "thinking": "", "signature": ""})
    for piece in _pieces(text):
        yield _delta(0, {"type": "thinking_delta", "thinking": piece})
    yield _delta(0, {"type": "signature_delta", "signature": "c2ln"})
    yield {"type": "content_block_stop", "index": 0}


def _tool(index: int, call_id: str, name: str, given: str) -> Iterator[dict[str, Any]]:
    yield _start(index, {"type": "tool_use", "id": call_id, "name": name, "input": {}})
    for piece in _pieces(given):
        yield _delta(index, {"type": "input_json_delta", "partial_json": piece})
    yield {"type": "content_block_stop", "index": index}


def _empty_message(turn: Answer, number: int, model: str) -> dict[str, Any]:
    usage = {
        "input_tokens": turn.input_tokens,
        "output_tokens": 1,
        "cache_creation_input_tokens": turn.stored,
        "cache_read_input_tokens": turn.cached,
        "cache_creation": {"ephemeral_1h_input_tokens": turn.stored, "ephemeral_5m_input_tokens": 0},
    }
    return {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def _start(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE):
        yield text[start : start + _PIECE]


def _sse(event: dict[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
