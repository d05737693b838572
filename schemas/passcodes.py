"""The passcode of a device: that there is one, who opened it for which task, and when it was destroyed.

The code itself lies in the vault and in none of these messages. What people wrote, a name or a reason, lies sealed
under the ticket's key, as complaints do.
"""

from typing import ClassVar, Literal, get_args

from pydantic import Field

from schemas.core.ids import Code, TicketId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import SealableShortText, ShortText
from schemas.core.time import UtcTime

PasscodeKind = Literal["pin", "password", "pattern"]
PasscodeTask = Literal["diagnosis", "repair", "function_test", "data_backup", "setup"]
PASSCODE_TASKS: tuple[PasscodeTask, ...] = get_args(PasscodeTask)
PurgeReason = Literal["replaced", "ended", "kept_too_long", "asked", "erased"]


class StorePasscode(Command):
    """The customer gave a passcode for these tasks and no others; it replaces an earlier one."""

    TYPE: ClassVar[str] = "noizylab.passcode.store.v1"

    ticket_id: TicketId
    kind: PasscodeKind
    tasks: tuple[PasscodeTask, ...] = Field(min_length=1, max_length=len(PASSCODE_TASKS))
    stored_by: SealableShortText
    caller: ShortText


class UnlockPasscode(Command):
    """Somebody needs the passcode for a task. ``unlocked_by`` is who they say they are, ``caller`` what was proved."""

    TYPE: ClassVar[str] = "noizylab.passcode.unlock.v1"

    ticket_id: TicketId
    task: PasscodeTask
    reason: SealableShortText
    unlocked_by: SealableShortText
    caller: ShortText


class ReadPasscode(Command):
    """Whoever opened the passcode wants to see it again; ``unlock`` is the number of their unlock."""

    TYPE: ClassVar[str] = "noizylab.passcode.read.v1"

    ticket_id: TicketId
    unlock: int = Field(ge=1)
    caller: ShortText


class PurgePasscode(Command):
    """Destroy the passcode now: the shop or the customer asks for it, or the ticket is erased."""

    TYPE: ClassVar[str] = "noizylab.passcode.purge.v1"

    ticket_id: TicketId
    reason: Literal["asked", "erased"] = "asked"


class EndPasscode(Command):
    """The ticket ended at ``ended_at``: the passcode is kept for a few days more."""

    TYPE: ClassVar[str] = "noizylab.passcode.end.v1"

    ticket_id: TicketId
    ended_at: UtcTime


class CheckPasscode(Command):
    """State what has fallen due until ``looked_at``; a timer sends it when something has."""

    TYPE: ClassVar[str] = "noizylab.passcode.check.v1"

    ticket_id: TicketId
    looked_at: UtcTime


class PasscodeStored(Event):
    """A passcode was given; ``passcode`` counts those of the ticket from 1. It is destroyed at ``purge_at`` at last."""

    TYPE: ClassVar[str] = "noizylab.passcode.stored.v1"

    ticket_id: TicketId
    passcode: int = Field(ge=1)
    kind: PasscodeKind
    tasks: tuple[PasscodeTask, ...]
    stored_by: SealableShortText
    caller: ShortText
    stored_at: UtcTime
    purge_at: UtcTime


class PasscodeUnlocked(Event):
    """Somebody was shown the passcode and may see it again before ``open_until``. ``unlock`` counts from 1."""

    TYPE: ClassVar[str] = "noizylab.passcode.unlocked.v1"

    ticket_id: TicketId
    passcode: int = Field(ge=1)
    unlock: int = Field(ge=1)
    task: PasscodeTask
    reason: SealableShortText
    unlocked_by: SealableShortText
    caller: ShortText
    unlocked_at: UtcTime
    open_until: UtcTime


class PasscodeReadAgain(Event):
    """The passcode was shown again within an unlock; ``read`` counts these times from 1."""

    TYPE: ClassVar[str] = "noizylab.passcode.read_again.v1"

    ticket_id: TicketId
    unlock: int = Field(ge=1)
    read: int = Field(ge=1)
    read_at: UtcTime


class PasscodeExpired(Event):
    """An unlock is over: with it the passcode is not shown any more."""

    TYPE: ClassVar[str] = "noizylab.passcode.expired.v1"

    ticket_id: TicketId
    unlock: int = Field(ge=1)
    reads: int = Field(ge=0)
    expired_at: UtcTime


class PasscodePurgePlanned(Event):
    """The passcode will be destroyed at ``purge_at``, because the ticket ended."""

    TYPE: ClassVar[str] = "noizylab.passcode.purge_planned.v1"

    ticket_id: TicketId
    passcode: int = Field(ge=1)
    purge_at: UtcTime


class PasscodePurged(Event):
    """The passcode was destroyed in the vault; nobody can read it any more. Its unlocks are over with it."""

    TYPE: ClassVar[str] = "noizylab.passcode.purged.v1"

    ticket_id: TicketId
    passcode: int = Field(ge=1)
    reason: PurgeReason
    purged_at: UtcTime


class PasscodeRefused(Event):
    """A wish about the passcode that is not granted; ``detail`` says what to do."""

    TYPE: ClassVar[str] = "noizylab.passcode.refused.v1"

    ticket_id: TicketId
    reason: Code
    detail: str
    caller: ShortText | None = None
    refused_at: UtcTime


class StoredPasscode(Value):
    """One passcode of a ticket and what became of it; ``purge_because`` says why it was or will be destroyed."""

    passcode: int = Field(ge=1)
    kind: PasscodeKind
    tasks: tuple[PasscodeTask, ...]
    stored_by: SealableShortText
    stored_at: UtcTime
    purge_at: UtcTime
    purge_because: PurgeReason = "kept_too_long"
    purged_at: UtcTime | None = None


class PasscodeUnlock(Value):
    """One access. It is open until ``open_until``, or ``ended_at`` when that was stated."""

    passcode: int = Field(ge=1)
    unlock: int = Field(ge=1)
    task: PasscodeTask
    reason: SealableShortText
    unlocked_by: SealableShortText
    caller: ShortText
    unlocked_at: UtcTime
    open_until: UtcTime
    reads: int = Field(default=0, ge=0)
    read_last_at: UtcTime | None = None
    ended_at: UtcTime | None = None


class PasscodesView(View):
    """The access ledger of one ticket: every passcode it had and every access, none left out."""

    TYPE: ClassVar[str] = "noizylab.passcode.view.v1"

    ticket_id: TicketId
    passcodes: tuple[StoredPasscode, ...] = ()
    unlocks: tuple[PasscodeUnlock, ...] = ()
