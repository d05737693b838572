"""Wires pricing to its topics and to the price list."""

from collections.abc import Mapping

from connectors.bus.aggregate import Aggregates
from connectors.bus.app import App
from connectors.pricelist.port import PartPrice, PriceList
from processors.pricing.config import Policy
from processors.pricing.decide import decide
from processors.pricing.state import evolve_one, keys_of
from schemas.core.envelope import Envelope
from schemas.core.outcome import Outcome
from schemas.quotes import AcceptQuote, DeclineQuote, PrepareQuote, QuoteView
from topics.quotes import QUOTE_COMMANDS, QUOTE_EVENTS, QUOTE_VIEWS

# Aggregates rather than Aggregate: an answer where no quote is, is an event of a quote that has no view.
QUOTES = Aggregates(view=QUOTE_VIEWS, keys=keys_of, evolve=evolve_one)


def wire(app: App, prices: PriceList, policy: Policy) -> None:
    """Price planned repairs and take the customers' answers. Importing this module registers nothing."""

    @app.agent(QUOTE_COMMANDS, emits=(QUOTE_EVENTS,), state=QUOTES)
    async def quote(
        command: PrepareQuote | AcceptQuote | DeclineQuote, envelope: Envelope, quotes: Mapping[str, QuoteView]
    ) -> Outcome:
        known: Mapping[str, PartPrice] = {}
        if isinstance(command, PrepareQuote):
            known = await prices.lookup(
                {*(line.sku for line in command.parts), *(line.sku for line in command.missing)}
            )
        return decide(command, quotes.get(command.ticket_id), envelope.time, known, policy)
