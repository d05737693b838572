"""The section of the bench that goes through the fake service: all of it, without the waiting."""

from dataclasses import dataclass

import pytest

from infra.bench import diagnosis_claude


@dataclass(frozen=True)
class Options:
    seed: int = 1


def test_measures_whole_diagnoses_and_none_goes_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis_claude, "FIRST_EVENT_S", (0.05, 0.06))
    monkeypatch.setattr(diagnosis_claude, "TOKENS_PER_S", float("inf"))
    monkeypatch.setattr(diagnosis_claude, "DIAGNOSES", 6)
    said: list[str] = []
    found = diagnosis_claude.run(Options(), said.append)
    assert (found["claude_degraded"], found["claude_requests"]) == (0, 12)
    assert 100 <= found["claude_ms_p50"] <= found["claude_ms_p95"]
    assert said
