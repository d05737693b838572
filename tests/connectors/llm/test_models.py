"""The tables of models and prices, held against the SDK's own lists and against arithmetic."""

from datetime import date
from typing import get_args

import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS
from anthropic.types.model import Model

from connectors.llm.models import CURRENT, DEFAULT_MODEL, ENDS, advice
from connectors.llm.prices import PRICES, Price, budget_price

TODAY = date(2026, 11, 24)


def test_knows_every_model_that_the_sdk_names() -> None:
    named = set(get_args(get_args(Model)[0]))
    assert named == {*CURRENT, *ENDS} & named
    assert named >= CURRENT


def test_knows_which_are_deprecated_and_until_when_as_the_sdk_does() -> None:
    for model, ends in ENDS.items():
        assert DEPRECATED_MODELS[model].startswith(f"{ends:%B} {ends.day}")
    assert CURRENT.isdisjoint(DEPRECATED_MODELS)


def test_has_nothing_to_say_about_the_default() -> None:
    assert advice(DEFAULT_MODEL, TODAY) is None


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("claude-sonnet-4-5", "stops answering on 2026-11-30; set NOIZYLAB_CLAUDE_MODEL to claude-sonnet-5-5"),
        ("claude-opus-4-0", "stopped answering on 2026-06-15; set NOIZYLAB_CLAUDE_MODEL to claude-opus-5-5"),
        ("claude-opus-55", "not among the models known on 2026-11-22; check NOIZYLAB_CLAUDE_MODEL"),
        ("claude-opus-4-8", "budgets count it as the dearest"),
    ],
)  # fmt: skip
def test_says_what_to_do_about_a_model(model: str, said: str) -> None:
    assert said in (advice(model, TODAY) or "")


def test_prices_each_kind_of_token_apart() -> None:
    assert PRICES["claude-opus-5-5"].cents(1_000_000, 0) == pytest.approx(400)
    assert PRICES["claude-opus-5-5"].cents(0, 1_000_000) == pytest.approx(2_000)
    assert PRICES["claude-opus-5-5"].cents(0, 0, 1_000_000, 1_000_000, 1_000_000) == pytest.approx(1_320)


def test_prices_a_long_prompt_by_its_own_rate() -> None:
    haiku = PRICES["claude-haiku-5-5"]
    assert haiku.cents(100_000, 0) == pytest.approx(1)
    assert haiku.cents(200_000, 0) == pytest.approx(10)


def test_a_budget_counts_no_request_below_its_cost() -> None:
    price = Price(4, 20, 5, 8, 0.2)
    assert price.most_cents(1_000, 100) >= price.cents(1_000, 100)
    assert price.most_cents(1_000, 100) >= price.cents(0, 100, 500, 0, 500)
    assert budget_price("claude-unheard-1") == PRICES["claude-fable-5-1"]
