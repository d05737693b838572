"""Boards out of the stored designs: what the brain looks up, from the files that a workspace gave for a board."""

from collections.abc import Awaitable, Callable

from connectors.boards.memory import MemoryBoard
from connectors.boards.port import BoardFacts, PartFacts
from connectors.bus.aggregate import Held
from connectors.bus.records import Fetched
from connectors.bus.restore import fold_view
from connectors.errors import Permanent
from processors.schematics.book import Book
from processors.schematics.index import Index
from schemas.core.ids import BoardModel, WorkspaceId
from schemas.schematics import DesignView, design_id
from topics.schematics import DESIGN_VIEWS


class StoredBoards:
    """``Boards`` of every workspace, each its own. ``catch_up`` reads what is new of the views into :meth:`take`."""

    def __init__(self, book: Book, catch_up: Callable[[], Awaitable[None]]) -> None:
        self._book, self._catch_up = book, catch_up
        self._views: dict[str, Held] = {}

    def take(self, record: Fetched) -> None:
        """Take a record of the views."""
        fold_view(DESIGN_VIEWS, record, self._views)

    async def of(self, workspace_id: WorkspaceId, board_model: BoardModel) -> BoardFacts | None:
        """Return what a workspace knows of a board; None where it had no files analysed, or their index is gone."""
        await self._catch_up()
        held = self._views.get(design_id(workspace_id, board_model))
        view = held.state if held is not None else None
        if not isinstance(view, DesignView) or view.analysed is None:
            return None
        try:
            return facts_of(await self._book.index(view.analysed.index))
        except Permanent:
            return None


def facts_of(index: Index) -> BoardFacts:
    """Return a design as the brain looks it up."""
    return MemoryBoard(
        index.design.source,
        (
            PartFacts(
                part.ref, part.value, part.footprint, part.place.side if part.place is not None else "",
                dict(index.nets_of(part.ref)),
            )
            for part in index.parts.values()
        ),
    )  # fmt: skip
