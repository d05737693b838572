from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.gateway.design_sentences import SENTENCES as DESIGN_SENTENCES
from processors.gateway.qc_sentences import SENTENCES as QC_SENTENCES
from processors.gateway.summaries import summarize
from processors.gateway.ticket_sentences import SENTENCES
from processors.gateway.visibility import visible
from processors.gateway.wording import listed, money
from topics.registry import EVENTS, SUBSCRIBABLE

AT = "2026-03-02T09:00:00Z"
T = {"ticket_id": "T-0001"}
L = {"location_id": "main"}
PART = {"sku": "dc_jack.laptop", "quantity": 1}
PROBLEM = {"code": "blurred", "advice": "hold still.", "measured": 1, "limit": 2}
BLOB = {"bucket": "images", "key": "k", "sha256": "0" * 64, "size_bytes": 1, "media_type": "image/jpeg"}
BOX = {"x_px": 0, "y_px": 0, "width_px": 1, "height_px": 1}
FINDING = {"kind": "missing_part", "confidence": 1, "severity": "low", "photo": 0, "box": BOX, "area_px": 1}
FAULT = {"family": "dc_jack", "title": "Charging port broken", "probability": 0.86}
PLAN = {"fault_family": "dc_jack", "steps": ["x"], "labour_minutes": 1, "risk": "low", "success_probability": 1}
MEASURE = {"what": "PP3V3", "where": "C512", "expected": "3.3 V", "why": "w", "minutes": 1}
TIER = {"name": "original", "total_cents": 12400, "lines": [], "warranty_days": 1, "delivery_days": 1}
QUOTE = {"quote_hash": "a" * 64, "version": 2, "currency": "EUR", "total_cents": 12400, "recommended": "original",
         "tiers": [TIER], "diagnostic_fee_cents": 0, "expected_profit_cents": 1, "base_price_cents": 1, "jitter": 1,
         "propensity": 1, "pricing_model": "m", "valid_until": "2026-04-01T00:00:00Z", "prepared_at": AT}  # fmt: skip
ANSWER = {"quote_hash": "a" * 64, "channel": "link"}
TASK = {"task_id": "t"}
MOVE = {"from_state": "approved", "to_state": "awaiting_parts", "actor": "a"}
CLOCK = {"clock": "diagnose", "run": 1, "target_s": 57600}

SAYS: list[tuple[str, dict[str, Any], str]] = [
    ("ticket.opened", {**T, "customer_id": "C-0001", "state": "received", "complaint": "x", "channel": "kiosk",
                       "device": {"category": "laptop", "brand": "Lenovo"}, "photos": [BLOB], "consent_version": "1",
                       "opened_at": AT}, "Took in Lenovo (laptop) at the kiosk with 1 photo."),
    ("intake.refused", {**T, "reason": "bad_imei", "detail": "Check it.", "refused_at": AT},
     "Did not take the device in (bad imei): Check it."),
    ("ticket.moved", {**T, **MOVE, "reason": "parts_short", "version": 3, "moved_at": AT},
     "Ticket went from approved to awaiting parts (parts short)."),
    ("ticket.move_refused", {**T, **MOVE, "guard": "g", "detail": "No parts.", "refused_at": AT},
     "Ticket stays approved and does not become awaiting parts: No parts."),
    ("image.judged", {**T, "image": BLOB, "position": 1, "verdict": "reshoot", "problems": [PROBLEM]},
     "Photo 2 must be taken again: hold still."),
    ("image.judged", {**T, "image": BLOB, "position": 0, "verdict": "usable"}, "Photo 1 is usable."),
    ("board.inspected", {**T, "compared": True, "findings": [FINDING, FINDING], "photos_usable": 2, "photos_refused": 0,
                         "engine": "e", "inspected_at": AT},
     "Compared 2 photos with the reference picture: 2 findings (missing part)."),
    ("board.inspected", {**T, "compared": False, "photos_usable": 1, "photos_refused": 0, "engine": "e",
                         "inspected_at": AT}, "Looked at 1 photo; no reference picture of this board is known."),
    ("board.inspected", {**T, "compared": True, "photos_usable": 1, "photos_refused": 0, "engine": "e",
                         "inspected_at": AT}, "Compared 1 photo with the reference picture and saw no difference."),
    ("board.inspection_refused", {**T, "reason": "no_photo", "detail": "All blurred.", "refused_at": AT},
     "The photos cannot be judged (no photo): All blurred."),
    ("fault.diagnosed", {**T, "summary": "s", "faults": [FAULT], "confidence": 0.8, "raise_confidence": "r",
                         "plan": PLAN, "engine": "e", "diagnosed_at": AT},
     "Diagnosis: Charging port broken (86 % likely, 80 % confident)."),
    ("diagnosis.abstained", {**T, "reason": "too_close", "detail": "Two fit.", "next_measurement": MEASURE,
                             "engine": "e", "abstained_at": AT},
     "No diagnosis yet (too close): Two fit. Measure PP3V3 at C512 first."),
    ("stock.received", {**L, "receipt_id": "r", **PART, "unit_cost_cents": 1, "received_at": AT},
     "Booked 1 x dc_jack.laptop into main."),
    ("stock.low", {**L, "sku": "dc_jack.laptop", "free": 1, "reorder_point": 2, "noticed_at": AT},
     "dc_jack.laptop runs low at main: 1 free, reorder point 2."),
    ("parts.reserved", {**T, **L, "lines": [PART], "reserved_at": AT}, "Set aside 1 x dc_jack.laptop at main."),
    ("parts.short", {**T, **L, "missing": [PART], "noticed_at": AT},
     "Missing 1 x dc_jack.laptop at main; set aside no parts."),
    ("parts.released", {**T, **L, "lines": [PART], "reason": "declined", "released_at": AT},
     "Gave 1 x dc_jack.laptop back to the shelf (declined)."),
    ("parts.committed", {**T, **L, "lines": [PART], "committed_at": AT}, "Kept 1 x dc_jack.laptop for this repair."),
    ("parts.refused", {**T, **L, "reason": "already_released", "refused_at": AT},
     "The reservation at main stays as it is: already released."),
    ("quote.prepared", {**T, **QUOTE}, "Quote 2: original € 124.00; valid until 2026-04-01."),
    ("quote.blocked", {**T, "reason": "no_price", "detail": "Ask.", "blocked_at": AT},
     "A person must price this (no price): Ask."),
    ("quote.accepted", {**T, **ANSWER, "tier": "original", "total_cents": 12400, "currency": "EUR", "signed_by": "Ada",
                        "accepted_at": AT}, "Ada accepted the original offer for € 124.00 by link."),
    ("quote.declined", {**T, **ANSWER, "declined_at": AT}, "Customer declined the quote by link."),
    ("quote.declined", {**T, **ANSWER, "reason": "too dear", "declined_at": AT},
     "Customer declined the quote by link: too dear"),
    ("quote.answer_refused", {**T, "reason": "expired", "detail": "Over.", "refused_at": AT},
     "The answer to the quote does not count (expired): Over."),
    ("notification.sent", {**T, "notification_id": "n", "template": "quote_ready", "channel": "mail",
                           "provider_id": "p", "sent_at": AT}, "Told the customer by mail: quote ready."),
    ("notification.deferred", {**T, "notification_id": "n", "customer_id": "C-0001", "template": "quote_ready",
                               "channel": "sms", "not_before": "2026-03-03T06:00:00Z", "deferred_at": AT},
     "The message 'quote ready' waits until 2026-03-03 06:00 UTC, when the quiet hours end."),
    ("notification.failed", {**T, "notification_id": "n", "template": "t", "reason": "no_address", "detail": "Call.",
                             "failed_at": AT}, "Could not tell the customer (no address): Call."),
    ("flow.advanced", {**T, "definition": "d", "definition_hash": "h", "cause": "c", "state": {}, "advanced_at": AT,
                       "steps": [{"kind": "left", "node_id": "a", "name": "A"},
                                 {"kind": "entered", "node_id": "b", "name": "Quote"}]}, "The flow went on to Quote."),
    ("task.raised", {**T, **TASK, "node_id": "n", "name": "Price by hand", "role": "shop_manager", "raised_at": AT},
     "Asked the shop manager: Price by hand."),
    ("task.raised", {**T, **TASK, "node_id": "n", "name": "Diagnose by hand", "role": "technician", "raised_at": AT,
                     "data": {"ticket_id": "T-1", "abstention": {"detail": "Two faults fit."}}},
     "Asked the technician: Diagnose by hand. Two faults fit."),
    ("task.completed", {**T, **TASK, "by": "Ada", "completed_at": AT}, "Ada finished a task."),
    ("task.closed", {**T, **TASK, "reason": "flow_ended", "closed_at": AT}, "A task is no longer needed: flow ended."),
    ("task.refused", {**T, **TASK, "reason": "no such task", "refused_at": AT},
     "A task was not finished: no such task."),
    ("incident.raised", {**T, "incident_id": "i", "node_id": "n", "reason": "no_reply", "detail": "Look.",
                         "raised_at": AT}, "The flow stopped and needs a person (no reply): Look."),
    ("incident.resolved", {**T, "incident_id": "i", "how": "retry", "resolved_at": AT},
     "The flow's trouble was resolved: retry."),
    ("flow.ended", {**T, "end_id": "e", "name": "Quoted", "ended_at": AT}, "The flow ended: Quoted."),
    ("sla.tracked", {**T, "state": "triage", "tracked_at": AT, "changes": [
        {"clock": "first_response", "run": 1, "change": "stopped", "why": "in_triage"},
        {"clock": "diagnose", "run": 1, "change": "started", "why": "in_triage"}]},
     "The clocks go by triage: first response stopped, diagnose started."),
    ("sla.tracked", {**T, "state": "repairing", "hold": "legal", "tracked_at": AT},
     "The clocks go by repairing, held for legal reasons: nothing changes."),
    ("sla.warned", {**T, **CLOCK, "elapsed_s": 46080, "warned_at": AT},
     "The time for diagnose runs out: 80 % of 16.0 hours are used."),
    ("sla.breached", {**T, **CLOCK, "elapsed_s": 57600, "breached_at": AT},
     "The time for diagnose is over: it had 16.0 hours."),
    ("sla.met", {**T, **CLOCK, "elapsed_s": 5400, "ended_by": "quoted", "met_at": AT},
     "In time for diagnose: 1.5 hours of 16.0 hours."),
    ("condition.recorded", {**T, "stage": "intake", "category": "mobile", "revision": 2, "recorded_by": "a",
                            "recorded_at": AT, "answers": [{"item": "back_cover", "grade": "damaged"}]},
     "Checked the device at hand-in, version 2: back cover damaged."),
    ("condition.recorded", {**T, "stage": "return", "category": "mobile", "revision": 1, "recorded_by": "a",
                            "recorded_at": AT, "answers": [{"item": "back_cover", "grade": "ok"}]},
     "Checked the device at return, version 1: nothing is worn, damaged or missing."),
    ("condition.photo_added", {**T, "stage": "return", "photo": BLOB, "added_at": AT},
     "Took a photo of the whole device at return."),
    ("document.signed", {**T, "stage": "intake", "revision": 1, "language": "de", "document_sha256": "a" * 64,
                         "signature": BLOB, "signed_at": AT}, "Customer signed the condition at hand-in, version 1."),
    ("condition.refused", {**T, "stage": "return", "reason": "item_twice", "detail": "Keep one.", "refused_at": AT},
     "The condition at return stays as it is (item twice): Keep one."),
    ("passcode.stored", {**T, "passcode": 1, "kind": "pin", "tasks": ["diagnosis", "function_test"], "stored_by": "ann",
                         "caller": "api_key:k", "stored_at": AT, "purge_at": AT},
     "Customer gave a pin for diagnosis, function test."),
    ("passcode.unlocked", {**T, "passcode": 1, "unlock": 2, "task": "function_test", "reason": "Camera.",
                           "unlocked_by": "bob", "caller": "api_key:k", "unlocked_at": AT,
                           "open_until": "2026-03-02T09:15:00Z"},
     "Opened the passcode for function test until 09:15 UTC."),
    ("passcode.read_again", {**T, "unlock": 2, "read": 1, "read_at": AT},
     "Passcode was shown again within unlock 2."),
    ("passcode.expired", {**T, "unlock": 2, "reads": 1, "expired_at": AT},
     "Unlock 2 of the passcode is over; it was shown again once."),
    ("passcode.purge_planned", {**T, "passcode": 1, "purge_at": "2026-03-05T09:00:00Z"},
     "The passcode will be destroyed on 2026-03-05."),
    ("passcode.purged", {**T, "passcode": 1, "reason": "kept_too_long", "purged_at": AT},
     "Destroyed the passcode (kept too long)."),
    ("passcode.refused", {**T, "reason": "not_yours", "detail": "Unlock it.", "refused_at": AT},
     "The passcode stays closed (not yours): Unlock it."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "sentence"), SAYS, ids=[one[2] for one in SAYS])
def test_says(name: str, data: dict[str, Any], sentence: str) -> None:
    assert summarize(f"noizylab.{name}.v1", data) == sentence


def test_has_words_for_every_event_of_the_shop() -> None:
    types = {event.TYPE for topic in SUBSCRIBABLE for event in topic.carries}
    told = set(SENTENCES) | set(QC_SENTENCES) | set(DESIGN_SENTENCES)
    assert {f"noizylab.{name}.v1" for name, _, _ in SAYS} | told == types


@given(
    message_type=st.sampled_from([event.TYPE for topic in EVENTS for event in topic.carries]) | st.text(max_size=30),
    data=st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=4),
)
def test_says_something_and_hides_safely_whatever_comes(message_type: str, data: dict[str, Any]) -> None:
    assert summarize(message_type, data).endswith(".")
    assert visible(message_type, data, ("admin",)) == data
    assert visible(message_type, data, ()).keys() <= data.keys() | {"tasks"}


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(12400, "EUR", "€ 124.00"), (5, "USD", "$ 0.05"), (-1999, "GBP", "-£ 19.99"), (1500, "JPY", "¥ 1,500"),
     (1234567, "KWD", "KWD 1,234.567"), (123456789, "CHF", "CHF 1,234,567.89")],
)  # fmt: skip
def test_writes_money_with_the_digits_of_its_currency(amount: int, currency: str, text: str) -> None:
    assert money(amount, currency) == text


def test_counts_what_a_list_leaves_out() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdef")) == "a, b, c, d and 2 more"
    assert listed([]) == ""
