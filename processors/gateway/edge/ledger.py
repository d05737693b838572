"""What the page about the passcode of a customer's device shows, in the customer's words. Pure but for its words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from processors.gateway.edge.deps import Edge
from processors.gateway.edge.sealed_texts import words_of
from processors.gateway.edge.texts import TEXTS, Texts
from schemas.passcodes import PasscodesView, PasscodeTask, PasscodeUnlock, PurgeReason, StoredPasscode
from topics.passcodes import PASSCODE_VIEWS

_FOLDER = Path(__file__).parent / "pages" / "ledger"


@dataclass(frozen=True, slots=True)
class LedgerWords:
    """The words of the page in one language; a missing or extra word stops the start."""

    link: str
    title: str
    intro: str
    none: str
    kinds: Mapping[str, str]
    tasks: Mapping[PasscodeTask, str]
    reasons: Mapping[PurgeReason, str]
    given: str
    purge_by: str
    purged: str
    never: str
    opened: str
    task: str
    why: str
    until: str
    again: str


LEDGER_WORDS: Mapping[str, LedgerWords] = {
    language: LedgerWords(**json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8")))
    for language in TEXTS
}


@dataclass(frozen=True, slots=True)
class Access:
    """One access, ready to print: who and when, and rows of a name and a text."""

    head: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The page: one line for each passcode that was given, and every access, the newest first."""

    passcodes: tuple[str, ...]
    accesses: tuple[Access, ...]
    note: str


def passcodes_of(edge: Edge, ticket_id: str) -> PasscodesView:
    """Return the access ledger of a ticket; an empty one when no passcode was ever given."""
    return edge.deps.views.view(PASSCODE_VIEWS, ticket_id, PasscodesView) or PasscodesView(ticket_id=ticket_id)


async def opened(edge: Edge, view: PasscodesView, workspace_id: str) -> PasscodesView:
    """Return a ledger with words where sealed texts were, for whoever may read its ticket."""
    texts = [text for one in view.unlocks for text in (one.reason, one.unlocked_by)]
    said = await words_of(edge.deps.vault, texts, edge.deps.views, workspace_id)
    unlocks = (
        one.model_copy(update={"reason": said[one.reason], "unlocked_by": said[one.unlocked_by]})
        for one in view.unlocks
    )
    return view.model_copy(update={"unlocks": tuple(unlocks)})


def ledger_path(edge: Edge, ticket_id: str) -> str:
    """Return the path of the page about a ticket's passcode; empty when none was ever given."""
    given = passcodes_of(edge, ticket_id).passcodes
    return urlsplit(edge.deps.signer.ledger_url(ticket_id)).path if given else ""


def ledger_of(view: PasscodesView, texts: Texts) -> Ledger:
    """Return what a customer reads about the passcode of their device."""
    words = LEDGER_WORDS[texts.language]
    note = words.none if not view.passcodes else words.never if not view.unlocks else ""
    passcodes = tuple(_passcode(one, words, texts) for one in view.passcodes)
    return Ledger(passcodes, tuple(_access(one, words, texts) for one in reversed(view.unlocks)), note)


def _passcode(one: StoredPasscode, words: LedgerWords, texts: Texts) -> str:
    tasks = ", ".join(words.tasks[task] for task in one.tasks)
    given = words.given.format(kind=words.kinds[one.kind], date=_at(one.stored_at, texts), tasks=tasks)
    if one.purged_at is None:
        return f"{given} {words.purge_by.format(date=_at(one.purge_at, texts))}"
    gone = words.purged.format(date=_at(one.purged_at, texts), reason=words.reasons[one.purge_because])
    return f"{given} {gone}"


def _access(one: PasscodeUnlock, words: LedgerWords, texts: Texts) -> Access:
    rows = [
        (words.task, words.tasks[one.task]),
        (words.why, one.reason),
        (words.until, _at(min(one.open_until, one.ended_at or one.open_until), texts)),
    ]
    if one.reads:
        rows.append((words.again, str(one.reads)))
    return Access(words.opened.format(date=_at(one.unlocked_at, texts), name=one.unlocked_by), tuple(rows))


def _at(moment: datetime, texts: Texts) -> str:
    return f"{texts.on(moment.date())}, {moment:%H:%M} UTC"
