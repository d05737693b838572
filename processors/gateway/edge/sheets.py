"""The text of a checklist, word for word as a customer signs it, and what changed between two. Pure but for its words.

The text holds the hash of every photo, so that a signature is for the pictures too. Its own hash is what the event of
the signature carries: whoever has the text can prove it to be the one that was signed.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from schemas.conditions import ConditionPhoto, ConditionSheet, ConditionSignature, ConditionStage, ConditionsView
from schemas.conditions import Language as Language
from schemas.tickets import TicketView

_FOLDER = Path(__file__).parent / "pages" / "conditions"
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True, slots=True)
class SheetWords:
    """The words of checklists and receipts in one language; a missing or extra word stops the start."""

    language: Language
    items: Mapping[str, str]
    grades: Mapping[str, str]
    title_intake: str
    title_return: str
    ticket: str
    device: str
    revision: str
    photo: str
    whole: str
    confirm: str
    signed: str
    not_signed: str
    receipt: str
    taken_in: str
    complaint: str
    serial: str
    keep: str
    bin: str

    def item(self, code: str | None) -> str:
        """Return the words for an item of a checklist; an item of an older list is called by its code."""
        return self.whole if code is None else self.items.get(code, code.replace("_", " "))


SHEET_WORDS: Mapping[Language, SheetWords] = {
    language: SheetWords(language=language, **json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8")))
    for language in LANGUAGES
}


def words_for(language: str | None) -> SheetWords:
    """Return the words of a language, English for one that is not spoken here."""
    return next((words for name, words in SHEET_WORDS.items() if name == language), SHEET_WORDS["en"])


@dataclass(frozen=True, slots=True)
class Document:
    """A text to sign, with its SHA-256 over UTF-8."""

    text: str
    sha256: str


def document_of(ticket: TicketView, sheet: ConditionSheet, view: ConditionsView, words: SheetWords) -> Document:
    """Return the text of a checklist with its photos."""
    text = "\n".join([*_head(ticket, sheet, words), "", *_body(sheet, view, words), "", words.confirm, ""])
    return Document(text, hashlib.sha256(text.encode()).hexdigest())


def _head(ticket: TicketView, sheet: ConditionSheet, words: SheetWords) -> Iterator[str]:
    yield words.title_intake if sheet.stage == "intake" else words.title_return
    yield f"{words.ticket}: {ticket.ticket_id}"
    yield f"{words.device}: {device_name(ticket)}"
    if ticket.device.serial or ticket.device.imei:
        yield f"{words.serial}: {ticket.device.serial or ticket.device.imei}"
    yield f"{words.revision}: {sheet.revision} ({sheet.recorded_at:%Y-%m-%d %H:%M} UTC)"


def _body(sheet: ConditionSheet, view: ConditionsView, words: SheetWords) -> Iterator[str]:
    for answer in sheet.answers:
        note = f" ({answer.note})" if answer.note else ""
        yield f"- {words.item(answer.item)}: {words.grades[answer.grade]}{note}"
    for number, one in enumerate(photos_of(view, sheet.stage), start=1):
        yield f"- {words.photo} {number}, {words.item(one.item)}: {one.photo.sha256}"


def device_name(ticket: TicketView) -> str:
    """Return a device in a few words: brand and model, else what kind of thing it is."""
    named = " ".join(filter(None, (ticket.device.brand, ticket.device.model)))
    return named or ticket.device.category.replace("_", " ")


def photos_of(view: ConditionsView, stage: ConditionStage) -> list[ConditionPhoto]:
    """Return the photos of a stage as they were taken."""
    return [one for one in view.photos if one.stage == stage]


def sheet_of(view: ConditionsView, stage: ConditionStage) -> ConditionSheet | None:
    """Return the newest checklist of a stage."""
    return next((one for one in view.sheets if one.stage == stage), None)


def signature_of(view: ConditionsView, stage: ConditionStage) -> ConditionSignature | None:
    """Return the signature of a stage's newest checklist; one for an older revision is none."""
    sheet = sheet_of(view, stage)
    signed = next((one for one in view.signatures if one.stage == stage), None)
    return signed if sheet is not None and signed is not None and signed.revision == sheet.revision else None


def changes_between(view: ConditionsView) -> list[dict[str, object]]:
    """Return the items that are not as they were handed in: both grades and notes. Not checked is not a change."""
    before, after = sheet_of(view, "intake"), sheet_of(view, "return")
    if before is None or after is None:
        return []
    then = {answer.item: answer for answer in before.answers}
    found: list[dict[str, object]] = []
    for now in after.answers:
        was = then.get(now.item)
        if was is None or "not_checked" in (was.grade, now.grade) or (was.grade, was.note) == (now.grade, now.note):
            continue
        found.append({"item": now.item, "before": was.model_dump(), "after": now.model_dump()})
    return found


def photo_pairs(view: ConditionsView) -> list[Mapping[str, object]]:
    """Return, for each item with photos, the numbers of those before and after; a number is its place in the view."""
    pairs: dict[str | None, dict[str, list[int]]] = {}
    for number, one in enumerate(view.photos):
        sides = pairs.setdefault(one.item, {"before": [], "after": []})
        sides["before" if one.stage == "intake" else "after"].append(number)
    return [{"item": item, **sides} for item, sides in pairs.items()]
