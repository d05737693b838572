import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import anthropic
import httpx2
import pytest

from connectors.errors import Misconfigured, Permanent, Transient
from connectors.llm.claude import Claude, ClaudeSettings
from connectors.llm.claude_words import case_text
from connectors.llm.port import (
    Desk,
    DiagnosisRequest,
    FamilyHint,
    FreePurse,
    PartialSuggestion,
    Photo,
    Refused,
    Suggestion,
    Tool,
    Truncated,
    Unusable,
)
from infra.fakes.claude.script import Answer, Failure, Pace, ToolCall, suggestion
from infra.fakes.claude.service import FakeClaude, serving
from tests.support.fakes.anthropic import request_problem

REQUEST = DiagnosisRequest(
    category="laptop",
    complaint="battery lasts an hour",
    families=(
        FamilyHint(family="battery", title="Battery", probability=0.7),
        FamilyHint(family="power", title="Power", probability=0.3),
    ),
    reasons=("battery: “an hour” in the complaint",),
    pack="Families: battery, power.",
    opaque_user="0123",
)
PHOTOS = tuple(Photo(position=place, media_type="image/jpeg", data=b"\xff\xd8jpeg") for place in range(4))


def look(given: Any) -> str:
    if given.get("name") != "PP3V3":
        raise ValueError("there is no such net; PP3V3 is one")
    return "PP3V3: U1 pin 3"


LOOK = Tool("lookup_net", "Look a net up.", {"type": "object", "properties": {"name": {"type": "string"}}}, look)
LOOK_UP = Answer(tools=(ToolCall("lookup_net", {"name": "PP3V3"}),), stop_reason="tool_use", output_tokens=30)


class Sleeps:
    def __init__(self) -> None:
        self.waited: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)


class Asked:
    """Claude on a fake that plays a script, and everything that is to be seen of it."""

    def __init__(self, *script: Answer | Failure, tokens: Any = None, **settings: Any) -> None:
        self.model = str(settings.get("model", "claude-opus-5-5"))
        self.fake = FakeClaude(script, model=self.model, problem_with=request_problem, by_itself=None, tokens=tokens)
        self.sleeps, self.purse = Sleeps(), FreePurse()
        self.told: list[PartialSuggestion] = []
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.fake.app))
        chosen = ClaudeSettings(**({"api_key": "key", "base_url": "http://claude.test"} | settings))
        self.claude = Claude(chosen, client, self.sleeps)

    def desk(self, *tools: Tool) -> Desk:
        return Desk(tools, self.told.append, self.purse)

    @property
    def outcomes(self) -> list[str]:
        return [outcome for _, outcome in self.purse.settled]


@pytest.fixture
async def opened() -> AsyncIterator[list[Asked]]:
    made: list[Asked] = []
    yield made
    for one in made:
        await one.claude.close()


async def test_answers_with_the_cost_when_the_model_answers(opened: list[Asked]) -> None:
    opened.append(asked := Asked(Answer(suggestion(), input_tokens=1_000, output_tokens=400)))
    answer = await asked.claude.suggest(REQUEST, asked.desk())
    assert [fault.family for fault in answer.suggestion.faults] == ["battery", "power"]
    assert answer.usage.cost_cents == pytest.approx(100 * (1_000 * 4 + 400 * 20) / 1e6)
    assert (answer.usage.turns, answer.usage.request_id, answer.usage.model) == (1, "req_1", "claude-opus-5-5")
    assert asked.purse.settled == [(answer.usage, "answered")]


async def test_counts_what_an_hour_in_the_cache_costs(opened: list[Asked]) -> None:
    opened.append(asked := Asked(Answer(suggestion(), input_tokens=100, output_tokens=0, stored=2_000, cached=5_000)))
    usage = (await asked.claude.suggest(REQUEST)).usage
    assert usage.cost_cents == pytest.approx(100 * (100 * 4 + 2_000 * 8 + 5_000 * 0.20) / 1e6)
    assert (usage.cache_write_tokens, usage.cache_read_tokens) == (2_000, 5_000)


async def test_asks_for_the_schema_streamed_thinking_adaptively_and_without_personal_fields(
    opened: list[Asked],
) -> None:
    opened.append(asked := Asked(Answer(suggestion())))
    await asked.claude.suggest(REQUEST)
    body = asked.fake.requests[0]
    assert body["model"] == "claude-opus-5-5"
    assert body["stream"] is True
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"]["effort"] == "medium"
    assert body["output_config"]["format"]["schema"]["required"]
    assert body["metadata"] == {"user_id": "0123"}
    assert "tools" not in body


async def test_the_cached_prefix_holds_rules_and_pack_and_nothing_of_the_case(opened: list[Asked]) -> None:
    opened.append(asked := Asked(Answer(suggestion()), Answer(suggestion())))
    await asked.claude.suggest(REQUEST)
    await asked.claude.suggest(REQUEST.model_copy(update={"complaint": "no picture", "photos": PHOTOS}))
    first, second = (body["system"] for body in asked.fake.requests)
    assert first == second
    assert [block.get("cache_control") for block in first] == [None, {"type": "ephemeral", "ttl": "1h"}]
    assert first[1]["text"] == REQUEST.pack


async def test_photographs_go_before_the_words(opened: list[Asked]) -> None:
    opened.append(asked := Asked(Answer(suggestion())))
    await asked.claude.suggest(REQUEST.model_copy(update={"photos": PHOTOS}))
    content = asked.fake.requests[0]["messages"][0]["content"]
    assert [block["type"] for block in content] == ["image"] * 4 + ["text"]
    assert content[0]["source"] == {"type": "base64", "media_type": "image/jpeg", "data": "/9hqcGVn"}
    assert '"photos": [0, 1, 2, 3]' in content[-1]["text"]


async def test_leaves_photographs_out_until_the_case_fits(opened: list[Asked]) -> None:
    def tokens(body: Any) -> int:
        return 1_000 + 1_600 * sum(block["type"] == "image" for block in body["messages"][0]["content"])

    opened.append(asked := Asked(Answer(suggestion()), tokens=tokens, max_input_tokens=3_000))
    await asked.claude.suggest(REQUEST.model_copy(update={"photos": PHOTOS}))
    content = asked.fake.requests[0]["messages"][0]["content"]
    assert [block["type"] for block in content] == ["image", "text"]
    assert len(asked.fake.counted) == 3


async def test_sends_nothing_when_the_case_does_not_fit_even_without_photographs(opened: list[Asked]) -> None:
    opened.append(asked := Asked(tokens=lambda _: 41_000))
    with pytest.raises(Truncated, match="41000 tokens, 40000 are allowed"):
        await asked.claude.suggest(REQUEST)
    assert asked.fake.requests == []


async def test_tells_what_it_has_so_far() -> None:
    told: list[PartialSuggestion] = []
    async with serving(FakeClaude([Answer(suggestion(), pace=Pace(0.0, 120.0))])) as address:
        claude = Claude(ClaudeSettings("key", base_url=address))
        await claude.suggest(REQUEST, Desk(tell=told.append))
        await claude.close()
    assert [partial.stage for partial in told][:2] == ["reading", "thinking"]
    answering = [partial for partial in told if partial.stage == "answering"]
    assert answering[0].faults == ()
    assert len({partial.faults for partial in answering}) > 1
    assert all(one != after for one, after in pairwise(told))
    assert answering[-1].summary == "The battery is worn out."
    assert answering[-1].faults == (("battery", 0.8), ("power", 0.1))


async def test_gets_through_when_the_service_is_overloaded_and_then_limits_the_rate(opened: list[Asked]) -> None:
    opened.append(
        asked := Asked(Failure(529, "overloaded_error"), Failure(429, "rate_limit_error"), Answer(suggestion()))
    )
    await asked.claude.suggest(REQUEST)
    assert len(asked.fake.requests) == 3


async def test_is_transient_when_the_overload_lasts(opened: list[Asked]) -> None:
    opened.append(asked := Asked(*[Failure(529, "overloaded_error")] * 3))
    with pytest.raises(Transient, match="claude-opus-5-5"):
        await asked.claude.suggest(REQUEST, asked.desk())
    assert asked.outcomes == ["failed"]


@pytest.mark.parametrize("broken", [{"break_after": 2}, {"end_after": 2}])
async def test_starts_again_when_the_stream_breaks_in_the_middle(opened: list[Asked], broken: Any) -> None:
    opened.append(asked := Asked(Answer(suggestion(), **broken), Answer(suggestion())))
    answer = await asked.claude.suggest(REQUEST, asked.desk())
    assert answer.suggestion.summary == "The battery is worn out."
    assert len(asked.sleeps.waited) == 1
    assert asked.outcomes == ["failed", "answered"]
    lost = asked.purse.settled[0][0]
    assert lost.estimated
    assert (lost.input_tokens, lost.output_tokens) == (1_000, 13)


async def test_is_transient_when_every_stream_breaks(opened: list[Asked]) -> None:
    opened.append(asked := Asked(*[Answer(suggestion(), break_after=2)] * 2))
    with pytest.raises(Transient, match="Overloaded"):
        await asked.claude.suggest(REQUEST)
    assert len(asked.fake.requests) == 2


async def test_starts_again_when_the_connection_is_cut() -> None:
    fake, sleeps = FakeClaude([Answer(suggestion(), cut_after=3), Answer(suggestion())]), Sleeps()
    async with serving(fake) as address:
        model = Claude(ClaudeSettings("key", base_url=address), sleep=sleeps)
        purse = FreePurse()
        answer = await model.suggest(REQUEST, Desk(purse=purse))
        await model.close()
    assert answer.suggestion.summary == "The battery is worn out."
    assert [outcome for _, outcome in purse.settled] == ["failed", "answered"]


async def test_repairs_an_answer_in_one_turn_that_quotes_the_error(opened: list[Asked]) -> None:
    broken = suggestion(faults=[{"family": "battery", "probability": 1.7}])
    opened.append(asked := Asked(Answer(broken), Answer(suggestion())))
    answer = await asked.claude.suggest(REQUEST, asked.desk())
    assert (answer.usage.turns, answer.usage.input_tokens) == (2, 2_000)
    assert asked.outcomes == ["invalid", "answered"]
    first, said, repair = asked.fake.requests[1]["messages"]
    assert first == asked.fake.requests[0]["messages"][0]
    assert [block["type"] for block in said["content"]] == ["thinking", "text"]
    assert "faults.0.probability" in repair["content"]
    assert "less than or equal to 1" in repair["content"]


async def test_is_unusable_when_the_repair_is_broken_too(opened: list[Asked]) -> None:
    opened.append(asked := Asked(Answer("no json"), Answer("{}")))
    with pytest.raises(Unusable, match="twice"):
        await asked.claude.suggest(REQUEST, asked.desk())
    assert asked.outcomes == ["invalid", "invalid"]


async def test_looks_things_up_and_answers_then(opened: list[Asked]) -> None:
    wrong = Answer(tools=(ToolCall("lookup_net", {"name": "PP9"}), ToolCall("fly", {})), stop_reason="tool_use")
    opened.append(asked := Asked(wrong, LOOK_UP, Answer(suggestion())))
    answer = await asked.claude.suggest(REQUEST, asked.desk(LOOK))
    assert answer.usage.turns == 3
    assert asked.outcomes == ["looked_up", "looked_up", "answered"]
    refused, unknown = asked.fake.requests[1]["messages"][2]["content"]
    assert (refused["is_error"], refused["content"]) == (True, "there is no such net; PP3V3 is one")
    assert unknown["content"] == "there is no tool 'fly'; there are lookup_net"
    [found] = asked.fake.requests[2]["messages"][4]["content"]
    assert (found["is_error"], found["content"], found["tool_use_id"]) == (False, "PP3V3: U1 pin 3", "toolu_2_0")
    assert "lookup_net(PP3V3)" in [partial.looking_up for partial in asked.told]
    assert asked.fake.requests[0]["tool_choice"] == {"type": "auto"}


async def test_may_look_things_up_only_so_often(opened: list[Asked]) -> None:
    opened.append(asked := Asked(LOOK_UP, LOOK_UP, LOOK_UP, look_ups=2))
    with pytest.raises(Unusable, match="after 2 turns"):
        await asked.claude.suggest(REQUEST, asked.desk(LOOK))
    assert [body["tool_choice"]["type"] for body in asked.fake.requests] == ["auto", "auto", "none"]


async def test_names_the_category_when_the_model_refuses(opened: list[Asked]) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    opened.append(asked := Asked(Answer('{"summ', stop_reason="refusal", stop_details=details)))
    with pytest.raises(Refused, match="cyber"):
        await asked.claude.suggest(REQUEST, asked.desk())
    [(usage, outcome)] = asked.purse.settled
    assert (usage.output_tokens, outcome) == (400, "refused")


@pytest.mark.parametrize("stop", ["max_tokens", "model_context_window_exceeded"])
async def test_is_truncated_and_not_repaired_when_the_answer_did_not_fit(opened: list[Asked], stop: str) -> None:
    opened.append(asked := Asked(Answer('{"summary": "The', stop_reason=stop)))
    with pytest.raises(Truncated, match=stop):
        await asked.claude.suggest(REQUEST, asked.desk())
    assert asked.outcomes == ["truncated"]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure(401, "authentication_error"), Misconfigured),
        (Failure(403, "permission_error"), Misconfigured),
        (Failure(404, "not_found_error"), Misconfigured),
        (Failure(402, "billing_error"), Misconfigured),
        (Failure(400, "invalid_request_error"), Permanent),
        (Failure(400, "invalid_request_error", "prompt is too long: 1 > 0"), Truncated),
        (Failure(413, "request_too_large"), Truncated),
        (Failure(408, "timeout_error"), Transient),
        (Failure(409, "conflict_error"), Transient),
        (Failure(500, "api_error"), Transient),
        (Failure(504, "timeout_error"), Transient),
    ],
)
async def test_translates_an_error_of_the_service(
    opened: list[Asked], failure: Failure, expected: type[Exception]
) -> None:
    opened.append(asked := Asked(failure, request_retries=0))
    with pytest.raises(expected) as caught:
        await asked.claude.suggest(REQUEST)
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


async def test_has_no_cost_when_the_price_is_not_known(opened: list[Asked]) -> None:
    opened.append(asked := Asked(Answer(suggestion()), model="claude-unheard-1"))
    assert (await asked.claude.suggest(REQUEST)).usage.cost_cents is None


async def test_lists_the_models_of_the_key(opened: list[Asked]) -> None:
    opened.append(asked := Asked())
    listed = {one.id: one for one in await asked.claude.listed()}
    assert listed["claude-opus-5-5"].lifecycle == "active"
    ends = listed["claude-sonnet-4-5"].retires_at
    assert ends is not None
    assert ends.date().isoformat() == "2026-11-30"


def test_puts_the_case_as_json_before_the_families_and_the_reasons() -> None:
    case, families, reasons = case_text(REQUEST).split("\n\n")
    assert json.loads(case.removeprefix("Case:\n"))["complaint"] == "battery lasts an hour"
    assert families.splitlines()[1] == "battery: Battery (0.700)"
    assert reasons.splitlines()[1] == "- battery: “an hour” in the complaint"


def test_the_schema_sent_is_the_schema_checked() -> None:
    schema = anthropic.transform_schema(Suggestion)
    assert set(schema["properties"]) == set(Suggestion.model_fields)
