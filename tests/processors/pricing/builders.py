"""Small builders of quotes, and Hypothesis strategies over repairs and price lists."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st

from connectors.pricelist.port import GRADES, PartPrice
from processors.pricing.config import Policy
from processors.pricing.decide import decide
from schemas.core.outcome import Emit
from schemas.devices import Device
from schemas.diagnoses import PartLine
from schemas.quotes import MissingPart, PrepareQuote, QuotePrepared, QuoteView

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=31)
POLICY = Policy()
LEVEL = Policy(jitter_percents=(0,))
TICKET = "T-0001-abcd"
BATTERY, SCREEN = "battery.laptop", "screen.laptop"
PRICES = {
    BATTERY: PartPrice(BATTERY, "Laptop battery", {"aftermarket": 3_400, "original": 5_440}, 4),
    SCREEN: PartPrice(SCREEN, "Laptop screen", {"refurbished": 4_700, "aftermarket": 7_600, "original": 13_300}, None),
}
SKUS = tuple(f"part{n}.laptop" for n in range(4))


def prepare(*parts: tuple[str, int], **changes: Any) -> PrepareQuote:
    fields: dict[str, Any] = {
        "ticket_id": TICKET,
        "device": Device(category="laptop"),
        "fault_family": "battery_worn",
        "parts": tuple(PartLine(sku=sku, quantity=quantity) for sku, quantity in parts),
        "labour_minutes": 45,
        "success_probability": 0.9,
    }
    return PrepareQuote(**fields | changes)


def quoted(command: PrepareQuote, prices: Any = None, policy: Policy = POLICY) -> QuotePrepared:
    outcome = decide(command, None, NOW, PRICES if prices is None else prices, policy)
    assert isinstance(outcome, Emit)
    (quote,) = outcome.messages
    assert isinstance(quote, QuotePrepared), quote
    return quote


def view(quote: QuotePrepared) -> QuoteView:
    return QuoteView(ticket_id=quote.ticket_id, status="prepared", quote=quote)


def price_of(sku: str, costs: dict[Any, int]) -> PartPrice:
    return PartPrice(sku, sku.split(".", maxsplit=1)[0], costs, 3)


price_lists = st.fixed_dictionaries(
    {
        sku: st.dictionaries(st.sampled_from(GRADES), st.integers(1, 60_000), min_size=1).map(partial(price_of, sku))
        for sku in SKUS
    }
)
tickets = st.integers(0, 10**6).map(lambda number: f"T-{number:06d}")
part_lines = st.builds(PartLine, sku=st.sampled_from(SKUS), quantity=st.integers(1, 5))
repairs = st.builds(
    PrepareQuote,
    ticket_id=tickets,
    device=st.just(Device(category="laptop")),
    fault_family=st.just("worn"),
    parts=st.lists(part_lines, max_size=4).map(tuple),
    missing=st.lists(
        st.builds(
            MissingPart,
            sku=st.sampled_from(SKUS),
            quantity=st.integers(1, 3),
            lead_time_days=st.none() | st.integers(0, 60),
        ),
        max_size=2,
    ).map(tuple),
    labour_minutes=st.integers(1, POLICY.longest_labour_minutes),
    success_probability=st.floats(POLICY.least_success_probability, 1),
)
