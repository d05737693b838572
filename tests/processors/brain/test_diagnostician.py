import asyncio

import pytest

from connectors.errors import ConnectorError, Transient
from connectors.llm.port import Desk, DiagnosisRequest, DiagnosisSuggestion, Refused, SuggestedFault, Suggestion, Usage
from processors.brain.config import Policy
from processors.brain.decide import decide
from processors.brain.diagnostician import Diagnostician
from processors.brain.names import checked
from processors.brain.pool import opinion_of, pooled
from schemas.core.outcome import Emit
from schemas.diagnoses import DiagnoseFault, FaultDiagnosed, ModelOpinion
from tests.processors.brain.cases import question
from tests.support.driver import START

DRAINS = question("the battery drains within an hour")
UNCLEAR = question("please have a look at it")


class Oracle:
    """A language model that says what it is told to, or fails."""

    name = "oracle-1"

    def __init__(self, answer: Suggestion | ConnectorError | None) -> None:
        self.answer = answer
        self.asked: list[DiagnosisRequest] = []

    async def suggest(self, request: DiagnosisRequest, desk: Desk | None = None) -> DiagnosisSuggestion:
        self.asked.append(request)
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, ConnectorError):
            raise self.answer
        assert self.answer is not None
        return DiagnosisSuggestion(
            suggestion=self.answer, usage=Usage(model="oracle-1", turns=1, input_tokens=1, output_tokens=1)
        )


def opinion(*faults: tuple[str, float], **more: object) -> Suggestion:
    named = tuple(
        SuggestedFault(family=family, probability=share, evidence=("I think so.",)) for family, share in faults
    )
    return Suggestion.model_validate({"summary": "Said by the oracle.", "faults": named} | more)


def counted(*faults: tuple[str, float]) -> ModelOpinion:
    return opinion_of(checked(opinion(*faults), None), "oracle-1")


async def test_answers_alone_when_there_is_no_language_model(shipped: Diagnostician) -> None:
    answer = await shipped.diagnose(DRAINS)
    assert answer == shipped.offline(DRAINS)


async def test_adds_the_models_opinion_and_reasons() -> None:
    answer = await Diagnostician.shipped(language_model=Oracle(opinion(("keyboard", 0.95)))).diagnose(UNCLEAR)
    assert answer.abstained is None
    assert answer.faults[0].family == "keyboard"
    assert answer.faults[0].evidence[-1].source == "model"
    assert answer.engine.endswith("+oracle-1")
    assert answer.summary == "Said by the oracle."
    assert not answer.degraded


@pytest.mark.parametrize("error", [Transient("overloaded"), Refused("declined")])
async def test_falls_back_and_says_so_when_the_model_fails(shipped: Diagnostician, error: ConnectorError) -> None:
    answer = await Diagnostician.shipped(language_model=Oracle(error)).diagnose(DRAINS)
    assert answer.degraded
    assert answer.faults == shipped.offline(DRAINS).faults
    assert str(error) in answer.summary


async def test_falls_back_when_the_model_takes_too_long() -> None:
    slow = Diagnostician.shipped(Policy(vendor_deadline_s=0.01), Oracle(None))
    answer = await slow.diagnose(DRAINS)
    assert answer.degraded
    assert "TimeoutError" in answer.summary


async def test_says_that_the_model_was_not_heard_when_it_abstains() -> None:
    answer = await Diagnostician.shipped(language_model=Oracle(Transient("overloaded"))).diagnose(UNCLEAR)
    assert answer.abstained is not None
    assert "overloaded" in answer.abstained[1]


async def test_drops_families_that_do_not_exist_and_believes_the_model_less() -> None:
    honest = await Diagnostician.shipped(language_model=Oracle(opinion(("keyboard", 0.5)))).diagnose(UNCLEAR)
    inventive = opinion(("flux_capacitor", 0.5), ("keyboard", 0.5))
    answer = await Diagnostician.shipped(language_model=Oracle(inventive)).diagnose(UNCLEAR)
    assert {fault.family for fault in answer.faults}.isdisjoint({"flux_capacitor"})
    assert answer.confidence < honest.confidence


def test_stays_with_our_ranking_when_every_family_is_invented(shipped: Diagnostician) -> None:
    ranking = shipped._ranked(DRAINS)
    assert pooled(ranking, counted(("flux_capacitor", 1.0)), 0.5) == ranking


def test_the_pool_is_a_distribution_for_any_weight(shipped: Diagnostician) -> None:
    ranking = shipped._ranked(DRAINS)
    for weight in (0.0, 0.3, 1.0):
        mixed = pooled(ranking, counted(("screen", 1.0), ("power", 0.9)), weight)
        assert sum(fault.probability for fault in mixed.faults) == pytest.approx(1)
        assert [fault.probability for fault in mixed.faults] == sorted(
            (fault.probability for fault in mixed.faults), reverse=True
        )


def test_a_model_without_weight_changes_no_probability(shipped: Diagnostician) -> None:
    ranking = shipped._ranked(DRAINS)
    mixed = pooled(ranking, counted(("screen", 1.0)), 0.0)
    assert [fault.probability for fault in mixed.faults] == pytest.approx([one.probability for one in ranking.faults])


async def test_tells_the_model_no_serial_number_no_ticket_and_no_way_to_reach_the_customer() -> None:
    oracle = Oracle(opinion(("battery", 0.9)))
    device = DRAINS.device.model_copy(update={"serial": "SN-4711", "imei": "490154203237518"})
    complaint = "battery of 2019 drains, call 020 7946 0958 or write to jo.doe@mail.example"
    await Diagnostician.shipped(language_model=oracle).diagnose(
        DRAINS.model_copy(update={"device": device, "complaint": complaint})
    )
    assert oracle.asked[0].complaint == "battery of 2019 drains, call [removed] or write to [removed]"
    sent = oracle.asked[0].model_dump_json()
    assert not any(secret in sent for secret in ("SN-4711", "490154203237518", DRAINS.ticket_id))
    assert len(oracle.asked[0].families) == 29


async def test_takes_control_characters_out_of_the_models_words() -> None:
    spoken = opinion(("battery", 0.9), hazards=("hot\u001b[31m",), summary="a\u0000b")
    answer = await Diagnostician.shipped(language_model=Oracle(spoken)).diagnose(DRAINS)
    assert answer.summary == "a b"
    assert "\u001b" not in "".join(answer.hazards)


@pytest.mark.parametrize("complaint", [DRAINS, UNCLEAR])
async def test_a_recorded_opinion_gives_the_same_answer_again_without_the_model(complaint: DiagnoseFault) -> None:
    spoken = opinion(("keyboard", 0.8), ("flux_capacitor", 0.1), hazards=("hot",))
    answer = await Diagnostician.shipped(language_model=Oracle(spoken)).diagnose(complaint)
    recorded = decide(complaint, answer, START)
    assert isinstance(recorded, Emit)
    [event] = recorded.messages
    assert isinstance(event, FaultDiagnosed)
    read = FaultDiagnosed.model_validate_json(event.to_json())
    assert read.opinion is not None
    again = Diagnostician.shipped().with_opinion(complaint, read.opinion)
    assert decide(complaint, again, START) == recorded


async def test_says_so_when_the_engine_outweighs_the_model() -> None:
    spoken = opinion(("keyboard", 0.3))
    answer = await Diagnostician.shipped(Policy(vendor_weight=0.1), Oracle(spoken)).diagnose(DRAINS)
    assert answer.faults[0].family == "battery"
    assert answer.summary.startswith("With the engine's evidence, battery worn out or defective is likelier. oracle-1")
