"""Topics of the quote."""

from datetime import timedelta

from schemas.quotes import (
    AcceptQuote,
    DeclineQuote,
    PrepareQuote,
    QuoteAccepted,
    QuoteAnswerRefused,
    QuoteBlocked,
    QuoteDeclined,
    QuotePrepared,
    QuoteView,
)
from topics.topic import Compact, Delete, Topic

QUOTE_COMMANDS = Topic(
    name="quotes.commands.v1",
    owner="pricing",
    summary="Wishes to price a repair, and the customer's answers.",
    carries=(PrepareQuote, AcceptQuote, DeclineQuote),
    key="ticket_id",
    personal_data=True,
)
QUOTE_EVENTS = Topic(
    name="quotes.events.v1",
    owner="pricing",
    summary="The life of a quote.",
    carries=(QuotePrepared, QuoteBlocked, QuoteAccepted, QuoteDeclined, QuoteAnswerRefused),
    key="ticket_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=365)),
)
QUOTE_VIEWS = Topic(
    name="quotes.views.v1",
    owner="pricing",
    summary="The newest quote of each ticket and its answer.",
    carries=(QuoteView,),
    key="ticket_id",
    personal_data=True,
    cleanup=Compact(),
)
