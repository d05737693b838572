"""The section on markings: its figures."""

from infra.bench.vision_parts.markings import run


def test_reads_most_markings_exactly() -> None:
    said: list[str] = []
    found = run(51, True, said.append)
    assert found["exact"] >= 0.85
    assert found["exact"] + found["wrong"] <= 1
    assert set(found["by_face"]) == {"outline", "outline-heavy", "Vera", "VeraBd"}
    assert len(said) == 1
