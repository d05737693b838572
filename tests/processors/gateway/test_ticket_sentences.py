"""What a timeline says about each change of a ticket or a device, on the examples."""

import pytest

from processors.gateway.summaries import summarize
from processors.gateway.ticket_sentences import SENTENCES
from schemas.core.text import SEAL
from tests.schemas.examples import examples_of
from topics.registry import class_of

SAYS = [
    (
        "ticket.request_refused",
        "full",
        "Did not do what ann asked (split): All devices would go; leave at least one, or keep the ticket whole.",
    ),
    ("ticket.hold_set", "full", "ann put the ticket on hold (customer: customer asked)."),
    ("ticket.hold_released", "full", "ann released the hold (customer: customer asked)."),
    ("ticket.payment_recorded", "full", "€ 50.00 came in as deposit (till-2026-0417)."),
    ("ticket.custody_moved", "full", "The device is with the shop now (back room, bin B-07): shelf full."),
    ("ticket.custody_moved", "minimal", "The device is with the customer now: customer asked."),
    ("ticket.amended", "full", "ann corrected device serial (typing error)."),
    ("ticket.amended", "minimal", "ann corrected language (typing error)."),
    ("ticket.assigned", "full", "ann gave the ticket to bob at bench-2."),
    ("ticket.assigned", "minimal", "ann took the ticket back from everybody."),
    ("ticket.note_added", "full", "ann wrote a note for the customer."),
    ("ticket.note_edited", "full", "ann changed a note; what it said is kept."),
    ("ticket.note_withdrawn", "full", "ann withdrew a note (wrong ticket)."),
    ("ticket.file_attached", "full", "ann attached a file (signature)."),
    ("ticket.file_attached", "minimal", "ann attached a file (photo after)."),
    ("ticket.file_detached", "full", "ann detached a file (blurred)."),
    ("ticket.device_added", "full", "ann added device 3: Norden N7."),
    ("ticket.device_added", "minimal", "ann added device 2: other."),
    ("ticket.device_removed", "full", "ann removed device 2 (typing error)."),
    ("ticket.device_moved", "full", "Device 2 went from waiting to repairing (work began)."),
    ("ticket.split_off", "full", "1 device went to the new ticket T-018f7c02-1f60-7a44-8e15-2d9b6c0a7f31."),
    ("ticket.merged", "full", "ann merged this ticket into T-018f6b31-04d8-7e52-a1c6-90b3f2d7684e (entered twice)."),
    ("ticket.absorbed", "full", "Took over 1 note and 1 file of T-018f6b2e-7c40-7b1d-9d2a-5e0c8a4f1b37."),
    ("ticket.absorbed", "minimal", "Took over 0 notes and 0 files of T-018f6b2e-7c40-7b1d-9d2a-5e0c8a4f1b37."),
    (
        "ticket.warranty_claimed",
        "full",
        "Came back under warranty (battery, covered until 2026-09-04) as T-018f7c02-1f60-7a44-8e15-2d9b6c0a7f31.",
    ),
    ("ticket.erased", "full", "ann had the ticket's personal data erased (customer asked)."),
    ("device.visit_recorded", "full", "Noted in the device's history how the visit ended (fixed)."),
    ("device.visit_recorded", "minimal", "Noted in the device's history that it is here."),
    ("device.visit_forgotten", "full", "Took the ticket out of the device's history."),
    ("device.flagged", "full", "ann flagged the device (stolen): Reported by the police on 2 March."),
    ("device.flagged", "minimal", "ann flagged the device (liquid damage)."),
]


@pytest.mark.parametrize(("name", "example", "sentence"), SAYS, ids=[one[2] for one in SAYS])
def test_says(name: str, example: str, sentence: str) -> None:
    kind = class_of(f"noizylab.{name}.v1")
    assert summarize(kind.TYPE, examples_of(kind)[example].model_dump(mode="json")) == sentence


def test_has_words_for_all_and_quotes_nothing_that_is_sealed() -> None:
    assert {f"noizylab.{name}.v1" for name, _, _ in SAYS} == set(SENTENCES)
    for message_type, sentence in SENTENCES.items():
        for event in examples_of(class_of(message_type)).values():
            assert SEAL not in sentence(event)
