"""Claude over Anthropic's Messages API.

The SDK is imported when the object is made, never with the module: it costs seconds of CPU and 85 MB.
The answer's schema goes out as ``output_config.format`` and is checked here, not by the SDK's ``output_format``: the
SDK parses when a text block ends, before the stop reason is known, so a truncated answer would look like a broken one.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from connectors.errors import ConnectorError, Misconfigured
from connectors.llm.claude_errors import BrokenStream, check_stop, translated
from connectors.llm.claude_stream import Turn
from connectors.llm.claude_words import asked_for, looked_up, question, system_blocks, tokens_of, tool_blocks
from connectors.llm.models import DEFAULT_MODEL, Effort
from connectors.llm.port import (
    Desk,
    DiagnosisRequest,
    DiagnosisSuggestion,
    Estimate,
    PartialSuggestion,
    Refused,
    Suggestion,
    Truncated,
    Unusable,
    Usage,
)
from connectors.llm.prices import budget_price
from schemas.models import ModelOutcome

if TYPE_CHECKING:
    import httpx2
    from anthropic.types import Message


@dataclass(frozen=True, slots=True)
class ClaudeSettings:
    """How to reach the model and how much to ask of it.

    ``effort`` is the depth of thought. ``request_retries`` are the SDK's own, with back-off; ``stream_retries`` counts
    new starts after a stream broke in the middle, which the SDK never repeats. ``max_input_tokens`` bounds the prompt:
    photographs are left out until it fits. ``look_ups`` is how many turns may go to tools.
    """

    api_key: str
    model: str = DEFAULT_MODEL
    base_url: str | None = None
    effort: Effort = "medium"
    max_tokens: int = 8_000
    max_input_tokens: int = 40_000
    look_ups: int = 3
    timeout_s: float = 60.0
    request_retries: int = 2
    stream_retries: int = 1


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that a key may use, as the service lists it."""

    id: str
    lifecycle: str
    retires_at: datetime | None


@dataclass(slots=True)
class _Talk:
    """One conversation: its turns so far, what they used, and the size of the next prompt."""

    request: DiagnosisRequest
    desk: Desk
    turns: list[dict[str, Any]]
    prompt_tokens: int = 0
    looked: int = 0
    repaired: bool = False
    spent: list[Usage] = field(default_factory=list)

    def say(self, content: Any, role: str = "user") -> None:
        self.turns.append({"role": role, "content": content})
        self.prompt_tokens += tokens_of(str(content))


class Claude:
    """A ``LanguageModel`` on Claude. Close it when done."""

    def __init__(
        self,
        settings: ClaudeSettings,
        http_client: "httpx2.AsyncClient | None" = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not settings.api_key:
            raise Misconfigured("no API key for Claude; set NOIZYLAB_ANTHROPIC_API_KEY, or run without a model")
        import anthropic
        import httpx2

        self._settings = settings
        self._sleep = sleep
        self._sdk = anthropic
        self._errors = (anthropic.APIError, httpx2.HTTPError)
        self._client = anthropic.AsyncAnthropic(
            api_key=settings.api_key,
            base_url=settings.base_url,
            timeout=settings.timeout_s,
            max_retries=settings.request_retries,
            http_client=http_client,
        )
        self._schema = anthropic.transform_schema(Suggestion)

    @property
    def name(self) -> str:
        """Return the model's id."""
        return self._settings.model

    async def close(self) -> None:
        """Release the connections."""
        await self._client.close()

    async def listed(self) -> tuple[Listed, ...]:
        """Return the models that the key may use, newest first.

        Raises:
            Transient, Misconfigured, Permanent: as the port says.
        """
        try:
            return tuple(
                [Listed(one.id, one.lifecycle, one.retires_at) async for one in self._client.models.list(limit=100)]
            )
        except self._errors as error:
            raise translated(self._sdk, self.name, error) from error

    async def suggest(self, request: DiagnosisRequest, desk: Desk | None = None) -> DiagnosisSuggestion:
        """Ask the model; it may look things up, and an answer that breaks the schema gets one repair turn.

        Raises:
            Transient, Misconfigured, Refused, Truncated, Unusable, OverBudget, Permanent: as the port says.
        """
        desk = desk or Desk()
        desk.tell(PartialSuggestion("reading"))
        talk = await self._opened(request, desk)
        while True:
            turn = await self._turn(talk)
            message = turn.message
            # The whole turn goes back unchanged: thinking blocks are bound to their conversation.
            said = message.to_param()["content"]
            if message.stop_reason == "tool_use":
                await self._settle(talk, turn, "looked_up")
                if talk.looked >= self._settings.look_ups:
                    raise Unusable(f"{self.name} went on looking things up after {talk.looked} turns of it")
                talk.say(said, "assistant")
                talk.say(self._look_up(talk, message))
                continue
            try:
                suggestion = Suggestion.model_validate_json(_text(message))
            except ValidationError as broken:
                await self._settle(talk, turn, "invalid")
                if talk.repaired:
                    raise Unusable(f"{self.name} broke the answer's schema twice: {_errors(broken)}") from broken
                talk.repaired = True
                talk.say(said, "assistant")
                talk.say(f"Your answer breaks its schema: {_errors(broken)}. Send the whole corrected answer.")
            else:
                await self._settle(talk, turn, "answered")
                return DiagnosisSuggestion(suggestion=suggestion, usage=_summed(talk.spent))

    async def _opened(self, request: DiagnosisRequest, desk: Desk) -> _Talk:
        """Return the conversation, counted before anything is sent; photographs are left out until it fits."""
        most = self._settings.max_input_tokens
        while True:
            talk = _Talk(request, desk, [{"role": "user", "content": question(request)}])
            talk.prompt_tokens = await self._counted(talk)
            if talk.prompt_tokens <= most:
                return talk
            if not request.photos:
                raise Truncated(
                    f"the case takes {talk.prompt_tokens} tokens, {most} are allowed; raise "
                    "NOIZYLAB_CLAUDE_INPUT_TOKENS, or make the complaint shorter"
                )
            # Half of them at a time: counting costs a request each.
            request = request.model_copy(update={"photos": request.photos[: len(request.photos) // 2]})

    async def _counted(self, talk: _Talk) -> int:
        options = {name: value for name, value in self._options(talk).items() if name not in {"max_tokens", "metadata"}}
        try:
            return (await self._client.messages.count_tokens(**options)).input_tokens
        except self._errors as error:
            raise translated(self._sdk, self.name, error) from error

    async def _turn(self, talk: _Talk) -> Turn:
        """Return a complete turn, starting again when the stream broke in the middle."""
        for attempt in range(self._settings.stream_retries + 1):
            try:
                return await self._paid_turn(talk)
            except BrokenStream:
                if attempt == self._settings.stream_retries:
                    raise
                # Jitter keeps several workers from coming back in step.
                await self._sleep((0.5 + random.random()) * 2**attempt)  # noqa: S311  no secret depends on it
        raise AssertionError("the last attempt returns or raises")

    async def _paid_turn(self, talk: _Talk) -> Turn:
        """Return a turn whose money is held and not settled yet; one that fails is settled here."""
        most = budget_price(self.name).most_cents(talk.prompt_tokens, self._settings.max_tokens)
        await talk.desk.purse.hold(Estimate(self.name, talk.prompt_tokens, most))
        turn = Turn(self.name, talk.desk.tell)
        outcome: ModelOutcome = "interrupted"
        try:
            await turn.run(self._client.messages.stream(**self._options(talk)))
            check_stop(turn.message)
        except self._errors as error:
            outcome = "failed"
            raise translated(self._sdk, self.name, error) from error
        except ConnectorError as error:
            outcome = "refused" if isinstance(error, Refused) else "failed"
            outcome = "truncated" if isinstance(error, Truncated) else outcome
            raise
        else:
            outcome = "answered"
        finally:
            if outcome != "answered":
                await self._settle(talk, turn, outcome)
        return turn

    async def _settle(self, talk: _Talk, turn: Turn, outcome: ModelOutcome) -> None:
        usage = turn.usage()
        talk.spent.append(usage)
        read = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        talk.prompt_tokens = max(talk.prompt_tokens, read)
        await talk.desk.purse.settle(usage, outcome)

    def _look_up(self, talk: _Talk, message: "Message") -> list[dict[str, Any]]:
        talk.looked += 1
        results = []
        for block in message.content:
            if block.type == "tool_use":
                talk.desk.tell(PartialSuggestion("looking_up", looking_up=asked_for(block.name, block.input)))
                results.append(looked_up(talk.desk.tools, block.id, block.name, block.input))
        return results

    def _options(self, talk: _Talk) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "model": settings.model,
            "max_tokens": settings.max_tokens,
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"effort": settings.effort, "format": {"type": "json_schema", "schema": self._schema}},
            "system": system_blocks(talk.request),
            "messages": talk.turns,
        }
        if talk.request.opaque_user:
            options["metadata"] = {"user_id": talk.request.opaque_user}
        if talk.desk.tools:
            options["tools"] = tool_blocks(talk.desk.tools)
            # Forcing a tool is refused by these models; forbidding one is not, and ends the looking up.
            options["tool_choice"] = {"type": "auto" if talk.looked < settings.look_ups else "none"}
        return options


def _text(message: "Message") -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _errors(broken: ValidationError) -> str:
    listed = [
        f"{'.'.join(str(part) for part in one['loc']) or 'answer'}: {one['msg']}"
        for one in broken.errors(include_url=False, include_input=False)[:8]
    ]
    return "; ".join(listed)


def _summed(spent: list[Usage]) -> Usage:
    """Return what all turns used together, under the id of the last."""
    costs = [one.cost_cents for one in spent]
    return Usage(
        model=spent[-1].model,
        request_id=spent[-1].request_id,
        turns=len(spent),
        input_tokens=sum(one.input_tokens for one in spent),
        output_tokens=sum(one.output_tokens for one in spent),
        cache_read_tokens=sum(one.cache_read_tokens for one in spent),
        cache_write_tokens=sum(one.cache_write_tokens for one in spent),
        cost_cents=None if None in costs else sum(cost for cost in costs if cost is not None),
        estimated=any(one.estimated for one in spent),
    )
