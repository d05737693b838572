from processors.brain.diagnostician import Diagnostician
from processors.brain.why import why
from schemas.diagnoses import Evidence, Measurement, RankedFault
from tests.processors.brain.cases import question


def fault(title: str, probability: float, *evidence: tuple[str, float]) -> RankedFault:
    reasons = tuple(
        Evidence.model_validate({"source": source, "text": f"{source} says so", "weight_nats": nats})
        for source, nats in evidence
    )
    return RankedFault(family="screen", title=title, probability=probability, evidence=reasons)


def test_tells_what_speaks_for_and_against_the_runner_up_and_what_would_settle_it() -> None:
    measurement = Measurement(
        what="Torch test", where="panel", expected="even light", why="", minutes=8, expected_bits=0.42
    )
    first = fault("Screen", 0.83, ("complaint", 2.0), ("inspection", 0.4), ("history", -0.5))
    said = why([first, fault("USB port", 0.05)], measurement, abstained=False)
    assert said == (
        "I think it is screen: very likely (83 in 100). For it speak strongly the customer's words and the photos of "
        "the board: complaint says so; inspection says so. Against it speaks the device's history: history says so. "
        "USB port comes next, far behind. What would tell most: torch test (8 minutes, 0.4 bits on average)."
    )


def test_says_when_nothing_speaks_for_the_first_and_when_two_are_alike() -> None:
    said = why([fault("Screen", 0.2), fault("Battery", 0.19)], None, abstained=True)
    assert said.startswith("I am not sure enough to name one fault. The likeliest is screen: a guess (20 in 100).")
    assert "Nothing that was said or seen speaks for it" in said
    assert said.endswith("Battery is nearly as likely.")


def test_every_answer_has_a_why(shipped: Diagnostician) -> None:
    for complaint in ("the battery drains within an hour", "please have a look at it", "画面が割れました"):
        answer = shipped.offline(question(complaint))
        assert answer.why.count(".") >= 2
        assert "in 100" in answer.why
