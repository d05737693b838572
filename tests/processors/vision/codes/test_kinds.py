"""What a code on a label is."""

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from processors.vision.codes.kinds import kind_of
from schemas.core.check_digits import gtin_check_digit, luhn_check_digit
from schemas.labels import Symbology


@pytest.mark.parametrize(
    ("text", "symbology", "kind", "number"),
    [
        ("490154203237518", "code_128", "imei", "490154203237518"),
        ("IMEI1: 49 015420 323751 8", "qr", "imei", "490154203237518"),
        ("490154203237519", "code_128", "other", "490154203237519"),
        ("000000000000000", "code_128", "other", "000000000000000"),
        ("S/N: C02XL0GTJGH5", "code_128", "serial", "C02XL0GTJGH5"),
        ("Serial No. 5CG7-12", "code_39", "serial", "5CG7-12"),
        ("SN5CG712", "code_128", "other", "SN5CG712"),
        ("5CG8322FMV", "code_128", "other", "5CG8322FMV"),
        ("4006381333931", "ean_13", "gtin", "4006381333931"),
        ("4006381333932", "ean_13", "other", "4006381333932"),
        ("4006381333931", "code_128", "other", "4006381333931"),
        ("(01)09506000134352(17)271231", "data_matrix", "gtin", "09506000134352"),
        ("(01)09506000134352(21)A1B2", "data_matrix", "serial", "A1B2"),
        ("P/N: LP-133-WH2", "code_128", "part_number", "LP-133-WH2"),
        ("HTTPS://example.com/a?b=c", "qr", "link", "HTTPS://example.com/a?b=c"),
        ("see https://example.com", "qr", "other", "see https://example.com"),
        ("", "qr", "other", ""),
    ],
)
def test_is_known_by_its_grammar_and_check_digit(text: str, symbology: Symbology, kind: str, number: str) -> None:
    told = kind_of(text, symbology)
    assert (told.kind, told.number) == (kind, number)


def test_knows_the_makers_part_number_on_a_bag_of_parts_as_the_decoder_reads_it() -> None:
    made = zxingcpp.create_barcode(
        "[)>\x1e06\x1dP296-1234-1\x1d1PTPS65987DDH\x1dQ25\x1e\x04", zxingcpp.BarcodeFormat.DataMatrix
    )
    [read] = zxingcpp.read_barcodes(zxingcpp.write_barcode_to_image(made, scale=4, add_quiet_zones=True))
    told = kind_of(read.text, "data_matrix")
    assert (told.kind, told.number) == ("part_number", "TPS65987DDH")


@given(st.text("0123456789", min_size=14, max_size=14), st.integers(0, 14), st.integers(1, 9))
def test_no_imei_has_a_single_wrong_digit(stem: str, position: int, shift: int) -> None:
    right = stem + str(luhn_check_digit(stem))
    wrong = right[:position] + str((int(right[position]) + shift) % 10) + right[position + 1 :]
    assert kind_of(wrong, "code_128").kind == "other"
    assert kind_of(right, "code_128").kind == "imei" or len(set(right)) == 1


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 12), st.integers(1, 9))
def test_no_gtin_has_a_single_wrong_digit(stem: str, position: int, shift: int) -> None:
    right = stem + str(gtin_check_digit(stem))
    wrong = right[:position] + str((int(right[position]) + shift) % 10) + right[position + 1 :]
    assert (kind_of(right, "ean_13").kind, kind_of(wrong, "ean_13").kind) == ("gtin", "other")


@given(st.text(max_size=60), st.sampled_from(["qr", "code_128", "ean_13"]))
def test_takes_any_text(text: str, symbology: Symbology) -> None:
    assert kind_of(text, symbology).number.split() or not text.split()
