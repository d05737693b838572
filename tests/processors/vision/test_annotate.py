"""Drawn pictures: labels stay inside, and never cover each other."""

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.vision.annotate import place_labels
from schemas.inspections import Box, Finding

SHAPE = (1200, 1600, 3)

boxes = st.builds(
    Box,
    x_px=st.integers(0, 1500),
    y_px=st.integers(0, 1100),
    width_px=st.integers(1, 100),
    height_px=st.integers(1, 100),
)
findings = st.builds(
    Finding,
    kind=st.sampled_from(["bridge", "open", "missing_part", "residue", "difference"]),
    confidence=st.floats(0, 1),
    severity=st.sampled_from(["low", "medium", "high"]),
    photo=st.just(0),
    box=boxes,
    area_px=st.integers(1, 9000),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(findings, max_size=24))
def test_keeps_labels_apart_and_inside_when_findings_crowd(listed: list[Finding]) -> None:
    labels = place_labels(SHAPE, listed, 1.0, 1.0)
    assert len(labels) == len(listed)
    drawn = [label.place for label in labels if label.place[2] > label.place[0]]
    for i, a in enumerate(drawn):
        assert 0 <= a[0] <= a[2] <= SHAPE[1]
        assert 0 <= a[1] <= a[3] <= SHAPE[0]
        assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in drawn[i + 1 :])


def test_labels_every_finding_when_they_are_apart() -> None:
    listed = [
        Finding(
            kind="bridge",
            confidence=0.9,
            severity="high",
            photo=0,
            box=Box(x_px=100 + 300 * i, y_px=400, width_px=40, height_px=40),
            area_px=99,
        )
        for i in range(4)
    ]
    assert all(label.place[2] > label.place[0] for label in place_labels(SHAPE, listed, 1.0, 1.0))
