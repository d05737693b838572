"""The fake of Anthropic's service, read by the vendor's own client at its strictest."""

import asyncio
import json
from typing import Any

import anthropic
import httpx2
import pytest

from infra.fakes.claude.script import Answer, Failure, ToolCall, opinion_on, suggestion
from infra.fakes.claude.service import FakeClaude, serving
from infra.fakes.claude.wire import events
from tests.support.fakes.anthropic import request_problem, schema

ASK: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 100,
    "thinking": {"type": "adaptive"},
    "messages": [{"role": "user", "content": "battery: Battery (0.700)\npower: Power (0.200)"}],
}
TOOL = {"name": "known_faults", "input_schema": {"type": "object"}}


async def _final(manager: Any) -> Any:
    async with manager as stream:
        return await stream.get_final_message()


TURNS = [
    Answer(suggestion()),
    Answer("x", stop_reason="max_tokens"),
    Answer("x", stop_reason="model_context_window_exceeded"),
    Answer("", stop_reason="refusal", stop_details={"type": "refusal", "category": "cyber", "explanation": None}),
    Answer(tools=(ToolCall("known_faults", {"family": "battery"}), ToolCall("look", {})), stop_reason="tool_use"),
    Answer("So.", tools=(ToolCall("known_faults", {}),), stop_reason="tool_use", cached=10, stored=20),
]


def strict(fake: FakeClaude) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        api_key="key",
        base_url="http://claude.test",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(app=fake.app)),
        _strict_response_validation=True,
    )


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.stop_reason)
async def test_speaks_the_protocol_that_the_strict_client_reads(turn: Answer) -> None:
    async with strict(FakeClaude([turn])) as client, client.messages.stream(**ASK) as stream:
        message = await stream.get_final_message()
    assert message.stop_reason == turn.stop_reason
    assert [block.type for block in message.content if block.type == "tool_use"] == ["tool_use"] * len(turn.tools)
    assert message.usage.cache_read_input_tokens == turn.cached


async def test_a_wrong_fake_would_be_found_out() -> None:
    async with strict(FakeClaude([Answer("x", stop_reason="tired")])) as client:
        stream = client.messages.stream(**ASK)
        with pytest.raises(anthropic.APIResponseValidationError):
            await _final(stream)


async def test_counts_and_lists_as_the_strict_client_reads_it() -> None:
    async with strict(FakeClaude()) as client:
        counted = await client.messages.count_tokens(**{k: v for k, v in ASK.items() if k != "max_tokens"})
        listed = [model.id async for model in client.models.list()]
    assert counted.input_tokens > 0
    assert "claude-opus-5-5" in listed


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.stop_reason)
async def test_every_event_keeps_the_vendors_schema(turn: Answer) -> None:
    validator = schema("stream_event")
    if validator is None:
        pytest.skip("NOIZYLAB_SAMPLES is not set, or holds no api-slices/anthropic")
    async for event in events(turn, 1, "claude-opus-5-5"):
        data = json.loads(event.split("data: ", 1)[1])
        if data["type"] == "ping":
            continue  # sent to keep the connection open; no schema names it
        assert [error.message for error in validator.iter_errors(data)] == [], data


async def test_refuses_what_the_vendors_schema_refuses() -> None:
    if schema("messages_create_stream.request") is None:
        pytest.skip("NOIZYLAB_SAMPLES is not set, or holds no api-slices/anthropic")
    fake = FakeClaude([Answer(suggestion())] * 2, problem_with=request_problem)
    async with strict(fake) as client:
        with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
            async with client.messages.stream(**ASK | {"max_tokens": "many"}):
                pass
        async with client.messages.stream(**ASK) as stream:
            await stream.get_final_message()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"thinking": {"type": "disabled"}}, "adaptively"),
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, "forced"),
        ({"extra_body": {"temperature": 0.2}}, "sampling"),
        (
            {"messages": [{"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            ]}]},
            "before text",
        ),
    ],
)  # fmt: skip
async def test_refuses_what_these_models_refuse(change: dict[str, Any], said: str) -> None:
    async with strict(FakeClaude()) as client:
        with pytest.raises(anthropic.BadRequestError, match=said):
            async with client.messages.stream(**ASK | change):
                pass


async def test_lets_nobody_in_without_the_key() -> None:
    async with strict(FakeClaude()) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.with_options(api_key="other").models.list()


async def test_fails_by_script_and_then_answers_by_itself() -> None:
    async with strict(FakeClaude([Failure(529, "overloaded_error")])) as client:
        with pytest.raises(anthropic.OverloadedError):
            async with client.messages.stream(**ASK):
                pass
        async with client.messages.stream(**ASK) as stream:
            said = json.loads(await stream.get_final_text())
    assert [fault["family"] for fault in said["faults"]] == ["battery", "power"]


def test_looks_something_up_first_when_it_may() -> None:
    turn = opinion_on(ASK | {"tools": [TOOL]})
    assert turn.tools == (ToolCall("known_faults", {"family": "battery"}),)


async def test_serves_on_loopback_many_at_once() -> None:
    async with serving(FakeClaude()) as address, anthropic.AsyncAnthropic(api_key="key", base_url=address) as client:
        assert address.startswith("http://127.0.0.1:")

        async def ask() -> str:
            async with client.messages.stream(**ASK) as stream:
                return await stream.get_final_text()

        assert len(set(await asyncio.gather(*[ask() for _ in range(8)]))) == 1
