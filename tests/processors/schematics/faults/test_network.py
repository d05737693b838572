"""Conductances in blocks: the same as one matrix."""

import numpy as np
import pytest

from processors.schematics.faults.network import Network


def ladder() -> Network:
    """Two islands: 1 S to ground at 0 and 1 S on to 1; 0.5 S to ground at 2."""
    made = Network(3, [(0, 1)], (1, 1))
    made.join(0, None, 1.0)
    made.join(0, 1, 1.0)
    made.join(2, None, 0.5)
    made.join(1, None, 1e-9)
    return made


def test_currents_make_the_voltages_of_ohms_law() -> None:
    volts = ladder().solve(np.array([[[0.0, 1.0, 1.0]]]))
    assert volts[0, 0] == pytest.approx([1.0, 2.0, 2.0])


def test_resistances_add_up_in_a_row_and_islands_meet_only_over_ground() -> None:
    ohms = ladder().resistances()
    assert ohms.between(0)[0, 0] == pytest.approx(1.0)
    assert ohms.between(1)[0, 0] == pytest.approx(2.0)
    assert ohms.between(0, 1)[0, 0] == pytest.approx(1.0)
    assert ohms.between(1, 2)[0, 0] == pytest.approx(4.0)


def test_a_copy_changes_alone() -> None:
    first = ladder()
    first.copy().join(2, None, 9.5)
    assert first.resistances().between(2)[0, 0] == pytest.approx(2.0)
