"""Sizes of bodies out of the names of packages, as several CAD systems write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.vision.parts.bodies import body_of, is_part


@pytest.mark.parametrize(
    ("package", "size"),
    [
        ("Resistor_SMD:R_0603_1608Metric", (1.6, 0.8)),
        ("C_0402_1005Metric", (1.0, 0.5)),
        ("R_1206_3216Metric_Pad1.30x1.75mm_HandSolder", (3.2, 1.6)),
        ("0805", (2.0, 1.25)),
        ("RESC1608X55N_0603M", (0.6, 0.3)),
        ("1608_C", (1.6, 0.8)),
        ("R0402", (1.0, 0.5)),
        ("SOIC-8_3.9x4.9mm_P1.27mm", (3.9, 4.9)),
        ("SO8", (3.9, 4.9)),
        ("SOT-23-5", (1.6, 2.9)),
        ("SOT23", (1.3, 2.9)),
        ("SOT-363_SC-70-6", (1.25, 2.0)),
        ("QFN-48-1EP_7x7mm_P0.5mm_EP5.6x5.6mm", (7.0, 7.0)),
        ("Texas_RGY_R-PVQFN-N16_EP2.05x2.55mm", None),
        ("CP_Elec_6.3x5.9", (6.6, 6.6)),
        ("CP_EIA-3528-21_Kemet-B_Pad1.50x2.35mm_HandSolder", (3.5, 2.8)),
        ("TANT-D", (7.3, 4.3)),
        ("PinHeader_2x04_P2.54mm_Vertical", (5.08, 10.16)),
        ("JST_XH_S6B-XH-A_1x06_P2.50mm_Horizontal", None),
        ("C_Disc_D5.1mm_W3.2mm_P5.00mm", (5.1, 3.2)),
        ("LED_D5.0mm", (5.0, 5.0)),
        ("Crystal_SMD_3225-4Pin_3.2x2.5mm", (3.2, 2.5)),
        ("R_Array_Convex_4x0402", (1.0, 2.0)),
        ("SMA", (4.3, 2.6)),
        ("SW_PUSH_SMALL", None),
        ("DSUB-9_Female_P2.77x2.84mm", None),
        ("", None),
    ],
)
def test_reads_the_size_that_the_name_says(package: str, size: tuple[float, float] | None) -> None:
    assert body_of(package) == size


def test_knows_what_is_no_part() -> None:
    assert is_part("R1", "R_0603")
    for reference, package in (("FID1", "Fiducial_1mm"), ("REF**", "R_0603"), ("TP3", "TestPoint_Pad_D1.0mm")):
        assert not is_part(reference, package)


@given(st.text(max_size=40))
def test_any_name_gives_a_size_in_reason_or_none(package: str) -> None:
    size = body_of(package)
    assert size is None or 0 < min(size) <= max(size) <= 100
