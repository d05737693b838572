"""One log, two worker processes with different processors: they share the work of a repair."""

from pathlib import Path

import pytest

from infra.children import worker_spec
from infra.shop import ALL_WORKERS
from schemas.notifications import NotificationSent
from schemas.quotes import AcceptQuote, QuotePrepared
from schemas.workflow import FlowEnded
from tests.scenarios.live import live_shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FRONT = ("tickets", "orchestrator", "notify")
BACK = tuple(sorted({*ALL_WORKERS} - {*FRONT, "analytics"}))
BATTERY = "The battery is empty after ten minutes and it only runs on the charger."


async def test_two_processes_with_different_processors_share_a_repair(tmp_path: Path) -> None:
    async with live_shop(tmp_path / "home", FRONT, gateway=False) as shop:
        ticket_id = await shop.call_in(BATTERY)
        await shop.shop.supervisor.start(worker_spec(BACK, name="back"))
        quote = await shop.log.first(ticket_id, QuotePrepared)
        await shop.log.first(ticket_id, NotificationSent)
        await shop.send(
            AcceptQuote(
                ticket_id=ticket_id,
                quote_hash=quote.quote_hash,
                tier=quote.recommended,
                signed_by="Ada Lovelace",
                channel="counter",
            ),
            ticket_id,
        )
        ended = await shop.log.first(ticket_id, FlowEnded)
        assert ended.end_id == "approved"
        writers = {heard.envelope.source.rpartition("/")[2] for heard in shop.log.events(ticket_id)}
        assert writers == {*FRONT, "brain", "inventory", "pricing"}
        assert shop.shop.supervisor.restarts() == {"broker": 0, "workers": 0, "back": 0}
