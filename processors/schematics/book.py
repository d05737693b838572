"""Stored designs, opened once and kept while they are asked about: what the agent and the edge answer from."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.blobs.port import BlobStore
from processors.schematics.answers import buses_answer, net_answer, part_answer, path_answer, rails_answer
from processors.schematics.codec import from_bytes
from processors.schematics.draw import board_svg
from processors.schematics.index import Index
from processors.schematics.overlay import overlay
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

if TYPE_CHECKING:
    from processors.schematics.faults.diagnose import Diagnoser

MOST_BYTES = 8_000_000
"""Of stored JSON. In memory it is nine to twelve times as much: a board of 200 parts takes 2 MB, of 5,000 18 MB."""
MOST_DIAGNOSERS = 4
WAIT_S = 10.0
"""How long somebody waits for a board's first diagnosis. What is worked out goes on, for whoever asks again."""


class Book:
    """Answers about stored designs.

    Each question may raise as :meth:`index` does, and LookupError for what is not there. Places and drawings raise
    ValueError where the design says not where anything is.
    """

    def __init__(self, blobs: BlobStore, most_bytes: int = MOST_BYTES, wait_s: float = WAIT_S) -> None:
        self._blobs = blobs
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, tuple[Index, int]] = OrderedDict()
        self._opening = asyncio.Lock()
        self._wait_s = wait_s
        self._diagnosers: OrderedDict[str, asyncio.Task[Diagnoser]] = OrderedDict()
        self._working = asyncio.Lock()

    async def index(self, ref: BlobRef) -> Index:
        """Return the index of a stored design; the ones used longest ago leave memory first.

        Raises:
            BlobMissing, BlobCorrupt: it is not there as it was stored.
            UnknownIndex: it was stored by another version.
        """
        kept = self._kept.get(ref.sha256)
        if kept is None:
            async with self._opening:  # one after the other: who asks for the same finds it then
                kept = self._kept.get(ref.sha256)
                if kept is None:
                    content = await self._blobs.get(ref)
                    kept = (await asyncio.to_thread(lambda: Index(from_bytes(content))), len(content))
                    self._keep(ref.sha256, kept)
        self._kept.move_to_end(ref.sha256)
        return kept[0]

    def _keep(self, name: str, kept: tuple[Index, int]) -> None:
        self._kept[name] = kept
        while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self._most_bytes:
            self._kept.popitem(last=False)

    async def part(self, ref: BlobRef, name: str) -> PartAnswer:
        """Return a part."""
        return part_answer(await self.index(ref), name)

    async def net(self, ref: BlobRef, name: str, hops: int = 2) -> NetAnswer:
        """Return a net, and what lies behind up to ``hops`` series parts."""
        return net_answer(await self.index(ref), name, hops)

    async def path(self, ref: BlobRef, start: str, end: str) -> PathAnswer:
        """Return the way between two parts."""
        return path_answer(await self.index(ref), start, end)

    async def rails(self, ref: BlobRef) -> RailsAnswer:
        """Return the rails, and what makes them."""
        return rails_answer(await self.index(ref))

    async def buses(self, ref: BlobRef) -> BusesAnswer:
        """Return the serial buses."""
        return buses_answer(await self.index(ref))

    async def overlay(self, ref: BlobRef, side: BoardSide, parts: Sequence[str], nets: Sequence[str]) -> Overlay:
        """Return places on the board."""
        index = await self.index(ref)
        return await asyncio.to_thread(overlay, index, side, parts, nets)

    async def svg(self, ref: BlobRef, side: BoardSide, part: str, net: str) -> str:
        """Return a drawing of the top or the bottom."""
        index = await self.index(ref)
        return await asyncio.to_thread(board_svg, index, "bottom" if side == "bottom" else "top", part, net)

    async def diagnosis(
        self, ref: BlobRef, readings: Sequence[BoardReading], complaint: BoardComplaint, *, lenient: bool = False
    ) -> DesignDiagnosis:
        """Return what readings point at; see :func:`diagnosis_answer`.

        Raises:
            TimeoutError: what the board predicts is not worked out yet; asking again finds it.
        """
        diagnoser = await self._diagnoser(ref)
        from processors.schematics.faults.answers import diagnosis_answer

        return await asyncio.to_thread(diagnosis_answer, diagnoser, readings, complaint, lenient=lenient)

    async def _diagnoser(self, ref: BlobRef) -> "Diagnoser":
        index = await self.index(ref)
        task = self._diagnosers.get(ref.sha256)
        if task is None:
            task = self._diagnosers[ref.sha256] = asyncio.create_task(self._work_out(index))
            if len(self._diagnosers) > MOST_DIAGNOSERS:
                self._diagnosers.popitem(last=False)
        self._diagnosers.move_to_end(ref.sha256)
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._wait_s)
        except TimeoutError:
            source = index.design.source
            raise TimeoutError(f"what {source} predicts is being worked out; ask again in some seconds") from None

    async def _work_out(self, index: Index) -> "Diagnoser":
        async with self._working:  # one board at a time: each takes a processor for seconds
            from processors.schematics.faults.diagnose import Diagnoser  # NumPy: not at the gateway's start

            return await asyncio.to_thread(Diagnoser, index)
