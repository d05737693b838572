import pytest

from processors.brain.assess import NOT_HEARD
from processors.brain.decide import decide
from processors.brain.diagnostician import Diagnostician
from processors.brain.replay import differences
from schemas.core.outcome import Emit
from schemas.diagnoses import DiagnoseFault, DiagnosisAbstained, FaultDiagnosed, ModelOpinion, OpinionOnFault
from tests.processors.brain.cases import question
from tests.processors.brain.test_decide import NOW
from tests.schemas.examples import examples_of

STORED = {name: one for name, one in examples_of(DiagnoseFault).items() if isinstance(one, DiagnoseFault)}


def said(engine: Diagnostician, asked: DiagnoseFault) -> FaultDiagnosed | DiagnosisAbstained:
    outcome = decide(asked, engine.offline(asked), NOW)
    assert isinstance(outcome, Emit)
    (event,) = outcome.messages
    assert isinstance(event, FaultDiagnosed | DiagnosisAbstained)
    return event


@pytest.mark.parametrize("name", STORED)
def test_every_stored_example_gives_the_same_answer_again(shipped: Diagnostician, name: str) -> None:
    asked = STORED[name]
    event = said(shipped, asked)
    again = type(event).model_validate_json(event.to_json())
    assert differences(asked, again, Diagnostician.shipped()) == ()


def test_says_which_field_differs_and_from_what_to_what(shipped: Diagnostician) -> None:
    asked = question("the battery drains within an hour")
    event = said(shipped, asked).model_copy(update={"hazards": ("smoke",)})
    assert differences(asked, event, shipped) == ('hazards: it was ["smoke"], now it is []',)


def test_an_answer_to_other_evidence_differs(shipped: Diagnostician) -> None:
    event = said(shipped, question("the battery drains within an hour"))
    assert differences(question("the screen is cracked"), event, shipped)
    assert differences(question("please have a look at it"), event, shipped) == (
        "it was noizylab.fault.diagnosed.v1, now it is noizylab.diagnosis.abstained.v1",
    )


@pytest.mark.parametrize("engine", ["offline/00000000", "offline/00000000+oracle-1"])
def test_an_answer_of_another_engine_is_not_made_again(shipped: Diagnostician, engine: str) -> None:
    asked = question("the battery drains within an hour")
    (line,) = differences(asked, said(shipped, asked).model_copy(update={"engine": engine}), shipped)
    assert line == f"engine: it was {engine}, here is {shipped.engine}; run the version that wrote it"


def test_an_answer_from_before_there_was_a_why_is_equal(shipped: Diagnostician) -> None:
    asked = question("the battery drains within an hour")
    assert differences(asked, said(shipped, asked).model_copy(update={"why": ""}), shipped) == ()


OPINION = ModelOpinion(
    model="oracle-1", summary="The battery is worn out.", faults=(OpinionOnFault(family="battery", probability=0.9),)
)


def test_a_language_models_opinion_is_taken_as_it_was_recorded(shipped: Diagnostician) -> None:
    asked = question("the battery drains within an hour")
    outcome = decide(asked, shipped.with_opinion(asked, OPINION), NOW)
    assert isinstance(outcome, Emit)
    (event,) = outcome.messages
    assert isinstance(event, FaultDiagnosed)
    assert event.engine == f"{shipped.engine}+oracle-1"
    assert differences(asked, event, shipped) == ()
    doubted = event.model_copy(update={"opinion": OPINION.model_copy(update={"trust": 0.1})})
    assert differences(asked, doubted, shipped)


def test_why_a_language_model_was_not_heard_is_no_difference(shipped: Diagnostician) -> None:
    asked = question("the battery drains within an hour")
    event = said(shipped, asked)
    assert isinstance(event, FaultDiagnosed)
    note = f"{event.summary}{NOT_HEARD}Transient: overloaded. Try later."
    degraded = event.model_copy(update={"summary": note, "degraded": True})
    assert differences(asked, degraded, shipped) == ()
