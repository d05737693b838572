"""Codes on the labels of a photo: what they are, where they are, and how much is tried."""

from dataclasses import replace

import cv2
import numpy as np

from connectors.images.decode import DecodeLimits
from infra.demo.boards import to_jpeg
from infra.demo.labels import label
from processors.vision.labels import CodeLimits, codes_on

LINES = ("IMEI:490154203237518", "S/N: C02XL0GTJGH5", "https://example.com/help")


def test_reads_all_codes_of_a_label_and_says_where_they_are_on_a_photo_larger_than_what_is_read() -> None:
    paper = label(*LINES)
    far = cv2.copyMakeBorder(paper, 300, 1200, 2300, 200, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    found = codes_on(to_jpeg(far), CodeLimits(side_px=2400), DecodeLimits())
    assert [(one.kind, one.number) for one in found] == [
        ("imei", "490154203237518"), ("serial", "C02XL0GTJGH5"), ("link", "https://example.com/help"),
    ]  # fmt: skip
    for one in found:
        left, top, width, height = one.box_px
        inside = (left >= 2300, left + width <= 2300 + paper.shape[1], top >= 300, top + height <= 300 + paper.shape[0])
        assert all(inside), one
    assert max(far.shape) > 2400, "else nothing was scaled"


def test_reads_nothing_where_it_is_switched_off_missing_or_no_picture() -> None:
    data = to_jpeg(label(*LINES))
    assert codes_on(data, replace(CodeLimits(), read=False), DecodeLimits()) == ()
    assert codes_on(None, CodeLimits(), DecodeLimits()) == ()
    assert codes_on(b"no picture", CodeLimits(), DecodeLimits()) == ()


def test_gives_up_after_so_many_looks() -> None:
    paper = cv2.GaussianBlur(label("S/N: C02XL0GTJGH5"), (0, 0), 2.6)
    grainy = np.clip(paper.astype(int) + np.random.default_rng(1).normal(0, 3, paper.shape), 0, 255).astype(np.uint8)
    data = to_jpeg(grainy)
    assert codes_on(data, CodeLimits(most_looks=2), DecodeLimits()) == ()
    assert [one.number for one in codes_on(data, CodeLimits(most_looks=86), DecodeLimits())] == ["C02XL0GTJGH5"]
