"""Drawn pictures: labels stay inside, and never cover each other."""

from typing import get_args

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.vision.annotate import annotate, place_labels
from schemas.inspections import Box, DefectKind, Finding

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


def test_numbers_every_finding_when_they_crowd_too_much_for_words() -> None:
    listed = [finding(600 + 18 * (i % 8), 500 + 18 * (i // 8)) for i in range(24)]
    labels = place_labels(SHAPE, listed, 1.0, 1.0)
    assert all(label.place[2] > label.place[0] for label in labels)
    assert [label.text.split()[0] for label in labels] == [str(number) for number in range(1, 25)]


def test_draws_every_kind_and_only_near_its_box() -> None:
    blank = np.full((600, 1000, 3), 90, np.uint8)
    for kind in get_args(DefectKind):
        drawn = cv2.imdecode(np.frombuffer(annotate(blank, [finding(350, 250, kind)]), np.uint8), cv2.IMREAD_COLOR)
        changed = np.abs(drawn[:600].astype(int) - 90).max(2) > 60
        ys, xs = np.nonzero(changed)
        assert xs.size, kind
        assert 340 <= xs.min() <= xs.max() <= 520, kind
        assert 220 <= ys.min() <= ys.max() <= 275, kind


def finding(x_px: int, y_px: int, kind: DefectKind = "bridge") -> Finding:
    box = Box(x_px=x_px, y_px=y_px, width_px=16, height_px=16)
    return Finding(kind=kind, confidence=0.9, severity="high", photo=0, box=box, area_px=99)


def test_blows_a_small_photo_up_so_that_labels_can_be_read() -> None:
    for side_px, drawn_px in ((400, 1000), (1200, 1200), (3000, 1600)):
        file = annotate(np.zeros((side_px, side_px, 3), np.uint8), [])
        drawn = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
        assert drawn is not None
        assert drawn.shape[1] == drawn_px
