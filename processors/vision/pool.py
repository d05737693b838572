"""Inspections in processes of their own: a picture is seconds of CPU, and a decoder may crash on a hostile file."""

from collections.abc import Sequence

import cv2

from connectors.processes.pool import Processes
from processors.vision.config import Policy
from processors.vision.inspect import Inspection, inspect
from processors.vision.references import Reference


class Inspector:
    """Runs inspections, at most ``processes`` at a time, each on one core and within ``limit_s``."""

    def __init__(self, processes: int = 1, *, limit_s: float = 60.0, policy: Policy | None = None) -> None:
        self._processes = Processes(processes, limit_s=limit_s, prepare=_take_one_core)
        self._policy = policy or Policy()

    async def inspect(self, photos: Sequence[bytes | None], golden: bytes | Sequence[Reference] | None) -> Inspection:
        """Return what was seen.

        Raises:
            WorkFailed: the process died twice, or gave no answer within the limit.
        """
        over = f"{len(photos)} photos ({sum(len(photo) for photo in photos if photo)} bytes)"
        return await self._processes.run(
            inspect, tuple(photos), golden, self._policy,
            over=over, instead="send fewer or smaller ones, or inspect the board by eye",
        )  # fmt: skip

    def close(self) -> None:
        """Stop the processes. Inspections under way fail."""
        self._processes.close()


def _take_one_core() -> None:
    cv2.setNumThreads(1)
