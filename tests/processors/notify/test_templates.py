import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.notify.templates import LANGUAGES, PARTS, Part, Templates, Unrendered, spoken
from processors.notify.wording import UnfitValue, amount, day, device_name
from schemas.devices import DEVICE_CATEGORIES

TEMPLATES = Templates.load(time_zone="Europe/Berlin")
NAMES = ("quote_ready", "quote_reminder", "repair_approved", "quote_declined", "person_will_call")
ALWAYS = {"ticket_id": "T-1001", "shop_name": "NoizyLab"}
LINK = {"approve_url": "https://shop.example/q/T-1001?t=a&s=b"}
ALL = (
    ALWAYS
    | LINK
    | {
        "customer_name": "Anna",
        "brand": "Acme",
        "device": "laptop 14<&>",
        "total_cents": 123450,
        "currency": "EUR",
        "valid_until": "2026-03-09T23:30:00Z",
        "shop_phone": "+4930123456",
    }
)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_writes_every_text_when_only_what_it_needs_is_given(name: str, language: str, part: Part) -> None:
    bare = TEMPLATES.render(name, language, part, ALWAYS | LINK)
    full = TEMPLATES.render(name, language, part, ALL)
    for text in (bare, full):
        assert isinstance(text, str)
        assert "T-1001" in text
        assert not re.search(r"[{}]|None|\bundefined\b|\n\n\n|  ", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_text_messages_fit_two_segments_when_the_link_is_short(name: str, language: str) -> None:
    text = TEMPLATES.render(name, language, "sms", ALL)
    assert isinstance(text, str)
    assert len(text) <= 2 * 153


def test_reads_as_a_letter_when_everything_is_given() -> None:
    assert TEMPLATES.render("quote_ready", "de", "txt", ALL) == (
        "Guten Tag Anna,\n\n"
        "wir haben Ihr Gerät untersucht, und Ihr Angebot ist fertig. Wir beginnen erst, wenn Sie zustimmen.\n\n"
        "Auftrag: T-1001\nGerät: Acme laptop 14<&>\nGesamtpreis: 1.234,50\u00a0EUR\nGültig bis: 10.03.2026\n\n"
        "Hier können Sie es lesen und beantworten:\nhttps://shop.example/q/T-1001?t=a&s=b\n\n"
        "Fragen? Rufen Sie uns an: +4930123456\n\nFreundliche Grüße\nNoizyLab"
    )


@pytest.mark.parametrize("value", ["approve_url", "ticket_id", "shop_name"])
def test_says_which_value_is_missing_when_the_text_needs_it(value: str) -> None:
    for given_values in ({k: v for k, v in ALL.items() if k != value}, ALL | {value: None}):
        found = TEMPLATES.render("quote_ready", "en", "txt", given_values)
        assert isinstance(found, Unrendered)
        assert found.reason == "template_value_missing"
        assert value in found.detail


def test_asks_for_the_currency_when_there_is_only_an_amount() -> None:
    found = TEMPLATES.render("quote_ready", "en", "txt", ALWAYS | LINK | {"total_cents": 100})
    assert isinstance(found, Unrendered)
    assert (found.reason, "currency" in found.detail) == ("template_value_missing", True)


@pytest.mark.parametrize("wrong", [{"total_cents": "12"}, {"currency": "euro"}, {"valid_until": "soon"}])
def test_refuses_a_value_when_it_cannot_be_written(wrong: dict[str, str | int | None]) -> None:
    found = TEMPLATES.render("quote_ready", "en", "txt", ALL | wrong)
    assert isinstance(found, Unrendered)
    assert found.reason == "template_value_unfit"


def test_names_the_file_when_a_template_is_unknown() -> None:
    found = TEMPLATES.render("no_such", "en", "txt", ALL)
    assert isinstance(found, Unrendered)
    assert (found.reason, "no_such.en.txt.j2" in found.detail) == ("template_unknown", True)


def test_writes_a_value_as_it_is_when_it_looks_like_a_template() -> None:
    text = TEMPLATES.render("quote_declined", "en", "txt", ALL | {"device": "{{ 7*7 }}{% raw %}"})
    assert isinstance(text, str)
    assert "Device: Acme {{ 7*7 }}{% raw %}" in text


def test_stays_in_the_sandbox_when_a_template_reaches_out() -> None:
    own = Templates({"x.en.txt.j2": "{{ device.__class__.__mro__ }}"})
    found = own.render("x", "en", "txt", {"device": "a"})
    assert isinstance(found, Unrendered)


@pytest.mark.parametrize(
    ("tag", "expected"), [("de", "de"), ("de-AT", "de"), ("DE_ch", "de"), ("pl", "en"), (None, "en"), ("", "en")]
)
def test_speaks_the_nearest_language_when_asked_by_a_tag(tag: str | None, expected: str) -> None:
    assert spoken(tag, "en") == expected


@pytest.mark.parametrize(
    ("units", "currency", "language", "expected"),
    [
        (12900, "EUR", "de", "129,00 EUR"),
        (123456789, "EUR", "en", "1,234,567.89 EUR"),
        (100000, "EUR", "fr", "1\u202f000,00 EUR"),
        (5, "DKK", "da", "0,05 DKK"),
        (-5, "EUR", "nl", "−0,05 EUR"),
        (1500, "JPY", "en", "1,500 JPY"),
        (1500, "KWD", "en", "1.500 KWD"),
    ],
)
def test_writes_an_amount_as_the_language_does_when_it_is_whole(
    units: int, currency: str, language: str, expected: str
) -> None:
    assert amount(units, currency, language) == expected.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", "10 Mar 2026"), ("de", "10.03.2026"), ("fr", "10/03/2026"), ("nl", "10-03-2026"), ("da", "10.03.2026")],
)
def test_writes_the_day_of_the_shop_when_it_is_still_yesterday_in_utc(language: str, expected: str) -> None:
    assert day("2026-03-09T23:30:00Z", language, "Europe/Berlin") == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_every_device_when_it_is_a_category(language: str) -> None:
    found = [device_name(category, language) for category in DEVICE_CATEGORIES]
    assert len(set(found)) == len(DEVICE_CATEGORIES)
    assert "_" not in "".join(found)
    assert device_name("Acme 9000", language) == "Acme 9000"


def test_leaves_no_gap_when_the_brand_is_empty() -> None:
    text = TEMPLATES.render("quote_declined", "de", "txt", ALL | {"brand": "", "device": "musical_instrument"})
    assert isinstance(text, str)
    assert "Gerät: Musikinstrument\n" in text


@pytest.mark.parametrize("wrong", ["", "2026-03-09T10:00:00", None, 5, "9999-12-31T23:59:59Z"])
def test_refuses_a_day_when_it_is_no_moment(wrong: object) -> None:
    with pytest.raises(UnfitValue):
        day(wrong, "en", "Europe/Berlin")


@given(st.dictionaries(st.sampled_from(sorted(ALL)), st.none() | st.integers() | st.text(max_size=20)))
def test_gives_a_text_or_a_reason_when_values_are_anything(values: dict[str, str | int | None]) -> None:
    for name in NAMES:
        assert isinstance(TEMPLATES.render(name, "en", "txt", values), str | Unrendered)
