import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.brain.diagnostician import Diagnostician
from processors.brain.families import FAMILIES
from schemas.devices import Device
from schemas.diagnoses import DiagnoseFault
from schemas.inspections import Finding
from tests.processors.brain.cases import complaints, devices, findings, question

_ENGINE = Diagnostician.shipped()


@settings(max_examples=150, deadline=None)
@given(complaint=complaints, device=devices, seen=st.lists(findings, max_size=6))
def test_ranks_every_family_once_and_repeats_itself_for_any_input(
    complaint: str, device: Device, seen: list[Finding]
) -> None:
    asked = question("x").model_copy(update={"complaint": complaint, "device": device, "findings": tuple(seen)})
    ranking = _ENGINE._ranked(asked)
    shares = [fault.probability for fault in ranking.faults]
    assert {fault.family for fault in ranking.faults} == set(FAMILIES)
    assert math.isclose(sum(shares), 1, abs_tol=1e-6)
    assert shares == sorted(shares, reverse=True)
    assert 0 <= ranking.unclear <= 1
    assert ranking == _ENGINE._ranked(asked)


@settings(max_examples=100, deadline=None)
@given(complaint=complaints, device=devices, seen=st.lists(findings, max_size=6))
def test_answers_with_a_plan_or_abstains_with_a_reason_for_any_input(
    complaint: str, device: Device, seen: list[Finding]
) -> None:
    asked = question("x").model_copy(update={"complaint": complaint, "device": device, "findings": tuple(seen)})
    answer = _ENGINE.offline(asked)
    assert (answer.plan is None) == (answer.abstained is not None)
    assert answer.confidence == answer.faults[0].probability
    assert answer.next_measurement is not None
    assert answer.raise_confidence


@settings(max_examples=60, deadline=None)
@given(complaint=complaints, seen=st.lists(findings, max_size=4), extra=st.permutations(range(4)))
def test_does_not_care_in_which_order_the_findings_come(complaint: str, seen: list[Finding], extra: list[int]) -> None:
    shuffled = [seen[place] for place in extra if place < len(seen)]

    def shares(listed: list[Finding]) -> dict[str, float]:
        asked = question("x").model_copy(update={"complaint": complaint, "findings": tuple(listed)})
        return {fault.family: fault.probability for fault in _ENGINE._ranked(asked).faults}

    assert shares(shuffled) == pytest.approx(shares(seen))


def test_is_the_same_for_accents_case_and_compatibility_forms() -> None:
    def shares(text: str) -> list[tuple[str, float]]:
        return [(fault.family, fault.probability) for fault in _ENGINE._ranked(question(text)).faults]

    assert shares("L'ÉCRAN est CASSÉ") == shares("l'écran est cassé") == shares("l'e\u0301cran est casse\u0301")


def test_accepts_the_longest_complaint_of_the_schema() -> None:
    longest = DiagnoseFault.model_validate(question("battery ").model_dump() | {"complaint": "battery " * 1250})
    assert _ENGINE.offline(longest).faults[0].family == "battery"
