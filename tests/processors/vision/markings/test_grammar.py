"""What codes on small parts mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.vision.markings.grammar import E24, E96, Kind, agrees, meanings, value_of


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("103", "resistor", 10e3),
        ("1002", "resistor", 10e3),
        ("4R7", "resistor", 4.7),
        ("R047", "resistor", 0.047),
        ("5M0", "resistor", 0.005),
        ("01C", "resistor", 10e3),
        ("68X", "resistor", 49.9),
        ("96F", "resistor", 97.6e6),
        ("000", "resistor", 0.0),
        ("R47", "inductor", 0.47e-6),
        ("4R7", "inductor", 4.7e-6),
        ("101", "inductor", 100e-6),
        ("8N2", "inductor", 8.2e-9),
        ("107", "capacitor", 100e-6),
        ("226C", "capacitor", 22e-6),
    ],
)
def test_says_the_value_when_the_text_is_a_code(text: str, kind: Kind, value: float) -> None:
    assert meanings(text, kind)[0].value == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "1", "012", "97A", "10G", "RR1", "ABC", "12345", "R", "R00"])
def test_says_nothing_when_the_text_is_no_code(text: str) -> None:
    assert meanings(text, "resistor") == ()


def test_puts_the_usual_meaning_first_and_tells_both_when_a_text_has_two() -> None:
    first, second = meanings("10R", "resistor")
    assert {first.code, second.code} == {"point", "eia_96"}
    assert meanings("226C", "capacitor")[0].volts == 16.0
    assert not meanings("173", "resistor")[0].usual


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("4k7", "resistor", 4700.0),
        ("10 kΩ 1%", "resistor", 10e3),
        ("100", "resistor", 100.0),
        ("4R7", "resistor", 4.7),
        ("R47", "resistor", 0.47),
        ("2M2", "resistor", 2.2e6),
        ("5m", "resistor", 0.005),
        ("22uF 16V", "capacitor", 22e-6),
        ("100n", "capacitor", 100e-9),
        ("4.7 µH", "inductor", 4.7e-6),
        ("DNP", "resistor", None),
        ("22", "capacitor", None),
    ],
)
def test_understands_values_as_people_write_them(text: str, kind: Kind, value: float | None) -> None:
    found = value_of(text, kind)
    assert found == (None if value is None else pytest.approx(value))


@given(st.sampled_from(sorted(E24)), st.integers(0, 5))
def test_three_and_four_digits_of_one_value_agree(significant: int, power: int) -> None:
    value = significant * 10.0**power
    assert agrees(meanings(f"{significant}{power}", "resistor")[0], value)
    if power:
        assert agrees(meanings(f"{significant}0{power - 1}", "resistor")[0], value)
    assert not agrees(meanings(f"{significant}{power}", "resistor")[0], value * 1.1)


def test_the_96_values_are_those_of_the_standard() -> None:
    assert (E96[0], E96[1], E96[46], E96[67], E96[95]) == (100, 102, 301, 499, 976)
    assert len(set(E96)) == 96
