"""Boards held in memory, made of plain tables: for tests, and for a shop that has no design files."""

from collections import deque
from collections.abc import Iterable, Mapping

from connectors.boards.port import BoardFacts, BoardNames, NetFacts, PartFacts
from schemas.core.ids import DEFAULT_WORKSPACE, BoardModel, WorkspaceId

_SERIES_PINS = 2
_CROWDED_NET_PINS = 60
"""A net with more pins than this is a ground or a main rail: everything hangs on it, so it is no way between two."""


class MemoryBoard:
    """``BoardFacts`` made of its parts; the nets are those that the parts' pins are on."""

    def __init__(self, design: str, parts: Iterable[PartFacts]) -> None:
        self._design = design
        self._parts = {part.reference.upper(): part for part in parts}
        pins: dict[str, list[tuple[str, str]]] = {}
        for part in self._parts.values():
            for pin, net in part.pins.items():
                pins.setdefault(net, []).append((part.reference, pin))
        self._nets = {name.upper(): NetFacts(name, tuple(sorted(on_it))) for name, on_it in pins.items()}

    @property
    def design(self) -> str:
        """Return what the facts are from."""
        return self._design

    def part(self, reference: str) -> PartFacts | None:
        """Return a part."""
        return self._parts.get(reference.upper())

    def net(self, name: str) -> NetFacts | None:
        """Return a net."""
        return self._nets.get(name.upper())

    def names(self) -> BoardNames:
        """Return every name."""
        return BoardNames(
            frozenset(part.reference for part in self._parts.values()),
            frozenset(net.name for net in self._nets.values()),
        )

    def trace(self, start: str, end: str) -> tuple[str, ...] | None:
        """Return the shortest way through parts with two pins; None when there is none, or a name is not known."""
        goals = set(self._at(end))
        came_from: dict[str, tuple[str, str] | None] = dict.fromkeys(self._at(start))
        waiting = deque(came_from)
        while waiting:
            net = waiting.popleft()
            if net in goals:
                return _way(net, came_from)
            for part, beyond in self._beyond(net):
                if beyond not in came_from and (beyond in goals or not self._is_crowded(beyond)):
                    came_from[beyond] = (net, part)
                    waiting.append(beyond)
        return None

    def _at(self, name: str) -> tuple[str, ...]:
        """Return the net of this name, or the nets of the part of this name."""
        net = self.net(name)
        if net is not None:
            return (net.name,)
        part = self.part(name)
        return tuple(dict.fromkeys(part.pins.values())) if part is not None else ()

    def _beyond(self, net: str) -> Iterable[tuple[str, str]]:
        for reference, _ in self._nets[net.upper()].pins:
            part = self._parts[reference.upper()]
            if len(part.pins) == _SERIES_PINS:
                yield from ((reference, other) for other in part.pins.values() if other != net)

    def _is_crowded(self, net: str) -> bool:
        return len(self._nets[net.upper()].pins) > _CROWDED_NET_PINS


class MemoryBoards:
    """``Boards`` of one workspace by model; none by default."""

    def __init__(
        self, boards: Mapping[str, BoardFacts] | None = None, workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    ) -> None:
        self._boards, self._workspace_id = dict(boards or {}), workspace_id

    async def of(self, workspace_id: WorkspaceId, board_model: BoardModel) -> BoardFacts | None:
        """Return what is known of a board model."""
        return self._boards.get(board_model) if workspace_id == self._workspace_id else None


def _way(net: str, came_from: Mapping[str, tuple[str, str] | None]) -> tuple[str, ...]:
    way = [net]
    before = came_from[net]
    while before is not None:
        net, part = before
        way += [part, net]
        before = came_from[net]
    return tuple(reversed(way))
