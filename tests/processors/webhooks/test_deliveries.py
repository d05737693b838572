"""Which events go to whom, and what of them."""

from datetime import timedelta
from uuid import UUID

import orjson
import pytest

from connectors.bus.aggregate import Held
from processors.gateway.visibility import visible
from processors.webhooks.config import Policy
from processors.webhooks.deliveries import command_id, deliveries, due, event_body, ping_body, secret_versions
from processors.webhooks.directory import Directory
from schemas.core.envelope import Envelope
from schemas.quotes import QuotePrepared
from schemas.tickets import IntakeRefused
from schemas.webhooks import AmendWebhook, ProbeWebhook, WebhookView, covers
from tests.processors.gateway.world import quote, ticket_view
from tests.processors.webhooks.builders import ID, NOW, WEBHOOK, Book, attempt, place, queue
from tests.schemas.examples import examples_of

WEBHOOKS, TICKETS = "webhooks.views.v1", "tickets.views.v1"


def view(webhook_id: str = WEBHOOK, **changes: object) -> WebhookView:
    return Book(webhook_id=webhook_id, **changes).known


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("noizylab.quote.prepared.v1", True),
        ("noizylab.quote.*", True),
        ("noizylab.*", True),
        ("noizylab.quote.prepared.v2", False),
        ("noizylab.quot.*", False),
        ("noizylab.ticket.*", False),
        ("noizylab.quote.prepared.v1.*", False),
    ],
)
def test_a_star_stands_for_what_follows_whole_words(pattern: str, fits: bool) -> None:
    assert covers(pattern, "noizylab.quote.prepared.v1") is fits


def test_only_the_events_own_workspace_hears_of_it_and_only_who_was_there_when_it_happened() -> None:
    hooks = [view("W-0001"), view("W-0002", workspace_id="north"), view("W-0003")]
    later = hooks[2].model_copy(update={"created_at": NOW + timedelta(seconds=1)})
    found = deliveries(place(), NOW, "main", [*hooks[:2], later])
    assert [one.webhook_id for one in found] == ["W-0001"]


def test_the_same_event_gives_the_same_ids_and_each_subscription_its_own() -> None:
    hooks = [view("W-0001"), view("W-0002")]
    once, again = (deliveries(place(), NOW, "main", hooks) for _ in range(2))
    assert once == again
    assert len({one.delivery_id for one in once}) == 2
    assert [command_id(one) for one in once] == [command_id(one) for one in again]
    assert command_id(once[0]) != command_id(once[1])


def test_the_body_holds_what_the_scopes_open_and_no_more() -> None:
    event = quote()
    envelope = Envelope(ID, "/noizylab/pricing", QuotePrepared.TYPE, event.ticket_id, NOW, NOW, event.ticket_id)
    narrow = orjson.loads(event_body(envelope, event.to_json(), ("tickets:read",), visible))
    wide = orjson.loads(event_body(envelope, event.to_json(), ("tickets:read", "pricing:read"), visible))
    assert "expected_profit_cents" not in narrow["data"]
    assert wide["data"] == event.model_dump(mode="json")
    assert (narrow["type"], narrow["id"], narrow["specversion"]) == (QuotePrepared.TYPE, str(ID), "1.0")


def test_a_probe_says_the_same_at_every_try() -> None:
    book = Book()
    book.tell(ProbeWebhook(webhook_id=WEBHOOK, actor="ada"))
    [probe] = book.known.waiting
    body = orjson.loads(ping_body(book.known, probe))
    assert (body["type"], body["id"], body["data"]) == ("noizylab.webhook.ping.v1", str(ID), {"webhook_id": WEBHOOK})
    later = probe.model_copy(update={"attempts": 3, "attempted_at": NOW + timedelta(hours=1)})
    assert ping_body(book.known, later) == ping_body(book.known, probe)


def test_both_secrets_sign_for_a_day_after_a_change() -> None:
    book = Book()
    assert secret_versions(book.known, NOW, Policy()) == (1,)
    book.tell(AmendWebhook(webhook_id=WEBHOOK, rotate_secret=True, actor="ada"))
    assert secret_versions(book.known, NOW + timedelta(hours=23), Policy()) == (2, 1)
    assert secret_versions(book.known, NOW + timedelta(hours=24), Policy()) == (2,)


def test_what_is_due_comes_in_the_order_of_its_time_and_nothing_of_one_that_is_paused() -> None:
    book = Book()
    for number in (1, 2, 3):
        book.now = NOW + timedelta(seconds=number)
        book.tell(queue(number))
    book.tell(attempt(1, at=book.now, status=500))
    moment = NOW + timedelta(seconds=3)
    assert [one.delivery_id for one in due(book.known, moment)] == [queue(2).delivery_id, queue(3).delivery_id]
    much_later = due(book.known, NOW + timedelta(hours=1))
    assert [one.delivery_id for one in much_later][-1] == queue(1).delivery_id
    book.tell(AmendWebhook(webhook_id=WEBHOOK, enabled=False, actor="ada"))
    assert due(book.known, NOW + timedelta(hours=1)) == []


# --- the directory


def record(state: object, version: int = 1) -> bytes:
    return Held(state, version, (UUID(int=1),)).to_value()  # type: ignore[arg-type]  # views of several kinds


def test_knows_who_wants_what() -> None:
    directory = Directory()
    directory.take(WEBHOOKS, b"W-0001", record(view("W-0001"), 2))
    directory.take(WEBHOOKS, b"W-0002", record(view("W-0002", types=("noizylab.ticket.*",))))
    assert [one.webhook_id for one in directory.wanting("noizylab.quote.blocked.v1")] == ["W-0001"]
    paused = view("W-0001").model_copy(update={"status": "paused"})
    directory.take(WEBHOOKS, b"W-0001", record(paused, 1))
    assert directory.wanting("noizylab.quote.blocked.v1") != []
    directory.take(WEBHOOKS, b"W-0001", record(paused, 3))
    assert directory.wanting("noizylab.quote.blocked.v1") == []
    directory.take(WEBHOOKS, b"W-0002", None)
    assert directory.wanting("noizylab.ticket.moved.v1") == []


def test_knows_whose_an_event_is() -> None:
    directory = Directory()
    directory.take(TICKETS, b"T-0001", record(ticket_view(workspace_id="north")))
    assert directory.workspace_of({"ticket_id": "T-0001"}) == "north"
    assert directory.workspace_of({"ticket_id": "T-0002"}) is None
    assert directory.workspace_of({"ticket_id": "T-0002", "workspace_id": "south"}) == "south"
    assert directory.workspace_of({"sku": "battery.laptop"}) == "main"
    directory.take(TICKETS, b"T-0001", None)
    assert directory.workspace_of({"ticket_id": "T-0001"}) is None


@pytest.mark.parametrize("value", [b"{", b"[]", b"{}", b'{"version":1,"state":{}}', b'{"version":"x","state":[]}'])
def test_counts_what_it_cannot_read(value: bytes) -> None:
    directory = Directory()
    directory.take(WEBHOOKS, b"W-0001", value)
    directory.take(WEBHOOKS, None, value)
    assert directory.unreadable == 1


def test_a_refused_intake_is_its_workspaces_though_no_ticket_came_of_it() -> None:
    refused = examples_of(IntakeRefused)["full"]
    assert Directory().workspace_of(orjson.loads(refused.to_json())) == "hafen"
