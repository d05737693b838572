import random
from dataclasses import replace
from typing import Any

import pytest

from processors.brain.reliability import Outcome, calibration, outcome_of, reliability, temperature_of
from schemas.diagnoses import DiagnosisView
from schemas.tickets import TicketView
from tests.schemas.examples import examples_of


def pair(**changes: Any) -> tuple[TicketView, DiagnosisView]:
    ticket, view = examples_of(TicketView)["full"], examples_of(DiagnosisView)["full"]
    assert isinstance(ticket, TicketView)
    assert isinstance(view, DiagnosisView)
    return ticket.model_copy(update=changes), view


def test_an_outcome_is_what_was_said_and_what_a_technician_found() -> None:
    outcome = outcome_of(*pair(fault_family="battery", outcome="fixed"))
    assert outcome is not None
    assert outcome.right
    assert outcome.fixed
    assert outcome.engine.startswith("offline/")
    wrong = outcome_of(*pair(fault_family="screen", outcome="unrepairable"))
    assert wrong is not None
    assert not wrong.right
    assert wrong.fixed is False
    assert outcome_of(*pair(fault_family=None)) is None


def test_an_abstention_counts_by_what_it_ranked_first() -> None:
    view = examples_of(DiagnosisView)["abstained"]
    assert isinstance(view, DiagnosisView)
    outcome = outcome_of(pair(fault_family="battery")[0], view)
    assert outcome is not None
    assert outcome.success_said is None


def test_reliability_is_by_model_version_and_by_family() -> None:
    report = calibration([pair(fault_family="battery", outcome="fixed"), pair(fault_family="screen", outcome="fixed")])
    (engine,) = report["by_engine"]
    assert report["by_engine"][engine]["outcomes"] == report["by_family"]["battery"]["outcomes"] == 2
    assert report["all"]["accuracy"] == 0.5
    assert sum(one["outcomes"] for one in report["bins"]) == 2
    assert report["success"]["outcomes"] == 2
    assert report["temperatures"] == {engine: None}


def test_says_nothing_of_nothing() -> None:
    assert calibration([])["all"] == {"outcomes": 0, "accuracy": 0.0, "said": 0.0, "ece": 0.0, "brier": 0.0}


def test_the_scores_are_those_of_the_books() -> None:
    found = reliability([(0.95, True), (0.95, False), (0.15, False), (0.15, False)])
    assert found.ece == pytest.approx(0.5 * 0.45 + 0.5 * 0.15, abs=1e-4)
    assert found.brier == pytest.approx((0.05**2 + 0.95**2 + 2 * 0.15**2) / 4, abs=1e-4)


def outcomes(count: int, cooler: float) -> list[Outcome]:
    """Outcomes of a brain whose log-odds are ``cooler`` times too large."""
    source, found = random.Random(3), []
    for _ in range(count):
        said = source.uniform(0.3, 0.97)
        odds = (said / (1 - said)) ** (1 / cooler)
        right = source.random() < odds / (1 + odds)
        found.append(Outcome("offline/x", "screen", "screen" if right else "battery", said))
    return found


def test_a_brain_that_is_too_sure_is_cooled() -> None:
    assert temperature_of(outcomes(4000, 1.0)) == pytest.approx(1.0, abs=0.1)
    assert temperature_of(outcomes(4000, 1.8)) == pytest.approx(1.8, abs=0.25)


def test_no_temperature_is_fitted_below_the_guard() -> None:
    few = outcomes(199, 1.8)
    assert temperature_of(few) is None
    assert temperature_of([*few, replace(few[0])]) is not None
