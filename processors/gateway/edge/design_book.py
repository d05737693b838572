"""What the edge asks of whoever can open stored designs; the composition root hands it over."""

from collections.abc import Sequence
from typing import Protocol

from schemas.core.blob_ref import BlobRef
from schemas.design_answers import (
    BoardSide,
    BusesAnswer,
    DesignDiagnosis,
    NetAnswer,
    Overlay,
    PartAnswer,
    PathAnswer,
    RailsAnswer,
)
from schemas.suspects import BoardComplaint, BoardReading


class DesignBook(Protocol):
    """Answers about a design by the reference of its index.

    Every question raises LookupError with what is like the name where nothing is called so, ValueError where the
    design says not where anything is, and a ConnectorError where the index cannot be opened.
    """

    async def part(self, ref: BlobRef, name: str) -> PartAnswer:
        """Return a part."""
        ...

    async def net(self, ref: BlobRef, name: str, hops: int = 2) -> NetAnswer:
        """Return a net, and what lies behind up to ``hops`` series parts."""
        ...

    async def path(self, ref: BlobRef, start: str, end: str) -> PathAnswer:
        """Return the way between two parts."""
        ...

    async def rails(self, ref: BlobRef) -> RailsAnswer:
        """Return the rails, and what makes them."""
        ...

    async def buses(self, ref: BlobRef) -> BusesAnswer:
        """Return the serial buses."""
        ...

    async def overlay(self, ref: BlobRef, side: BoardSide, parts: Sequence[str], nets: Sequence[str]) -> Overlay:
        """Return places on the board, of all parts where neither parts nor nets are named."""
        ...

    async def svg(self, ref: BlobRef, side: BoardSide, part: str, net: str) -> str:
        """Return a drawing of the top or the bottom."""
        ...

    async def diagnosis(
        self, ref: BlobRef, readings: Sequence[BoardReading], complaint: BoardComplaint, *, lenient: bool = False
    ) -> DesignDiagnosis:
        """Return what readings point at; ``lenient``: those that do not fit the board are told, not refused.

        Raises ValueError where a unit does not fit or the board has no supply to diagnose, and TimeoutError while what
        the board predicts is not worked out yet: asking again finds it.
        """
        ...
