"""The guards of the life cycle: each names one thing a move needs, and says in a sentence what is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from processors.tickets.config import Policy
from processors.tickets.imei import imei_fault
from schemas.tickets import MoveEvidence, TicketView

LOCK_OPEN = ("unlocked", "not_applicable")
LOCKABLE = ("laptop", "desktop", "mobile", "tablet", "console", "other")
"""Device categories with models that a maker's activation lock can make unusable."""
GIVEN_UP = ("unrepairable", "beyond_economic_repair")
NOTHING_TO_REPAIR = ("no_fault_found", "data_only")
NO_PHOTOS = ("remote_estimate", "device_sealed", "camera_broken")
MISTAKEN_TICKETS = ("entered_in_error", "duplicate_ticket")


@dataclass(frozen=True, slots=True)
class Situation:
    """What a guard may look at: the ticket as it is, what is known at the move, the time, the shop's policy."""

    ticket: TicketView
    evidence: MoveEvidence
    now: datetime
    policy: Policy


@dataclass(frozen=True, slots=True)
class Guard:
    """A named condition. ``check`` returns None when it holds, else a sentence that says what is missing."""

    name: str
    needs: str
    check: Callable[[Situation], str | None]


def _photos(situation: Situation) -> str | None:
    have, needed = len(situation.ticket.photos), situation.policy.min_photos
    if have >= needed or situation.evidence.reason_code in NO_PHOTOS:
        return None
    return f"The ticket has {have} of {needed} photos; take them, or give one of {_listed(NO_PHOTOS)} as reason code."


def _identity(situation: Situation) -> str | None:
    imei = situation.ticket.device.imei
    return None if imei is None else imei_fault(imei)


def _not_stolen(situation: Situation) -> str | None:
    if not situation.evidence.on_stolen_list:
        return None
    return "The device is on a stolen list; keep to the shop's procedure for stolen goods and do not take it in."


def _bin(situation: Situation) -> str | None:
    if _filled(situation.evidence.bin) or _filled(situation.ticket.bin):
        return None
    return "No bin is assigned; put the device into a bin and give the bin's name."


def _unlocked(situation: Situation) -> str | None:
    state = _lock_state(situation)
    if state in LOCK_OPEN or (state == "unknown" and situation.ticket.device.category not in LOCKABLE):
        return None
    return (
        f"The activation lock is '{state}'; check it and say what was found, or move the ticket to blocked_lock and "
        "ask the customer to remove the lock."
    )


def _locked(situation: Situation) -> str | None:
    if _lock_state(situation) not in LOCK_OPEN:
        return None
    return "Nothing says that the device is locked; give the lock state 'locked' or 'unknown', or go on to diagnosis."


def _lock_state(situation: Situation) -> str:
    """What was found at the move counts more than what was said at intake."""
    return situation.evidence.lock_state or situation.ticket.device.lock_state


def _quote_ready(situation: Situation) -> str | None:
    evidence = situation.evidence
    if not evidence.quote_tiers:
        return "The quote has no tier; price at least one before it is shown to the customer."
    if not _filled(evidence.quote_hash):
        return "The quote has no hash, so no answer can be bound to it; prepare the quote first."
    if evidence.quote_valid_until is None:
        return "The quote has no date until which it is valid; prepare the quote again."
    if evidence.quote_valid_until < situation.now:
        return f"The quote expired on {evidence.quote_valid_until:%Y-%m-%d}; prepare a new version."
    return None


def _quote_changed(situation: Situation) -> str | None:
    if situation.evidence.quote_hash != situation.ticket.quote_hash:
        return None
    return "The quote is the one already shown; a ticket goes back to quoted only with a changed quote."


def _within_cap(situation: Situation) -> str | None:
    cap, total = situation.ticket.pre_approved_cents, situation.evidence.quote_total_cents
    if cap is None:
        return "The customer gave no limit in advance; send the quote and wait for the answer."
    if total is None:
        return "The quote's total is not given; it is needed to compare it with the customer's limit."
    if total > cap:
        return f"The quote of {_money(total)} is above the customer's limit of {_money(cap)}; send it for approval."
    return None


def _signed(situation: Situation) -> str | None:
    signature, shown = situation.evidence.signature_quote_hash, situation.ticket.quote_hash
    if not _filled(signature):
        return "The customer's signature is missing; an approval is bound to the hash of the quote that was shown."
    if signature != shown:
        return "The signature is for another version of the quote; show the newest one and let the customer sign it."
    return None


def _not_expired(situation: Situation) -> str | None:
    until = situation.evidence.quote_valid_until or situation.ticket.quote_valid_until
    if until is None:
        return "It is not known until when the quote is valid; give its date or prepare the quote again."
    if until < situation.now:
        return f"The quote expired on {until:%Y-%m-%d}; prepare a new version and ask the customer again."
    return None


def _return_elected(situation: Situation) -> str | None:
    if situation.evidence.return_election is not None:
        return None
    return "The customer has not said whether the device is to be returned or disposed of; ask and record it."


def _disposal_elected(situation: Situation) -> str | None:
    if situation.evidence.return_election == "dispose":
        return None
    return "The customer did not ask for disposal; without that, or a finished abandonment case, the device is kept."


def _deposit_due(situation: Situation) -> str | None:
    if situation.evidence.deposit_required:
        return None
    return "No deposit is required for this repair; go on to parts or to the queue."


def _deposit_settled(situation: Situation) -> str | None:
    if situation.evidence.deposit_required is False:
        return None
    return "The deposit is not settled; record its payment or waive it (deposit_required false)."


def _no_deposit_due(situation: Situation) -> str | None:
    if not situation.evidence.deposit_required:
        return None
    return "A deposit is required first; move the ticket to awaiting_deposit."


def _parts_reserved(situation: Situation) -> str | None:
    if situation.evidence.parts_reserved:
        return None
    return (
        "Not all parts are reserved; reserve them, or move the ticket to awaiting_parts with the days until they come."
    )


def _parts_not_missing(situation: Situation) -> str | None:
    if situation.evidence.parts_reserved is not False:
        return None
    return "Parts are missing; move the ticket to awaiting_parts with the days until they come."


def _parts_eta(situation: Situation) -> str | None:
    evidence = situation.evidence
    if evidence.parts_reserved:
        return "All parts are reserved, so there is nothing to wait for; move the ticket to the queue."
    if evidence.parts_eta_days is None and not _filled(evidence.reason_code):
        return "It is not said when the parts come; give the days, or the reason code why no date is known."
    return None


def _given_up(situation: Situation) -> str | None:
    if situation.evidence.outcome not in GIVEN_UP:
        return f"The outcome is not one of {_listed(GIVEN_UP)}; only then a repair ends without the customer's answer."
    return _cause(situation)


def _cause(situation: Situation) -> str | None:
    if _filled(situation.evidence.reason_code):
        return None
    return "The cause is not named; give its reason code, so that it can be counted and learned from."


def _nothing_to_repair(situation: Situation) -> str | None:
    if situation.evidence.outcome in NOTHING_TO_REPAIR:
        return None
    return f"The outcome is not one of {_listed(NOTHING_TO_REPAIR)}; a repair reaches ready through the quality check."


def _reassembly_noted(situation: Situation) -> str | None:
    if situation.evidence.reassembled is not None:
        return None
    return "It is not noted whether the device was put together again; say yes or no before it is handed back."


def _reassembled(situation: Situation) -> str | None:
    if situation.evidence.reassembled:
        return None
    return "The device is not put together again; do that before it waits for the customer."


def _steps_signed(situation: Situation) -> str | None:
    if situation.evidence.steps_signed:
        return None
    return "Not all repair steps are signed; sign each step, or note why it was left out."


def _serials(situation: Situation) -> str | None:
    if situation.evidence.part_serials_consumed:
        return None
    return "The serials of the parts used are not booked out; scan them, so that warranty and stock stay true."


def _second_person(situation: Situation) -> str | None:
    evidence, limit = situation.evidence, situation.policy.second_person_above_cents
    value = evidence.value_cents if evidence.value_cents is not None else situation.ticket.quote_total_cents or 0
    if value <= limit:
        return None
    if not _filled(evidence.checked_by) or not _filled(evidence.repaired_by):
        return f"Above {_money(limit)} the record names who repaired and who checked; a name is missing."
    if evidence.checked_by == evidence.repaired_by:
        return f"Above {_money(limit)} another person checks; {evidence.checked_by} did the repair too."
    return None


def _balance(situation: Situation) -> str | None:
    evidence = situation.evidence
    if evidence.credit_terms or evidence.balance_cents == 0:
        return None
    if evidence.balance_cents is None:
        return "The balance is not known; close the bill before the device is handed over."
    owed = "still owed by" if evidence.balance_cents > 0 else "to be paid back to"
    return f"{_money(abs(evidence.balance_cents))} are {owed} the customer; settle that, or agree credit terms."


def _collector(situation: Situation) -> str | None:
    if situation.evidence.collector_verified:
        return None
    return "The person who takes the device is not verified; check an identity document or the one-time code."


def _post_condition(situation: Situation) -> str | None:
    if situation.evidence.post_condition_signed:
        return None
    return "The device's condition at hand-over is not signed; go through it with the customer and let them sign."


def _abandoned(situation: Situation) -> str | None:
    if _filled(situation.evidence.abandonment_case):
        return None
    return "No finished abandonment case is named; notices and waiting times of the place must be over first."


def _handed_back(situation: Situation) -> str | None:
    evidence = situation.evidence
    if evidence.collector_verified or evidence.reason_code in MISTAKEN_TICKETS:
        return None
    return (
        "The shop still has the device; hand it back to a verified person before the ticket is cancelled, or give "
        f"one of {_listed(MISTAKEN_TICKETS)} as reason code."
    )


PHOTOS_TAKEN = Guard("photos_taken", "photos of the device, or the reason why there are none", _photos)
IDENTITY_OK = Guard("identity_ok", "an IMEI whose check digit fits, when one is given", _identity)
NOT_STOLEN = Guard("not_stolen", "the device is on no stolen list", _not_stolen)
BIN_ASSIGNED = Guard("bin_assigned", "a bin", _bin)
LOCK_IS_OPEN = Guard("lock_open", "the activation lock was checked and is open", _unlocked)
LOCK_IS_CLOSED = Guard("lock_closed", "the activation lock is closed or could not be checked", _locked)
QUOTE_READY = Guard("quote_ready", "a priced quote with tiers, hash and validity", _quote_ready)
QUOTE_CHANGED = Guard("quote_changed", "another quote than the one shown", _quote_changed)
WITHIN_CAP = Guard("within_cap", "a total within the customer's limit given in advance", _within_cap)
QUOTE_SIGNED = Guard("quote_signed", "the customer's signature over the hash of the quote shown", _signed)
QUOTE_VALID = Guard("quote_valid", "a quote that has not expired", _not_expired)
RETURN_ELECTED = Guard("return_elected", "the customer's choice between return and disposal", _return_elected)
DISPOSAL_ELECTED = Guard("disposal_elected", "the customer's wish for disposal", _disposal_elected)
DEPOSIT_DUE = Guard("deposit_due", "a deposit is required", _deposit_due)
DEPOSIT_SETTLED = Guard("deposit_settled", "the deposit is paid or waived", _deposit_settled)
NO_DEPOSIT_DUE = Guard("no_deposit_due", "no deposit is required", _no_deposit_due)
PARTS_RESERVED = Guard("parts_reserved", "all parts are reserved", _parts_reserved)
PARTS_NOT_MISSING = Guard("parts_not_missing", "no part is known to be missing", _parts_not_missing)
PARTS_ETA = Guard("parts_eta", "the days until the parts come, or why no date is known", _parts_eta)
GIVEN_UP_WITH_CAUSE = Guard("given_up", "outcome unrepairable or beyond economic repair, with a reason code", _given_up)
CAUSE_NAMED = Guard("cause_named", "a reason code", _cause)
NOTHING_REPAIRED = Guard("nothing_to_repair", "outcome no fault found or data only", _nothing_to_repair)
REASSEMBLY_NOTED = Guard("reassembly_noted", "a note whether the device was put together again", _reassembly_noted)
REASSEMBLED = Guard("reassembled", "the device is put together again", _reassembled)
STEPS_SIGNED = Guard("steps_signed", "every repair step is signed", _steps_signed)
SERIALS_CONSUMED = Guard("serials_consumed", "the serials of the used parts are booked out", _serials)
SECOND_PERSON = Guard("second_person", "above the policy's value, a check by another person", _second_person)
BALANCE_SETTLED = Guard("balance_settled", "a balance of zero, or credit terms", _balance)
COLLECTOR_VERIFIED = Guard("collector_verified", "the collector's identity or one-time code", _collector)
POST_CONDITION_SIGNED = Guard("post_condition_signed", "the signed condition at hand-over", _post_condition)
ABANDONMENT_FINISHED = Guard("abandonment_finished", "a finished abandonment case", _abandoned)
HANDED_BACK = Guard("handed_back", "the device was handed back, or the ticket was a mistake", _handed_back)


def _filled(text: str | None) -> bool:
    return bool(text and text.strip())


def _listed(codes: tuple[str, ...]) -> str:
    return ", ".join(codes)


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
