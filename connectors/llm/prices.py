"""What language models cost. List prices of 2026-11-22, US dollars per million tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

PRICES_DATE = "2026-11-22"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. Cache writes are those that live five minutes."""

    input_usd: float
    output_usd: float
    cache_write_usd: float
    cache_read_usd: float

    def cents(self, input_tokens: int, output_tokens: int, cache_write_tokens: int, cache_read_tokens: int) -> float:
        """Return the cost in US cents, to a ten-thousandth. ``input_tokens`` are those outside the cache."""
        dollars = (
            input_tokens * self.input_usd
            + output_tokens * self.output_usd
            + cache_write_tokens * self.cache_write_usd
            + cache_read_tokens * self.cache_read_usd
        ) / 1_000_000
        return round(100 * dollars, 4)


PRICES: Mapping[str, Price] = {
    "claude-opus-5-5": Price(4, 20, 5, 0.20),
    "claude-sonnet-5-5": Price(2, 10, 2.50, 0.20),
}
"""A model that is not listed has no known cost: better no figure than a wrong one."""
