"""One readable sentence for each event, for timelines, the terminal and the demo. Pure and total."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from processors.gateway.design_sentences import SENTENCES as DESIGN_SENTENCES
from processors.gateway.label_matches import label_name
from processors.gateway.qc_sentences import SENTENCES as QC_SENTENCES
from processors.gateway.ticket_sentences import SENTENCES
from processors.gateway.wording import hours, listed, money, percent, plural, words
from schemas.conditions import ConditionPhotoAdded, ConditionRecorded, ConditionRefused, DocumentSigned
from schemas.core.message import Event, Message
from schemas.diagnoses import DiagnosisAbstained, FaultDiagnosed, PartLine, Reading
from schemas.images import ImageJudged
from schemas.inspections import BoardInspected, BoardInspectionRefused
from schemas.inventory import (
    PartsCommitted,
    PartsReleased,
    PartsReserved,
    PartsShort,
    ReservationRefused,
    StockLow,
    StockReceived,
)
from schemas.notifications import NotificationDeferred, NotificationFailed, NotificationSent
from schemas.passcodes import (
    PasscodeExpired,
    PasscodePurged,
    PasscodePurgePlanned,
    PasscodeReadAgain,
    PasscodeRefused,
    PasscodeStored,
    PasscodeUnlocked,
)
from schemas.quotes import QuoteAccepted, QuoteAnswerRefused, QuoteBlocked, QuoteDeclined, QuotePrepared
from schemas.sla import ClocksTracked, SlaBreached, SlaMet, SlaWarned
from schemas.tickets import IntakeRefused, TicketMoved, TicketMoveRefused, TicketOpened
from schemas.workflow import (
    FlowAdvanced,
    FlowEnded,
    IncidentRaised,
    IncidentResolved,
    TaskClosed,
    TaskCompleted,
    TaskRaised,
    TaskRefused,
)
from topics.registry import class_of

E = TypeVar("E", bound=Event)
_SENTENCES: dict[str, Callable[[Any], str]] = {**SENTENCES, **QC_SENTENCES, **DESIGN_SENTENCES}


def summarize(message_type: str, data: Mapping[str, Any]) -> str:
    """Return one sentence. A type or data that is not known to this version is named, not refused."""
    try:
        message = class_of(message_type).model_validate(data)
    except (KeyError, ValidationError):
        return f"{words(message_type.removeprefix('noizylab.').rpartition('.v')[0])}."
    return summarize_event(message)


def summarize_event(message: Message) -> str:
    """Return one sentence for a typed message."""
    sentence = _SENTENCES.get(message.TYPE)
    return sentence(message) if sentence else f"{words(type(message).__name__)}."


def _says(kind: type[E]) -> Callable[[Callable[[E], str]], Callable[[E], str]]:
    def register(sentence: Callable[[E], str]) -> Callable[[E], str]:
        _SENTENCES[kind.TYPE] = sentence
        return sentence

    return register


def _parts(lines: tuple[PartLine, ...]) -> str:
    return listed([f"{line.quantity} x {line.sku}" for line in lines]) or "no parts"


@_says(TicketOpened)
def _opened(event: TicketOpened) -> str:
    named = " ".join(filter(None, (event.device.brand, event.device.model)))
    device = f"{named} ({words(event.device.category)})" if named else f"one {words(event.device.category)}"
    photos = plural(len(event.photos), "photo") if event.photos else "no photos"
    return f"Took in {device} at the {event.channel} with {photos}."


@_says(IntakeRefused)
def _intake_refused(event: IntakeRefused) -> str:
    return f"Did not take the device in ({words(event.reason)}): {event.detail}"


@_says(TicketMoved)
def _moved(event: TicketMoved) -> str:
    return f"Ticket went from {words(event.from_state)} to {words(event.to_state)} ({words(event.reason)})."


@_says(TicketMoveRefused)
def _move_refused(event: TicketMoveRefused) -> str:
    return f"Ticket stays {words(event.from_state)} and does not become {words(event.to_state)}: {event.detail}"


@_says(ImageJudged)
def _judged(event: ImageJudged) -> str:
    read = f" Its labels hold {listed([label_name(one.kind) for one in event.codes])}." if event.codes else ""
    if event.verdict == "usable":
        return f"Photo {event.position + 1} is usable.{read}"
    advice = event.problems[0].advice if event.problems else "take it again."
    return f"Photo {event.position + 1} must be taken again: {advice}{read}"


@_says(BoardInspected)
def _inspected(event: BoardInspected) -> str:
    looked = plural(event.photos_usable, "photo")
    if not event.compared:
        return f"Looked at {looked}; no reference picture of this board is known."
    if not event.findings:
        return f"Compared {looked} with the reference picture and saw no difference."
    kinds = listed(sorted({words(finding.kind) for finding in event.findings}))
    return f"Compared {looked} with the reference picture: {plural(len(event.findings), 'finding')} ({kinds})."


@_says(BoardInspectionRefused)
def _inspection_refused(event: BoardInspectionRefused) -> str:
    return f"The photos cannot be judged ({words(event.reason)}): {event.detail}"


@_says(FaultDiagnosed)
def _diagnosed(event: FaultDiagnosed) -> str:
    first = event.faults[0]
    likely = f"{percent(first.probability)} likely, {percent(event.confidence)} confident"
    return f"Diagnosis: {first.title} ({likely}).{_measured(event.readings)}"


@_says(DiagnosisAbstained)
def _abstained(event: DiagnosisAbstained) -> str:
    measure = event.next_measurement
    ask = f" Measure {measure.what} at {measure.where} first." if measure else ""
    return f"No diagnosis yet ({words(event.reason)}): {event.detail}{ask}{_measured(event.readings)}"


def _measured(readings: tuple[Reading, ...]) -> str:
    return f" Measured: {listed([_reading(one) for one in readings])}." if readings else ""


def _reading(one: Reading) -> str:
    value = "" if one.measured is None else f" {one.measured:g} {one.unit}".rstrip()
    judged = "" if one.normal is None else ", as it should be" if one.normal else ", not as it should be"
    return f"{one.what}{value}{judged}"


@_says(StockReceived)
def _received(event: StockReceived) -> str:
    return f"Booked {event.quantity} x {event.sku} into {event.location_id}."


@_says(StockLow)
def _low(event: StockLow) -> str:
    return f"{event.sku} runs low at {event.location_id}: {event.free} free, reorder point {event.reorder_point}."


@_says(PartsReserved)
def _reserved(event: PartsReserved) -> str:
    return f"Set aside {_parts(event.lines)} at {event.location_id}."


@_says(PartsShort)
def _short(event: PartsShort) -> str:
    missing = listed([f"{part.quantity} x {part.sku}" for part in event.missing])
    return f"Missing {missing} at {event.location_id}; set aside {_parts(event.lines)}."


@_says(PartsReleased)
def _released(event: PartsReleased) -> str:
    return f"Gave {_parts(event.lines)} back to the shelf ({words(event.reason)})."


@_says(PartsCommitted)
def _committed(event: PartsCommitted) -> str:
    return f"Kept {_parts(event.lines)} for this repair."


@_says(ReservationRefused)
def _reservation_refused(event: ReservationRefused) -> str:
    return f"The reservation at {event.location_id} stays as it is: {words(event.reason)}."


@_says(QuotePrepared)
def _prepared(event: QuotePrepared) -> str:
    offers = listed([f"{tier.name} {money(tier.total_cents, event.currency)}" for tier in event.tiers])
    return f"Quote {event.version}: {offers}; valid until {event.valid_until:%Y-%m-%d}."


@_says(QuoteBlocked)
def _blocked(event: QuoteBlocked) -> str:
    return f"A person must price this ({words(event.reason)}): {event.detail}"


@_says(QuoteAccepted)
def _accepted(event: QuoteAccepted) -> str:
    price = money(event.total_cents, event.currency)
    return f"{event.signed_by} accepted the {event.tier} offer for {price} by {event.channel}."


@_says(QuoteDeclined)
def _declined(event: QuoteDeclined) -> str:
    return f"Customer declined the quote by {event.channel}" + (f": {event.reason}" if event.reason else ".")


@_says(QuoteAnswerRefused)
def _answer_refused(event: QuoteAnswerRefused) -> str:
    return f"The answer to the quote does not count ({words(event.reason)}): {event.detail}"


@_says(NotificationSent)
def _sent(event: NotificationSent) -> str:
    return f"Told the customer by {words(event.channel)}: {words(event.template)}."


@_says(NotificationDeferred)
def _deferred(event: NotificationDeferred) -> str:
    until = f"{event.not_before:%Y-%m-%d %H:%M} UTC"
    return f"The message {words(event.template)!r} waits until {until}, when the quiet hours end."


@_says(NotificationFailed)
def _failed(event: NotificationFailed) -> str:
    return f"Could not tell the customer ({words(event.reason)}): {event.detail}"


@_says(FlowAdvanced)
def _advanced(event: FlowAdvanced) -> str:
    entered = [step.name or step.node_id for step in event.steps if step.kind == "entered"]
    return f"The flow went on to {listed(entered)}." if entered else "The flow took note and waits."


@_says(TaskRaised)
def _raised(event: TaskRaised) -> str:
    why = next((what["detail"] for what in event.data.values() if isinstance(what, dict) and "detail" in what), None)
    return f"Asked the {words(event.role)}: {event.name}." + (f" {why}" if why else "")


@_says(TaskCompleted)
def _completed(event: TaskCompleted) -> str:
    return f"{event.by} finished a task."


@_says(TaskClosed)
def _closed(event: TaskClosed) -> str:
    return f"A task is no longer needed: {words(event.reason)}."


@_says(TaskRefused)
def _task_refused(event: TaskRefused) -> str:
    return f"A task was not finished: {event.reason}."


@_says(IncidentRaised)
def _incident(event: IncidentRaised) -> str:
    return f"The flow stopped and needs a person ({words(event.reason)}): {event.detail}"


@_says(IncidentResolved)
def _resolved(event: IncidentResolved) -> str:
    return f"The flow's trouble was resolved: {words(event.how)}."


@_says(FlowEnded)
def _ended(event: FlowEnded) -> str:
    return f"The flow ended: {event.name or event.end_id}."


@_says(ClocksTracked)
def _tracked(event: ClocksTracked) -> str:
    said = [f"{words(one.clock)} {one.change}" for one in event.changes]
    held = "" if event.hold == "none" else f", held for {words(event.hold)} reasons"
    return f"The clocks go by {words(event.state)}{held}: {listed(said, 9) or 'nothing changes'}."


@_says(SlaWarned)
def _warned(event: SlaWarned) -> str:
    used = percent(event.elapsed_s / event.target_s)
    return f"The time for {words(event.clock)} runs out: {used} of {hours(event.target_s)} are used."


@_says(SlaBreached)
def _breached(event: SlaBreached) -> str:
    return f"The time for {words(event.clock)} is over: it had {hours(event.target_s)}."


@_says(SlaMet)
def _met(event: SlaMet) -> str:
    return f"In time for {words(event.clock)}: {hours(event.elapsed_s)} of {hours(event.target_s)}."


@_says(ConditionRecorded)
def _condition(event: ConditionRecorded) -> str:
    faults = [f"{words(one.item)} {one.grade}" for one in event.answers if one.grade in ("worn", "damaged", "missing")]
    found = listed(faults) or "nothing is worn, damaged or missing"
    return f"Checked the device at {_STAGES[event.stage]}, version {event.revision}: {found}."


@_says(ConditionPhotoAdded)
def _condition_photo(event: ConditionPhotoAdded) -> str:
    return f"Took a photo of the {words(event.item or 'whole_device')} at {_STAGES[event.stage]}."


@_says(DocumentSigned)
def _signed(event: DocumentSigned) -> str:
    return f"Customer signed the condition at {_STAGES[event.stage]}, version {event.revision}."


@_says(ConditionRefused)
def _condition_refused(event: ConditionRefused) -> str:
    return f"The condition at {_STAGES[event.stage]} stays as it is ({words(event.reason)}): {event.detail}"


@_says(PasscodeStored)
def _passcode_stored(event: PasscodeStored) -> str:
    return f"Customer gave a {event.kind} for {listed([words(task) for task in event.tasks])}."


@_says(PasscodeUnlocked)
def _passcode_unlocked(event: PasscodeUnlocked) -> str:
    return f"Opened the passcode for {words(event.task)} until {event.open_until:%H:%M} UTC."


@_says(PasscodeReadAgain)
def _passcode_read(event: PasscodeReadAgain) -> str:
    return f"Passcode was shown again within unlock {event.unlock}."


@_says(PasscodeExpired)
def _passcode_expired(event: PasscodeExpired) -> str:
    again = "once" if event.reads == 1 else f"{event.reads} times" if event.reads else "never"
    return f"Unlock {event.unlock} of the passcode is over; it was shown again {again}."


@_says(PasscodePurgePlanned)
def _passcode_planned(event: PasscodePurgePlanned) -> str:
    return f"The passcode will be destroyed on {event.purge_at:%Y-%m-%d}."


@_says(PasscodePurged)
def _passcode_purged(event: PasscodePurged) -> str:
    return f"Destroyed the passcode ({words(event.reason)})."


@_says(PasscodeRefused)
def _passcode_refused(event: PasscodeRefused) -> str:
    return f"The passcode stays closed ({words(event.reason)}): {event.detail}"


_STAGES = {"intake": "hand-in", "return": "return"}
