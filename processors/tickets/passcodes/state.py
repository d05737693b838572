"""How the events of a passcode add up to its access ledger. Pure and total."""

from collections.abc import Mapping
from datetime import datetime

from schemas.core.message import Event, Message
from schemas.passcodes import (
    PasscodeExpired,
    PasscodePurged,
    PasscodePurgePlanned,
    PasscodeReadAgain,
    PasscodeRefused,
    PasscodeStored,
    PasscodesView,
    PasscodeUnlock,
    PasscodeUnlocked,
    StoredPasscode,
)


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the ticket a message is about. A refusal changes nothing, and may be all there is."""
    ticket_id: str = message.ticket_id  # type: ignore[attr-defined]  # every message of these topics has one
    return () if isinstance(message, PasscodeRefused) else (ticket_id,)


def evolve_one(key: str, view: PasscodesView | None, event: Event) -> PasscodesView:
    """Return the ledger after an event that ``keys_of`` ties to it."""
    return evolve(view or PasscodesView(ticket_id=key), event)


def evolve(view: PasscodesView, event: Event) -> PasscodesView:
    """Return the ledger after ``event``. One about a passcode or an unlock that is not known changes nothing."""
    match event:
        case PasscodeStored():
            stored = StoredPasscode.model_validate(event.model_dump())
            return view.model_copy(update={"passcodes": (*view.passcodes, stored)})
        case PasscodeUnlocked():
            opened = PasscodeUnlock.model_validate(event.model_dump())
            return view.model_copy(update={"unlocks": (*view.unlocks, opened)})
        case PasscodeReadAgain():
            return _unlock(view, event.unlock, {"reads": event.read, "read_last_at": event.read_at})
        case PasscodeExpired():
            return _unlock(view, event.unlock, {"ended_at": event.expired_at})
        case PasscodePurgePlanned():
            return _passcode(view, event.passcode, {"purge_at": event.purge_at, "purge_because": "ended"})
        case PasscodePurged():
            closed = _closed(view, event.passcode, event.purged_at)
            gone = {"purged_at": event.purged_at, "purge_because": event.reason}
            return _passcode(closed, event.passcode, gone)
        case _:
            return view


def _passcode(view: PasscodesView, number: int, changes: Mapping[str, object]) -> PasscodesView:
    changed = (one.model_copy(update=changes) if one.passcode == number else one for one in view.passcodes)
    return view.model_copy(update={"passcodes": tuple(changed)})


def _unlock(view: PasscodesView, number: int, changes: Mapping[str, object]) -> PasscodesView:
    changed = (one.model_copy(update=changes) if one.unlock == number else one for one in view.unlocks)
    return view.model_copy(update={"unlocks": tuple(changed)})


def _closed(view: PasscodesView, passcode: int, at: datetime) -> PasscodesView:
    """Return the ledger with the open unlocks of a passcode ended."""
    ended = (
        one.model_copy(update={"ended_at": at}) if one.passcode == passcode and one.ended_at is None else one
        for one in view.unlocks
    )
    return view.model_copy(update={"unlocks": tuple(ended)})
