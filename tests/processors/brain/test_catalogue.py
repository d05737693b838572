import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.brain.cues import CUES, phrases
from processors.brain.evidence import FINDING_NATS
from processors.brain.families import FAMILIES, generic_skus
from processors.brain.hazards import hazards
from processors.brain.language import SUPPORTED, guess
from processors.brain.measurements import TESTS, best_test
from schemas.devices import DEVICE_CATEGORIES


def test_every_family_has_phrases_in_every_language() -> None:
    assert set(CUES) == set(FAMILIES)
    assert all(set(by_language) == set(SUPPORTED) for by_language in CUES.values())
    assert all(text for _, _, text in phrases())


def test_every_generic_sku_is_a_part_and_a_device_category() -> None:
    skus = generic_skus()
    assert "battery.laptop" in skus
    assert len(skus) == len(set(skus))
    for sku in skus:
        assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]{1,60}", sku)
        assert sku.rpartition(".")[2] in DEVICE_CATEGORIES


def test_every_family_fits_somewhere_and_only_known_names_are_used() -> None:
    for family in FAMILIES.values():
        assert family.weights
        assert set(family.weights) | set(family.minutes_by_category) <= set(DEVICE_CATEGORIES)
        assert len(family.steps) >= 3
    assert {name for test in TESTS for name in test.shows} <= set(FAMILIES)
    assert {name for nats in FINDING_NATS.values() for name in nats} <= set(FAMILIES)
    assert all(set(test.categories) <= set(DEVICE_CATEGORIES) for test in TESTS)


@pytest.mark.parametrize("category", DEVICE_CATEGORIES)
def test_some_measurement_is_telling_for_every_family_of_a_category(category: str) -> None:
    for family in FAMILIES.values():
        if family.weights.get(category, 0) < 0.5:
            continue
        found = [test for test in TESTS if test.fits(category) and test.chance_abnormal(family.code) >= 0.3]
        told_apart = [test for test in TESTS if test.fits(category) and test.chance_abnormal(family.code) <= 0.2]
        assert found or told_apart, (category, family.code)


@given(
    st.lists(st.floats(0.001, 1), min_size=len(FAMILIES), max_size=len(FAMILIES)), st.sampled_from(DEVICE_CATEGORIES)
)
def test_the_expected_information_is_never_more_than_the_doubt(weights: list[float], category: str) -> None:
    shares = {family: weight / math.fsum(weights) for family, weight in zip(FAMILIES, weights, strict=True)}
    choice = best_test(shares, category, 0.01)
    assert choice is not None
    assert 0 <= choice.gain_bits <= min(1, choice.doubt_bits) + 1e-9


def test_the_measurement_tells_the_two_candidates_apart() -> None:
    rest = dict.fromkeys(FAMILIES, 0.001)
    choice = best_test(rest | {"battery": 0.5, "charging_port": 0.45}, "mobile", 0.01)
    assert choice is not None
    assert abs(choice.test.chance_abnormal("battery") - choice.test.chance_abnormal("charging_port")) > 0.5
    assert choice.gain_bits > 0.3


@pytest.mark.parametrize(
    ("complaint", "category", "code", "stops"),
    [
        ("the battery is swollen", "mobile", "swollen_battery", True),
        ("Akku ist aufgebläht", "laptop", "swollen_battery", True),
        ("Der Akku wölbt sich nach außen", "laptop", "swollen_battery", True),
        ("da ist Cola darübergelaufen", "laptop", "liquid_inside", False),
        ("batterie gonflée", "mobile", "swollen_battery", True),
        ("opgezwollen accu", "laptop", "swollen_battery", True),
        ("opsvulmet batteri", "laptop", "swollen_battery", True),
        ("alter Röhrenfernseher", "tv", "crt", True),
        ("CRT monitor, no picture", "tv", "crt", True),
        ("Mikrowelle wird nicht warm", "appliance", "microwave", True),
        ("smoke came out", "audio", "smoke_or_sparks", True),
        ("es kam Rauch heraus", "audio", "smoke_or_sparks", True),
        ("il y a une odeur de brûlé", "tv", "smoke_or_sparks", True),
        ("I got a shock from the case", "audio", "electric_shock", True),
        ("spilled coffee", "laptop", "liquid_inside", False),
        ("does nothing", "tv", "mains_voltage", False),
        ("der kommer røg ud", "audio", "smoke_or_sparks", True),
        ("flash broken", "camera", "flash_capacitor", False),
    ],
)
def test_warns_of_a_danger_in_the_complaint(complaint: str, category: str, code: str, stops: bool) -> None:
    found = {hazard.code: hazard for hazard in hazards(complaint, category, ())}
    assert found[code].stops_bench is stops
    assert str(found[code]).startswith("STOP " if stops else code)


def test_puts_the_dangers_that_stop_the_bench_first() -> None:
    found = hazards("swollen battery, spilled water", "audio", ())
    assert [hazard.stops_bench for hazard in found] == sorted((hazard.stops_bench for hazard in found), reverse=True)
    assert len(found) == 3


@pytest.mark.parametrize("complaint", ["the screen is cracked", "Ich brauche es zum Gebrauch", "écran dégonflé"])
def test_sees_no_danger_where_there_is_none(complaint: str) -> None:
    assert hazards(complaint, "mobile", ("screen",)) == ()


@pytest.mark.parametrize(
    ("text", "code", "supported"),
    [
        ("telefonen tænder ikke", "da", True),
        ("das Gerät geht nicht an", "de", True),
        ("it does not turn on", "en", True),
        ("l'appareil ne s'allume pas", "fr", True),
        ("het gaat niet aan", "nl", True),
        ("画面が割れた", "ja", False),
        ("экран разбит", "ru", False),
        ("la pantalla está rota y no enciende", "es", False),
        ("lo schermo non si accende più", "it", False),
        ("Samsung S9 64GB", None, True),
        ("", None, True),
    ],
)
def test_guesses_the_language(text: str, code: str | None, supported: bool) -> None:
    language = guess(text)
    assert (language.code, language.supported) == (code, supported)
