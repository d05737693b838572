"""The brain with Claude behind it, down to the wire: what is asked, what is believed, what happens when it fails."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import cv2
import httpx2
import numpy as np
import pytest

from connectors.blobs.local import LocalBlobs
from connectors.boards.memory import MemoryBoards
from connectors.clock.clock import SettableClock
from connectors.llm.claude import Claude, ClaudeSettings
from connectors.llm.port import PartialSuggestion
from infra.fakes.claude.script import Answer, Failure, Pace, ToolCall, suggestion
from infra.fakes.claude.service import FakeClaude, serving
from processors.brain.agent import around as around_log
from processors.brain.agent import wire
from processors.brain.config import Policy
from processors.brain.consult import Around
from processors.brain.diagnostician import Diagnostician
from processors.brain.photos import SIDE_PX, Photos
from processors.brain.progress import Reporter
from processors.brain.purse import Budget
from processors.brain.spending import Spending
from schemas.core.blob_ref import BlobRef
from schemas.diagnoses import FaultDiagnosed
from schemas.models import ModelAsked, ModelReserved
from schemas.progress import DiagnosisProgressed
from tests.processors.brain.boards import BOARD
from tests.processors.brain.cases import finding, question
from tests.support.driver import START, Driver
from tests.support.fakes.anthropic import request_problem
from tests.support.vault import NO_PLACE, vault_in
from topics.models import MODEL_EVENTS

DRAINS = question("the battery drains within an hour")
ON_BOARD = DRAINS.model_copy(
    update={"workspace_id": "main", "device": DRAINS.device.model_copy(update={"board_model": "NZL-NB14-2"})}
)
BOARDS = MemoryBoards({"NZL-NB14-2": BOARD})


class Claudes:
    """Makes Claudes on fakes, and closes them."""

    def __init__(self) -> None:
        self._made: list[Claude] = []

    def on(self, fake: FakeClaude) -> Claude:
        """In process, where an answer arrives whole."""
        return self._with("http://claude.test", httpx2.AsyncClient(transport=httpx2.ASGITransport(app=fake.app)))

    def at(self, address: str) -> Claude:
        """Over a connection, where it arrives piece by piece."""
        return self._with(address, None)

    def _with(self, address: str, client: httpx2.AsyncClient | None) -> Claude:
        settings = ClaudeSettings("key", base_url=address, request_retries=0, stream_retries=0)
        self._made.append(claude := Claude(settings, client))
        return claude

    async def close(self) -> None:
        while self._made:
            await self._made.pop().close()


@pytest.fixture
async def claudes() -> AsyncIterator[Claudes]:
    made = Claudes()
    yield made
    await made.close()


def fake(*script: Answer | Failure) -> FakeClaude:
    return FakeClaude(script, problem_with=request_problem, by_itself=None)


def picture(width: int, height: int) -> bytes:
    done, data = cv2.imencode(".png", np.full((height, width, 3), 128, np.uint8))
    assert done
    return data.tobytes()


async def test_looks_up_the_board_and_names_only_what_is_on_it(claudes: Claudes) -> None:
    fault = {
        "family": "power",
        "probability": 0.9,
        "components": ["U7000", "U9999"],
        "evidence": ["U9999 is shorted.", "It draws no current."],
    }
    service = fake(
        Answer(tools=(ToolCall("lookup_part", {"name": "U7000"}),), stop_reason="tool_use"),
        Answer(suggestion(faults=[fault], measurement=None)),
    )
    brain = Diagnostician.shipped(language_model=claudes.on(service), around=Around(boards=BOARDS))
    answer = await brain.diagnose(ON_BOARD)
    [result] = service.requests[1]["messages"][2]["content"]
    assert result["content"].startswith("U7000 (ISL9240")
    assert "U7000 ISL9240" in service.requests[0]["system"][1]["text"]
    said = [one.text for fault in answer.faults for one in fault.evidence if one.source == "model"]
    assert "Suspects U7000 (in the design file)" in said
    assert "It draws no current." in said
    assert not any("U9999 is shorted" in text for text in said)
    assert any("U9999, which this board does not have" in text for text in said)
    assert not answer.degraded


@pytest.mark.parametrize("workspace_id", [None, "hafen"])
async def test_a_board_of_another_workspace_or_of_nobody_knows_whose_ticket_is_not_looked_into(
    claudes: Claudes, workspace_id: str | None
) -> None:
    service = fake(Answer(suggestion(faults=[{"family": "power", "probability": 0.9}], measurement=None)))
    brain = Diagnostician.shipped(language_model=claudes.on(service), around=Around(boards=BOARDS))
    await brain.diagnose(ON_BOARD.model_copy(update={"workspace_id": workspace_id}))
    assert "U7000" not in str(service.requests)
    assert [tool["name"] for tool in service.requests[0]["tools"]] == ["known_faults"]


async def test_a_model_that_invents_names_counts_for_less(claudes: Claudes) -> None:
    def with_parts(*components: str) -> Answer:
        return Answer(suggestion(faults=[{"family": "keyboard", "probability": 0.9, "components": components}]))

    answers = []
    for turn in (with_parts("U7000"), with_parts("U7000", "U9998", "U9999")):
        brain = Diagnostician.shipped(language_model=claudes.on(fake(turn)), around=Around(boards=BOARDS))
        answer = await brain.diagnose(ON_BOARD)
        answers.append({fault.family: fault.probability for fault in answer.faults})
    assert answers[0]["keyboard"] > 2 * answers[1].get("keyboard", 0.0)


async def test_shows_the_photographs_small_those_with_findings_first_and_leaves_out_what_is_gone(
    claudes: Claudes, tmp_path: Any
) -> None:
    blobs = LocalBlobs(tmp_path)
    refs = [await blobs.put("images", f"{n}.png", picture(2_000 + n, 1_500), "image/png") for n in range(4)]
    gone = BlobRef(bucket="images", key="gone.png", sha256="0" * 64, size_bytes=1, media_type="image/png")
    seen = finding("burn").model_copy(update={"photo": 4})
    asked = DRAINS.model_copy(update={"photos": (gone, *refs), "findings": (seen,)})
    service = fake(Answer(suggestion()))
    brain = Diagnostician.shipped(language_model=claudes.on(service), around=Around(photos=Photos(blobs, 3)))
    await brain.diagnose(asked)
    content = service.requests[0]["messages"][0]["content"]
    assert [block["type"] for block in content] == ["image", "image", "text"]
    assert '"photos": [4, 1]' in content[-1]["text"]
    small = cv2.imdecode(np.frombuffer(_decoded(content[0]), np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert max(small.shape) == SIDE_PX


def _decoded(block: Any) -> bytes:
    return base64.b64decode(block["source"]["data"])


async def test_a_dead_vendor_is_left_alone_after_three_failures(claudes: Claudes) -> None:
    service = fake(*[Failure(503, "api_error")] * 9)
    service_counts = Diagnostician.shipped(language_model=claudes.on(service))
    answers = [await service_counts.diagnose(DRAINS) for _ in range(5)]
    assert all(answer.degraded for answer in answers)
    assert len(service.counted) == 3
    assert "asked again in 60 s" in answers[4].summary


async def test_an_answer_that_refuses_does_not_count_as_a_dead_vendor(claudes: Claudes) -> None:
    refusal = Answer(
        "", stop_reason="refusal", stop_details={"type": "refusal", "category": "bio", "explanation": None}
    )
    service = fake(*[refusal] * 5)
    brain = Diagnostician.shipped(language_model=claudes.on(service))
    answers = [await brain.diagnose(DRAINS) for _ in range(5)]
    assert len(service.requests) == 5
    assert all("bio" in answer.summary for answer in answers)


class Shop:
    """The brain as it is wired, with Claude and a log in memory."""

    def __init__(self, claude: Claude, budget: Budget, policy: Policy | None = None) -> None:
        self.spending = Spending()
        self._taken = 0

        def wired(app: Any) -> None:
            beside = around_log(app, self.catch_up, self.spending, budget, claude.name, Photos(NO_PLACE, 0), BOARDS)
            wire(app, Diagnostician.shipped(policy, claude, beside), vault_in(NO_PLACE))

        self.driver = Driver(wired, "brain")

    async def catch_up(self) -> None:
        records = self.driver.log.of(MODEL_EVENTS)
        for record in records[self._taken :]:
            self.spending.read(record.headers, record.value)
        self._taken = len(records)


async def test_every_request_stands_in_the_log_before_and_after(claudes: Claudes) -> None:
    look_up = Answer(tools=(ToolCall("known_faults", {"family": "battery"}),), stop_reason="tool_use", output_tokens=50)
    shop = Shop(claudes.on(fake(look_up, Answer(suggestion(), cached=700))), Budget())
    await shop.driver.pipe(DRAINS)
    [diagnosed] = shop.driver.read(FaultDiagnosed)
    assert not diagnosed.degraded
    reserved = shop.driver.envelopes(ModelReserved)
    asked = shop.driver.read(ModelAsked)
    assert [entry.outcome for entry in asked] == ["looked_up", "answered"]
    assert [entry.ask_id for entry in asked] == [entry.ask_id for _, entry in reserved]
    assert asked[1].cache_read_tokens == 700
    assert asked[1].spent_usd_micros == 1_000 * 4 + 400 * 20 + 700 // 5
    assert {envelope.subject for envelope, _ in reserved} == {f"{START:%Y-%m-%d}"}
    assert {envelope.correlation_id for envelope, _ in reserved} == {DRAINS.ticket_id}
    kinds = [dict(record.headers)["ce_type"].decode().split(".")[1] for record in shop.driver.log.of(MODEL_EVENTS)]
    assert kinds == ["model"] * 4


async def test_over_budget_the_shops_own_engine_answers_and_says_why(claudes: Claudes) -> None:
    service = fake(Answer(suggestion()))
    shop = Shop(claudes.on(service), Budget(repair_cents=1))
    await shop.driver.pipe(DRAINS)
    [diagnosed] = shop.driver.read(FaultDiagnosed)
    assert diagnosed.degraded
    assert "NOIZYLAB_CLAUDE_REPAIR_CENTS" in diagnosed.summary
    assert service.requests == []
    assert [entry.outcome for entry in shop.driver.read(ModelAsked)] == ["over_budget"]


async def test_the_budget_holds_after_a_restart(claudes: Claudes) -> None:
    service = fake(Answer(suggestion()), Answer(suggestion()))
    budget = Budget(repair_cents=18.5)  # holds one request at its dearest, and not what the first one cost besides
    shop = Shop(claudes.on(service), budget)
    await shop.driver.pipe(DRAINS)
    again = Shop(claudes.on(service), budget)
    again.driver.log.records.extend(shop.driver.log.records)
    await again.driver.pipe(DRAINS)
    first, second = again.driver.read(FaultDiagnosed)
    assert (first.degraded, second.degraded) == (False, True)
    assert "repair's budget for language models is 0.18 USD; 0.01 USD of it is spent" in second.summary
    assert len(service.requests) == 1


async def test_a_deadline_in_the_middle_of_an_answer_is_paid_for_as_far_as_it_came(claudes: Claudes) -> None:
    slow = Answer(suggestion(), pace=Pace(0.0, 40.0))
    async with serving(fake(slow)) as address:
        shop = Shop(claudes.at(address), Budget(), Policy(vendor_deadline_s=1.5))
        await shop.driver.pipe(DRAINS)
        await claudes.close()
    [diagnosed] = shop.driver.read(FaultDiagnosed)
    assert "TimeoutError" in diagnosed.summary
    [entry] = shop.driver.read(ModelAsked)
    assert (entry.outcome, entry.estimated, entry.input_tokens) == ("interrupted", True, 1_000)
    assert 0 < entry.output_tokens < 200


async def test_what_the_model_has_said_so_far_is_told_in_passing(claudes: Claudes) -> None:
    async with serving(fake(Answer(suggestion(), pace=Pace(0.0, 200.0)))) as address:
        shop = Shop(claudes.at(address), Budget())
        await shop.driver.pipe(DRAINS)
        await claudes.close()
    told = shop.driver.read(DiagnosisProgressed)
    assert [one.stage for one in told][:2] == ["reading", "thinking"]
    assert told[-1].summary.startswith("The battery")
    assert {one.engine for one in told} == {"claude-opus-5-5"}


async def test_news_that_cannot_be_told_disturbs_nobody() -> None:
    written: list[DiagnosisProgressed] = []

    async def write(progress: DiagnosisProgressed) -> None:
        if progress.stage == "thinking":
            raise OSError("no log")
        written.append(progress)

    reporter = Reporter(write, "claude", SettableClock(START))
    reporter.tell("T-00001", PartialSuggestion("thinking"))
    await reporter.drained()
    reporter.tell("T-00001", PartialSuggestion("answering", faults=(("Bat", 0.5),)))
    reporter.tell("T-00001", PartialSuggestion("answering", "old"))
    reporter.tell("T-00001", PartialSuggestion("answering", "new\u0000"))
    await reporter.drained()
    assert [one.summary for one in written] == ["new "]


async def test_the_models_wish_to_be_told_a_secret_finds_none(claudes: Claudes) -> None:
    service = fake(Answer(suggestion()))
    device = DRAINS.device.model_copy(update={"serial": "SN-4711"})
    brain = Diagnostician.shipped(language_model=claudes.on(service))
    await brain.diagnose(DRAINS.model_copy(update={"device": device, "complaint": "call 020 7946 0958, it drains"}))
    sent = json.dumps([service.requests, service.counted])
    assert not any(secret in sent for secret in ("SN-4711", "7946", DRAINS.ticket_id))
