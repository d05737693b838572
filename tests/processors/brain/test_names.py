"""What a language model names is on the board, or it is not said."""

from typing import Any

from connectors.llm.port import Suggestion
from processors.brain.names import UNCHECKED, checked, names_in
from tests.processors.brain.boards import BOARD


def said(**changes: Any) -> Suggestion:
    answer: dict[str, Any] = {
        "summary": "The charger chip is dead.",
        "faults": [{"family": "power", "probability": 0.7, "evidence": ["PPBUS_G3H is low."]}],
    }
    return Suggestion.model_validate(answer | changes)


def test_keeps_what_the_board_has_and_says_where_it_stands() -> None:
    fault = {"family": "power", "probability": 0.7, "components": ["U7000", "f7000"], "nets": ["PPBUS_G3H"]}
    found = checked(said(faults=[fault]), BOARD)
    assert (found.trust, found.unknown, found.remark) == (1.0, (), "")
    assert found.suggestion.faults[0].evidence == ("Suspects U7000, f7000, PPBUS_G3H (in the design file)",)


def test_drops_what_the_board_does_not_have_and_believes_the_rest_less() -> None:
    fault = {
        "family": "power",
        "probability": 0.7,
        "components": ["U7000", "U9999"],
        "nets": ["PPBUS_G3H", "PP42V_S9"],
        "evidence": ["U9999 is hot.", "The customer smelt smoke."],
    }
    found = checked(said(faults=[fault]), BOARD)
    assert found.unknown == ("PP42V_S9", "U9999")
    assert found.trust == 0.5
    assert "PP42V_S9, U9999" in found.remark
    assert found.suggestion.faults[0].evidence == (
        "Suspects U7000, PPBUS_G3H (in the design file)",
        "The customer smelt smoke.",
    )


def test_drops_sentences_and_measurements_about_what_is_not_there() -> None:
    wanted = {"what": "Voltage", "where": "TP4711", "expected": "3.3 V", "why": "tells", "minutes": 2}
    answer = said(
        summary="U9999 has failed. The board is dry.", measurement=wanted, hazards=["C8888 holds 400 V.", "Hot."]
    )
    found = checked(answer, BOARD)
    assert found.suggestion.summary == "The board is dry."
    assert found.suggestion.measurement is None
    assert found.suggestion.hazards == ("Hot.",)


def test_a_summary_of_nothing_but_inventions_becomes_a_plain_one() -> None:
    assert checked(said(summary="U9999 has failed."), BOARD).suggestion.summary == "Suspects power."


def test_a_measurement_keeps_its_place_and_loses_an_invented_reason() -> None:
    wanted = {"what": "Voltage", "where": "F7000", "expected": "12 V", "why": "U9999 needs it.", "minutes": 2}
    measurement = checked(said(measurement=wanted), BOARD).suggestion.measurement
    assert measurement is not None
    assert (measurement.where, measurement.why) == ("F7000", "Tells the likeliest faults apart.")


def test_without_a_design_file_names_are_marked_as_not_checked() -> None:
    fault = {"family": "power", "probability": 0.7, "components": ["U1"], "evidence": ["R5 is open.", "It is wet."]}
    found = checked(said(faults=[fault]), None)
    assert found.trust == 1.0
    assert found.suggestion.faults[0].evidence == (
        f"Suspects U1 ({UNCHECKED})",
        f"R5 is open. ({UNCHECKED})",
        "It is wet.",
    )


def test_knows_a_reference_from_an_ordinary_word() -> None:
    assert names_in("U7000, FB12, TP4 and PP3V3_S0 or I2C0_SDA") == {"U7000", "FB12", "TP4", "PP3V3_S0", "I2C0_SDA"}
    assert names_in("Press F5; USB3 and DDR4 in state P3, 5V, A4, IPX7, M2, Windows 11") == set()
