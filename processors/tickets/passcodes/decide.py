"""What becomes of a wish about a passcode, and of the time. Pure and total; the code itself is never here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from processors.tickets.passcodes.state import evolve
from schemas.core.envelope import NAMESPACE
from schemas.core.message import Event, Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.passcodes import (
    CheckPasscode,
    EndPasscode,
    PasscodeExpired,
    PasscodePurged,
    PasscodePurgePlanned,
    PasscodeReadAgain,
    PasscodeRefused,
    PasscodeStored,
    PasscodesView,
    PasscodeUnlocked,
    PurgePasscode,
    PurgeReason,
    ReadPasscode,
    StoredPasscode,
    StorePasscode,
    UnlockPasscode,
)

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PasscodePolicy:
    """``unlock_for``: how long one unlock lasts. ``unlocks_per_hour``: of one ticket, by all people together.

    ``keep_after_end``: long enough for a complaint over the counter. ``keep_at_most``: from when it was given, so that
    the passcode of a ticket that never ends does not stay for ever.
    """

    unlock_for: timedelta = timedelta(minutes=15)
    unlocks_per_hour: int = 6
    keep_after_end: timedelta = timedelta(days=3)
    keep_at_most: timedelta = timedelta(days=180)


def decide(command: Message, view: PasscodesView | None, now: datetime, policy: PasscodePolicy) -> Outcome:
    """Answer a command about one ticket's passcode. What fell due before the command is stated before it, in order."""
    due = []
    if view is not None:
        due = list(due_until(view, command.looked_at if isinstance(command, CheckPasscode) else now))
        for event in due:
            view = evolve(view, event)
    events: list[Event]
    match command:
        case StorePasscode():
            events = _store(command, view, now, policy)
        case UnlockPasscode():
            events = [_unlock(command, view, now, policy)]
        case ReadPasscode():
            events = [_read(command, view, now)]
        case PurgePasscode():
            events = _purge(command, view, now)
        case EndPasscode():
            events = _end(command, view, policy)
        case CheckPasscode():
            events = []
        case _:
            return Reject("unknown_command", f"the passcodes do not handle {command.TYPE}")
    return _emit([*due, *events]) if due or events else Drop("nothing_to_do")


def due_until(view: PasscodesView, until: datetime) -> Iterator[PasscodeExpired | PasscodePurged]:
    """Yield the ends of unlocks and the purges that are due by ``until`` and not stated yet, in their order."""
    for at, _, event in sorted(_dues(view), key=lambda due: due[:2]):
        if at <= until:
            yield event


def next_due(view: PasscodesView) -> datetime | None:
    """Return when the next end of an unlock or purge is due; None when nothing is open."""
    return min((at for at, *_ in _dues(view)), default=None)


def _dues(view: PasscodesView) -> Iterator[tuple[datetime, int, PasscodeExpired | PasscodePurged]]:
    held = held_of(view)
    for one in view.unlocks:
        # The unlock of a passcode that is destroyed before it is over ends with that.
        if one.ended_at is None and (held is None or one.open_until <= held.purge_at):
            at = one.open_until
            yield at, 0, PasscodeExpired(ticket_id=view.ticket_id, unlock=one.unlock, reads=one.reads, expired_at=at)
    if held is not None:
        yield held.purge_at, 1, _purged(view.ticket_id, held, held.purge_because, held.purge_at)


def held_of(view: PasscodesView | None) -> StoredPasscode | None:
    """Return the passcode that is not destroyed yet, if there is one: the newest."""
    last = view.passcodes[-1] if view is not None and view.passcodes else None
    return last if last is not None and last.purged_at is None else None


def _store(command: StorePasscode, view: PasscodesView | None, now: datetime, policy: PasscodePolicy) -> list[Event]:
    stored = PasscodeStored(
        ticket_id=command.ticket_id,
        passcode=len(view.passcodes) + 1 if view is not None else 1,
        kind=command.kind,
        tasks=tuple(dict.fromkeys(command.tasks)),
        stored_by=command.stored_by,
        caller=command.caller,
        stored_at=now,
        purge_at=now + policy.keep_at_most,
    )
    held = held_of(view)
    return [stored] if held is None else [_purged(command.ticket_id, held, "replaced", now), stored]


def _unlock(command: UnlockPasscode, view: PasscodesView | None, now: datetime, policy: PasscodePolicy) -> Event:
    held = held_of(view)
    if view is None or held is None:
        return _refuse(command, "no_passcode", "There is no passcode; ask the customer whether one is needed.", now)
    if command.task not in held.tasks:
        agreed = ", ".join(held.tasks)
        return _refuse(command, "task_not_agreed", f"The customer gave it for {agreed}; ask them for this task.", now)
    lately = [one.unlocked_at for one in view.unlocks if one.unlocked_at > now - _HOUR]
    if len(lately) >= policy.unlocks_per_hour:
        free = min(lately) + _HOUR
        detail = f"It was opened {len(lately)} times within an hour; try again after {free:%H:%M} UTC."
        return _refuse(command, "too_many_unlocks", detail, now)
    return PasscodeUnlocked(
        ticket_id=command.ticket_id,
        passcode=held.passcode,
        unlock=len(view.unlocks) + 1,
        task=command.task,
        reason=command.reason,
        unlocked_by=command.unlocked_by,
        caller=command.caller,
        unlocked_at=now,
        open_until=now + policy.unlock_for,
    )


def _read(command: ReadPasscode, view: PasscodesView | None, now: datetime) -> Event:
    one = next((one for one in view.unlocks if one.unlock == command.unlock), None) if view is not None else None
    if one is None or one.caller != command.caller:
        return _refuse(command, "not_yours", "You have no such unlock; unlock the passcode for your task.", now)
    if one.ended_at is not None:
        return _refuse(command, "expired", "This unlock is over; unlock the passcode again if you need it.", now)
    return PasscodeReadAgain(ticket_id=command.ticket_id, unlock=one.unlock, read=one.reads + 1, read_at=now)


def _purge(command: PurgePasscode, view: PasscodesView | None, now: datetime) -> list[Event]:
    held = held_of(view)
    if held is not None:
        return [_purged(command.ticket_id, held, command.reason, now)]
    if command.reason == "asked":
        return [_refuse(command, "no_passcode", "There is no passcode to destroy.", now)]
    return []


def _end(command: EndPasscode, view: PasscodesView | None, policy: PasscodePolicy) -> list[Event]:
    held, purge_at = held_of(view), command.ended_at + policy.keep_after_end
    if held is None or held.purge_at <= purge_at:
        return []
    return [PasscodePurgePlanned(ticket_id=command.ticket_id, passcode=held.passcode, purge_at=purge_at)]


def _purged(ticket_id: str, held: StoredPasscode, reason: PurgeReason, at: datetime) -> PasscodePurged:
    return PasscodePurged(ticket_id=ticket_id, passcode=held.passcode, reason=reason, purged_at=at)


def _refuse(
    command: UnlockPasscode | ReadPasscode | PurgePasscode, reason: str, detail: str, now: datetime
) -> PasscodeRefused:
    caller = None if isinstance(command, PurgePasscode) else command.caller
    return PasscodeRefused(ticket_id=command.ticket_id, reason=reason, detail=detail, caller=caller, refused_at=now)


def _emit(events: Iterable[Event]) -> Emit:
    """Return the events. Each end of an unlock and each purge has one id for ever, from wherever it is stated."""
    return Emit.with_ids((event, _id_of(event)) for event in events)


def _id_of(event: Event) -> UUID | None:
    match event:
        case PasscodeExpired():
            number = event.unlock
        case PasscodePurged():
            number = event.passcode
        case _:
            return None
    return uuid5(NAMESPACE, f"passcode/{event.ticket_id}/{number}/{event.TYPE}")
