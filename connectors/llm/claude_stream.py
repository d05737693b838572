"""One turn of Claude's as it streams: what it says so far, and what it has used even when it breaks off."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from connectors.llm.claude_words import partial_of, tokens_of
from connectors.llm.port import PartialSuggestion, Usage
from connectors.llm.prices import PRICES

if TYPE_CHECKING:
    from anthropic.types import Message

TELL_EVERY_S = 0.25
"""A reader takes in no more, and parsing the whole answer at each of its pieces would cost its length squared."""


class Turn:
    """Reads one streamed message. ``message`` is there once :meth:`run` has returned."""

    def __init__(self, model: str, tell: Callable[[PartialSuggestion], None]) -> None:
        self._model = model
        self._tell = tell
        self._message: Message | None = None
        self._request_id: str | None = None
        self._whole = False
        self._written: dict[str, int] = {}
        self._told_at = float("-inf")
        self._told: PartialSuggestion | None = None
        self._thinking = False

    @property
    def message(self) -> "Message":
        """Return the message as far as it came."""
        assert self._message is not None, "a stream without a message ends in an error"
        return self._message

    async def run(self, manager: Any) -> None:
        """Read the stream of the SDK's manager to its end. Errors are the SDK's or its HTTP client's own."""
        async with manager as stream:
            self._request_id = stream.request_id
            async for event in stream:
                self._message = stream.current_message_snapshot
                self._take(event)
            self._message = await stream.get_final_message()
        self._whole = self._message is not None and self._message.stop_reason is not None

    def usage(self) -> Usage:
        """Return what was used so far. Of a turn that broke off, the tokens written are guessed from its characters."""
        if self._message is None:
            return Usage(
                model=self._model, request_id=self._request_id, turns=1, input_tokens=0, output_tokens=0, cost_cents=0
            )
        used = self._message.usage
        written = used.output_tokens
        if not self._whole:
            written = max(written, sum(self._written.values()))
        return _usage(self._model, self._message, self._request_id, written, estimated=not self._whole)

    def _take(self, event: Any) -> None:
        if event.type == "content_block_delta":
            delta = event.delta
            text = getattr(delta, "text", "") or getattr(delta, "thinking", "") or getattr(delta, "partial_json", "")
            self._written[delta.type] = self._written.get(delta.type, 0) + tokens_of(text)
            if delta.type == "thinking_delta" and not self._thinking:
                self._thinking = True
                self._tell(PartialSuggestion("thinking"))
        elif event.type == "text":
            now = asyncio.get_running_loop().time()
            if now - self._told_at >= TELL_EVERY_S:
                self._told_at = now
                self._tell_of(event.snapshot)
        elif event.type == "content_block_stop" and event.content_block.type == "text":
            self._tell_of(event.content_block.text)

    def _tell_of(self, text: str) -> None:
        partial = partial_of(text)
        if partial is not None and partial != self._told:
            self._told = partial
            self._tell(partial)


def _usage(model: str, message: "Message", request_id: str | None, written: int, *, estimated: bool) -> Usage:
    used = message.usage
    stored = used.cache_creation_input_tokens or 0
    hourly = used.cache_creation.ephemeral_1h_input_tokens if used.cache_creation else 0
    read = used.cache_read_input_tokens or 0
    price = PRICES.get(message.model) or PRICES.get(model)
    return Usage(
        model=message.model,
        request_id=request_id,
        turns=1,
        input_tokens=used.input_tokens,
        output_tokens=written,
        cache_read_tokens=read,
        cache_write_tokens=stored,
        cost_cents=price.cents(used.input_tokens, written, stored - hourly, read, hourly) if price else None,
        estimated=estimated,
    )
