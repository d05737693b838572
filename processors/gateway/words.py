"""What people wrote on a ticket, as it is searched: which of its texts, and which of those a reader may have. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from connectors.vault.texts import owner_of
from schemas.tickets import TicketView

NOTHING_SEALED = ""

_INHERITED: Final = frozenset({"merged_into", "split_into"})
"""A merged ticket leaves its notes, a split one its complaint, each under its own key."""

Find = Callable[[str], TicketView | None]
"""Returns a ticket by its id."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A ticket's complaint, and its standing notes and captions of files, each plain or sealed."""

    complaint: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def sealed(self) -> tuple[str, ...]:
        """Return the sealed ones, each once."""
        return tuple(dict.fromkeys(text for text in (*self.complaint, *self.notes) if owner_of(text) is not None))

    @property
    def mark(self) -> str:
        """Return what tells these texts from others; :data:`NOTHING_SEALED` where none has to be opened."""
        if not self.sealed:
            return NOTHING_SEALED
        said = "\n".join((str(len(self.complaint)), *self.complaint, *self.notes))
        return hashlib.sha256(said.encode()).hexdigest()[:20]

    def opened(self, words: Mapping[str, str | None]) -> "Texts":
        """Return the texts as words; a sealed one that ``words`` does not open is left out."""
        return Texts(_opened(self.complaint, words), _opened(self.notes, words))


def texts_of(ticket: TicketView, find: Find) -> Texts:
    """Return what can be searched: nothing that was taken back, nor what belongs to an erased or foreign ticket.

    A note that came by a merge, or a complaint by a split, lies under the key of the ticket it was written on.
    """

    def may_open(text: str) -> bool:
        owner = owner_of(text)
        of = ticket if owner in (None, ticket.ticket_id) else find(str(owner))
        return of is not None and of.workspace_id == ticket.workspace_id and (owner is None or of.erased_at is None)

    notes = [note.text for note in ticket.notes if note.withdrawn_at is None]
    captions = [file.caption for file in ticket.files if file.caption is not None]
    return Texts(tuple(filter(may_open, (ticket.complaint,))), tuple(filter(may_open, (*notes, *captions))))


def with_heirs(ticket_ids: Iterable[str], find: Find) -> list[str]:
    """Return tickets, and those that took over what an erased one among them said, each once."""
    found: dict[str, None] = {}
    waiting = list(ticket_ids)
    for ticket_id in waiting:
        if ticket_id in found:
            continue
        found[ticket_id] = None
        ticket = find(ticket_id)
        if ticket is not None and ticket.erased_at is not None:
            waiting += _heirs(ticket, find, {ticket_id})
    return list(found)


def _heirs(ticket: TicketView, find: Find, seen: set[str]) -> list[str]:
    heirs = []
    for link in ticket.links:
        if link.kind in _INHERITED and link.ticket_id not in seen:
            seen.add(link.ticket_id)
            heir = find(link.ticket_id)
            heirs += [link.ticket_id] + ([] if heir is None else _heirs(heir, find, seen))
    return heirs


def _opened(texts: tuple[str, ...], words: Mapping[str, str | None]) -> tuple[str, ...]:
    found = (text if owner_of(text) is None else words.get(text) for text in texts)
    return tuple(text for text in found if text is not None)
