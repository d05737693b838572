"""Numbers that people read to each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core.ticket_number import ALPHABET, read_number, ticket_number


def test_a_number_stays_what_it_was() -> None:
    """Numbers are printed on labels: a changed rule would make every label wrong."""
    assert ticket_number("T-0001") == "RVCB-1CK5-S"


@given(st.text(max_size=40))
def test_a_number_is_read_back_however_it_is_typed(ticket_id: str) -> None:
    number = ticket_number(ticket_id)
    assert read_number(number) == number
    assert read_number(f" {number.lower().replace('-', '').replace('0', 'o').replace('1', 'l')} ") == number


@given(st.uuids(), st.integers(0, 8), st.sampled_from(ALPHABET))
def test_any_single_wrong_sign_is_found(ticket_id: object, position: int, sign: str) -> None:
    signs = ticket_number(f"T-{ticket_id}").replace("-", "")
    wrong = signs[:position] + sign + signs[position + 1 :]
    assert (read_number(wrong) is None) is (wrong != signs)


@pytest.mark.parametrize("text", ["", "RVCB-1CK5", "RVCB-1CK5-S0", "RVCB_1CK5-S", "UUUU-UUUU-U"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_number(text) is None
