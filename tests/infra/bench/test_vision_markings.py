"""The section on markings: its figures."""

from infra.bench.vision.markings import run


def test_reads_most_markings_exactly() -> None:
    said: list[str] = []
    found = run(51, True, said.append)
    assert found["markings_exact"] >= 0.85
    assert found["markings_exact"] + found["markings"]["wrong"] <= 1
    assert set(found["markings"]["by_face"]) == {"outline", "outline-heavy", "Vera", "VeraBd"}
    assert len(said) == 1
