"""The port to the design files of boards. What it gives is looked up, never guessed; None: no such name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from schemas.core.ids import BoardModel, WorkspaceId


@dataclass(frozen=True, slots=True)
class PartFacts:
    """A part as the design file has it. ``pins``: the net on each pin, by the pin's name."""

    reference: str
    value: str = ""
    package: str = ""
    side: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetFacts:
    """A net and the pins on it, each as (reference, pin)."""

    name: str
    pins: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BoardNames:
    """Every name that the design file knows."""

    parts: frozenset[str]
    nets: frozenset[str]


class BoardFacts(Protocol):
    """One board's design file. Names are matched without regard to case."""

    @property
    def design(self) -> str:
        """Return what the facts are from, in words for people: a file's name and version."""
        ...

    def part(self, reference: str) -> PartFacts | None:
        """Return a part."""
        ...

    def net(self, name: str) -> NetFacts | None:
        """Return a net."""
        ...

    def trace(self, start: str, end: str) -> tuple[str, ...] | None:
        """Return nets and parts by turns, from one net or part to another through parts in series; None: no way."""
        ...

    def names(self) -> BoardNames:
        """Return every name."""
        ...


class Boards(Protocol):
    """Finds the design file of a board."""

    async def of(self, workspace_id: WorkspaceId, board_model: BoardModel) -> BoardFacts | None:
        """Return what a workspace knows of a board model, None when it stored no design file of it.

        Raises:
            Transient, Misconfigured: the store does not answer.
        """
        ...
