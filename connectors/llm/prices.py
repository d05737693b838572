"""What language models cost. List prices of 2026-11-22, US dollars per million tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

PRICES_DATE = "2026-11-22"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. Cache writes live five minutes or an hour.

    ``long_factor`` multiplies all of them for a prompt of more than ``long_from_tokens``.
    """

    input_usd: float
    output_usd: float
    cache_write_usd: float
    cache_write_1h_usd: float
    cache_read_usd: float
    long_from_tokens: int | None = None
    long_factor: float = 1.0

    def cents(
        self,
        input_tokens: int,
        output_tokens: int,
        cache_write_tokens: int = 0,
        cache_read_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
    ) -> float:
        """Return the cost in US cents, to a ten-thousandth. ``input_tokens`` are those outside the cache."""
        dollars = (
            input_tokens * self.input_usd
            + output_tokens * self.output_usd
            + cache_write_tokens * self.cache_write_usd
            + cache_write_1h_tokens * self.cache_write_1h_usd
            + cache_read_tokens * self.cache_read_usd
        ) / 1_000_000
        prompt = input_tokens + cache_write_tokens + cache_write_1h_tokens + cache_read_tokens
        is_long = self.long_from_tokens is not None and prompt > self.long_from_tokens
        return round(100 * dollars * (self.long_factor if is_long else 1.0), 4)

    def most_cents(self, input_tokens: int, output_tokens: int) -> float:
        """Return the most that a request can cost, in US cents: all of its prompt written to the cache."""
        return self.cents(0, output_tokens, cache_write_1h_tokens=input_tokens)


PRICES: Mapping[str, Price] = {
    "claude-opus-5-5": Price(4, 20, 5, 8, 0.20),
    "claude-sonnet-5-5": Price(2, 10, 2.50, 4, 0.20),
    # The two below are listed without cache prices: writes are taken at twice the input's price, as the others' hourly
    # ones are, and reads at the full price, so that the figure is never too low.
    "claude-haiku-5-5": Price(0.10, 0.50, 0.20, 0.20, 0.10, long_from_tokens=100_000, long_factor=5.0),
    "claude-fable-5-1": Price(10, 50, 20, 20, 10),
}
"""A model that is not listed has no known cost: better no figure than a wrong one."""


def budget_price(model: str) -> Price:
    """Return what a budget counts with: the model's price, or the dearest listed one when it is not known."""
    return PRICES.get(model) or max(PRICES.values(), key=lambda price: price.output_usd)
