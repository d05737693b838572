"""Topics of the passcodes of devices. No code is on them: it lies in the vault."""

from datetime import timedelta

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
    ReadPasscode,
    StorePasscode,
    UnlockPasscode,
)
from topics.topic import Compact, Delete, Topic

PASSCODE_COMMANDS = Topic(
    name="passcodes.commands.v1",
    owner="tickets",
    summary="Passcodes to keep, to open for a task and to destroy, without the codes.",
    carries=(StorePasscode, UnlockPasscode, ReadPasscode, PurgePasscode, EndPasscode, CheckPasscode),
    key="ticket_id",
    personal_data=True,
)
PASSCODE_EVENTS = Topic(
    name="passcodes.events.v1",
    owner="tickets",
    summary="Who opened the passcode of a device, when and why, and when it was destroyed.",
    carries=(
        PasscodeStored,
        PasscodeUnlocked,
        PasscodeReadAgain,
        PasscodeExpired,
        PasscodePurgePlanned,
        PasscodePurged,
        PasscodeRefused,
    ),
    key="ticket_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=365)),
)
PASSCODE_VIEWS = Topic(
    name="passcodes.views.v1",
    owner="tickets",
    summary="The access ledger of each ticket's passcode.",
    carries=(PasscodesView,),
    key="ticket_id",
    personal_data=True,
    cleanup=Compact(),
)
