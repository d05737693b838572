import json
from collections.abc import AsyncIterator

import anthropic
import httpx2
import pytest

from connectors.errors import Misconfigured, Permanent, Transient
from connectors.llm.claude import Claude, ClaudeSettings, question
from connectors.llm.port import DiagnosisRequest, FamilyHint, Refused, Suggestion, Truncated, Unusable
from connectors.llm.prices import PRICES
from tests.support.fakes.anthropic import Answer, Failure, FakeAnthropic, request_validator, suggestion

REQUEST = DiagnosisRequest(
    category="laptop",
    complaint="battery lasts an hour",
    families=(
        FamilyHint(family="battery", title="Battery", probability=0.7),
        FamilyHint(family="power", title="Power", probability=0.3),
    ),
    opaque_user="0123",
)


class Sleeps:
    def __init__(self) -> None:
        self.waited: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)


def claude(fake: FakeAnthropic, sleeps: Sleeps | None = None, **settings: object) -> Claude:
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=fake.app))
    chosen = ClaudeSettings(**({"api_key": "key", "base_url": "http://claude.test"} | settings))  # type: ignore[arg-type]
    return Claude(chosen, client, sleeps or Sleeps())


@pytest.fixture
async def opened() -> AsyncIterator[list[Claude]]:
    made: list[Claude] = []
    yield made
    for one in made:
        await one.close()


async def test_answers_with_the_cost_when_the_model_answers(opened: list[Claude]) -> None:
    fake = FakeAnthropic([Answer(suggestion(), input_tokens=1_000, output_tokens=400)])
    opened.append(claude(fake))
    answer = await opened[0].suggest(REQUEST)
    assert [fault.family for fault in answer.suggestion.faults] == ["battery", "power"]
    assert answer.usage.cost_cents == pytest.approx(100 * (1_000 * 4 + 400 * 20) / 1e6)
    assert (answer.usage.turns, answer.usage.request_id, answer.usage.model) == (1, "msg_1", "claude-opus-5-5")


async def test_asks_for_the_schema_streamed_and_without_personal_fields(opened: list[Claude]) -> None:
    fake = FakeAnthropic([Answer(suggestion())])
    opened.append(claude(fake))
    await opened[0].suggest(REQUEST)
    body = fake.requests[0]
    assert body["model"] == "claude-opus-5-5"
    assert body["stream"] is True
    assert body["output_config"]["format"]["schema"]["required"]
    assert body["metadata"] == {"user_id": "0123"}
    assert "battery: Battery (0.700)" in body["messages"][0]["content"]


async def test_gets_through_when_the_service_is_overloaded_and_then_limits_the_rate(opened: list[Claude]) -> None:
    fake = FakeAnthropic([Failure(529, "overloaded_error"), Failure(429, "rate_limit_error"), Answer(suggestion())])
    opened.append(claude(fake))
    await opened[0].suggest(REQUEST)
    assert len(fake.requests) == 3


async def test_is_transient_when_the_overload_lasts(opened: list[Claude]) -> None:
    fake = FakeAnthropic([Failure(529, "overloaded_error")] * 3)
    opened.append(claude(fake))
    with pytest.raises(Transient, match="claude-opus-5-5"):
        await opened[0].suggest(REQUEST)


async def test_starts_again_when_the_stream_breaks_in_the_middle(opened: list[Claude]) -> None:
    fake, sleeps = FakeAnthropic([Answer(suggestion(), break_after=2), Answer(suggestion())]), Sleeps()
    opened.append(claude(fake, sleeps))
    answer = await opened[0].suggest(REQUEST)
    assert answer.suggestion.summary == "The battery is worn out."
    assert len(sleeps.waited) == 1


async def test_is_transient_when_every_stream_breaks(opened: list[Claude]) -> None:
    fake = FakeAnthropic([Answer(suggestion(), break_after=2)] * 2)
    opened.append(claude(fake))
    with pytest.raises(Transient, match="Overloaded"):
        await opened[0].suggest(REQUEST)
    assert len(fake.requests) == 2


async def test_repairs_an_answer_in_one_turn_that_quotes_the_error(opened: list[Claude]) -> None:
    broken = suggestion(faults=[{"family": "battery", "probability": 1.7}])
    fake = FakeAnthropic([Answer(broken), Answer(suggestion())])
    opened.append(claude(fake))
    answer = await opened[0].suggest(REQUEST)
    assert (answer.usage.turns, answer.usage.input_tokens) == (2, 2_000)
    first, said, repair = fake.requests[1]["messages"]
    assert first == fake.requests[0]["messages"][0]
    assert [block["type"] for block in said["content"]] == ["thinking", "text"]
    assert "faults.0.probability" in repair["content"]
    assert "less than or equal to 1" in repair["content"]


async def test_is_unusable_when_the_repair_is_broken_too(opened: list[Claude]) -> None:
    opened.append(claude(FakeAnthropic([Answer("no json"), Answer("{}")])))
    with pytest.raises(Unusable, match="twice"):
        await opened[0].suggest(REQUEST)


async def test_names_the_category_when_the_model_refuses(opened: list[Claude]) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    opened.append(claude(FakeAnthropic([Answer('{"summ', stop_reason="refusal", stop_details=details)])))
    with pytest.raises(Refused, match="cyber"):
        await opened[0].suggest(REQUEST)


@pytest.mark.parametrize("stop", ["max_tokens", "model_context_window_exceeded"])
async def test_is_truncated_and_not_repaired_when_the_answer_did_not_fit(opened: list[Claude], stop: str) -> None:
    fake = FakeAnthropic([Answer('{"summary": "The', stop_reason=stop)])
    opened.append(claude(fake))
    with pytest.raises(Truncated, match=stop):
        await opened[0].suggest(REQUEST)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure(401, "authentication_error"), Misconfigured),
        (Failure(403, "permission_error"), Misconfigured),
        (Failure(404, "not_found_error"), Misconfigured),
        (Failure(402, "billing_error"), Misconfigured),
        (Failure(400, "invalid_request_error"), Permanent),
        (Failure(413, "request_too_large"), Permanent),
        (Failure(500, "api_error"), Transient),
        (Failure(504, "timeout_error"), Transient),
    ],
)
async def test_translates_an_error_of_the_service(
    opened: list[Claude], failure: Failure, expected: type[Exception]
) -> None:
    opened.append(claude(FakeAnthropic([failure]), request_retries=0))
    with pytest.raises(expected) as caught:
        await opened[0].suggest(REQUEST)
    assert type(caught.value) is expected


async def test_is_transient_when_nobody_answers() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(refuse))
    model = Claude(ClaudeSettings("key", base_url="http://claude.test", request_retries=0), client)
    with pytest.raises(Transient, match="network"):
        await model.suggest(REQUEST)
    await model.close()


def test_is_misconfigured_when_there_is_no_key() -> None:
    with pytest.raises(Misconfigured, match="no API key"):
        Claude(ClaudeSettings(""))


async def test_has_no_cost_when_the_price_is_not_known(opened: list[Claude]) -> None:
    fake = FakeAnthropic([Answer(suggestion())], model="claude-unheard-1")
    opened.append(claude(fake, model="claude-unheard-1"))
    answer = await opened[0].suggest(REQUEST)
    assert answer.usage.cost_cents is None


def test_prices_cached_tokens_apart() -> None:
    assert PRICES["claude-opus-5-5"].cents(1_000_000, 0, 1_000_000, 1_000_000) == pytest.approx(920)


def test_puts_the_case_as_json_before_the_families() -> None:
    case, families = question(REQUEST).split("\n\n")
    assert json.loads(case.removeprefix("Case:\n"))["complaint"] == "battery lasts an hour"
    assert families.splitlines()[1] == "battery: Battery (0.700)"


@pytest.mark.parametrize("turn", [Answer(suggestion()), Answer("x", stop_reason="max_tokens")])
async def test_the_fake_speaks_the_protocol_that_the_strict_client_reads(turn: Answer) -> None:
    client = anthropic.AsyncAnthropic(
        api_key="key",
        base_url="http://claude.test",
        http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(app=FakeAnthropic([turn]).app)),
        _strict_response_validation=True,
    )
    async with client.messages.stream(
        model="claude-opus-5-5",
        max_tokens=100,
        thinking={"type": "adaptive"},
        messages=[{"role": "user", "content": "hello"}],
    ) as stream:
        message = await stream.get_final_message()
    assert message.stop_reason == turn.stop_reason
    await client.close()


async def test_the_fake_refuses_what_the_vendors_schema_refuses() -> None:
    if request_validator() is None:
        pytest.skip("NOIZYLAB_SAMPLES is not set, or holds no api-slices/anthropic")
    fake = FakeAnthropic([Answer(suggestion())] * 2)
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": "many",
        "stream": True,
        "thinking": {"type": "adaptive"},
        "messages": [{"role": "user", "content": "hello"}],
    }
    headers = {"authorization": "Bearer key", "anthropic-version": "2026-10-21"}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=fake.app), base_url="http://claude.test"
    ) as client:
        refused = await client.post("/v1/messages", json=body, headers=headers)
        passed = await client.post("/v1/messages", json=body | {"max_tokens": 10}, headers=headers)
    assert refused.status_code == 400
    assert "max_tokens" in refused.json()["error"]["message"]
    assert passed.status_code == 200


def test_the_schema_sent_is_the_schema_checked() -> None:
    schema = anthropic.transform_schema(Suggestion)
    assert set(schema["properties"]) == set(Suggestion.model_fields)
