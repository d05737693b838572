"""The words of the customers' pages, one JSON file a language; a missing or extra word stops the start."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from processors.gateway.wording import money

_FOLDER = Path(__file__).parent / "pages" / "texts"
DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """All words of one language. Those with a name in braces are filled in by the pages."""

    language: str
    months: tuple[str, ...]
    day: str
    decimal: str
    thousands: str
    title: str
    repair: str
    refurbished: str
    aftermarket: str
    original: str
    told: str
    found: str
    plan: str
    intro: str
    best: str
    ready: str
    warranty: str
    days: str
    no_warranty: str
    choose: str
    name: str
    accept: str
    no_repair: str
    fee: str
    why: str
    decline: str
    accepted: str
    accepted_text: str
    declined: str
    declined_text: str
    expired: str
    expired_text: str
    expired_link: str
    replaced: str
    replaced_text: str
    nothing: str
    nothing_text: str
    error_tier: str
    error_name: str
    error_reason: str
    thanks: str
    thanks_text: str
    thanks_no: str
    thanks_no_text: str
    failed: str
    no_quote: str
    other_version: str
    answered: str
    unknown_tier: str
    moment: str
    moment_text: str
    damaged: str
    damaged_text: str
    too_many: str
    wait: str
    down: str
    down_text: str

    def on(self, day: date) -> str:
        """Return a date in words."""
        return self.day.format(day=day.day, month=self.months[day.month - 1], year=day.year)

    def amount(self, amount_minor: int, currency: str) -> str:
        """Return an amount as this language writes it."""
        return money(amount_minor, currency, decimal=self.decimal, thousands=self.thousands)


def _load(path: Path) -> Texts:
    words = json.loads(path.read_text(encoding="utf-8"))
    return Texts(language=path.stem, months=tuple(words.pop("months")), **words)


TEXTS = {path.stem: _load(path) for path in sorted(_FOLDER.glob("*.json"))}


def texts_for(accept_language: str, language: str | None = None) -> Texts:
    """Return the words for a reader: what the browser asks for (RFC 9110 section 12.5.4), else ``language``."""
    wishes = []
    for position, part in enumerate(accept_language[:500].split(",")):
        name, _, weight = part.partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            quality = 0.0
        wishes.append((-quality, position, name.strip().lower().partition("-")[0]))
    for quality, _, name in sorted(wishes):
        if quality < 0 and name in TEXTS:
            return TEXTS[name]
    return TEXTS.get(language or "", TEXTS[DEFAULT_LANGUAGE])
