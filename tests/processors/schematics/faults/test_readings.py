"""Readings of a bench as a table."""

from math import inf

import pytest

from processors.schematics.faults.readings import Measured, Spot, read_csv, spots_of
from processors.schematics.faults.supply import supply_of
from tests.processors.schematics.faults.board import board


def test_a_table_of_readings_is_read() -> None:
    text = 'net,quantity,value,other\n+3V3,ohm,0.5,\nVIN,volt,"4,95",\n+5V,ohm,OL,VIN\n'
    assert read_csv(text, board()) == (
        Measured(Spot("ohm", "+3V3"), 0.5), Measured(Spot("volt", "VIN"), 4.95),
        Measured(Spot("ohm", "+5V", "VIN"), inf),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("net,value\n", "r.csv:1: the columns quantity are missing; write net,quantity,value"),
        ("net,quantity,value\n+9V,ohm,1\n", r"r.csv:2: there is no one net '\+9V' on drawn; list them"),
        ("net,quantity,value\n+3V3,farad,1\n", "r.csv:2: the quantity 'farad' is not known; use ohm, volt, diode, amp"),
        ("net,quantity,value\n+3V3,ohm,much\n", "r.csv:2: 'much' is no number; write the value in ohm, or OL"),
        ("net,quantity,value\n+3V3,ohm,-4\n", "r.csv:2: '-4' cannot be a reading in ohm; measure again"),
        ("net,quantity,value\n+3V3,volt,nan\n", "r.csv:2: 'nan' cannot be a reading"),
        ("", "the columns"),
    ],
)
def test_a_table_that_cannot_be_used_says_line_and_remedy(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_csv(text, board(), "r.csv")


def test_rails_series_parts_lines_and_the_input_can_be_measured() -> None:
    spots = spots_of(supply_of(board()))
    assert {
        Spot("ohm", "+3V3"), Spot("volt", "EN_1V8"), Spot("ohm", "+5V", "VIN"), Spot("ohm", "SDA", "+3V3"),
        Spot("amp", "+5V"),
    } <= set(spots)  # fmt: skip
    assert len(spots) == len(set(spots))
