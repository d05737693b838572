"""Files read in a process of its own: a large board is seconds of CPU, and a file may be made to do harm."""

from collections.abc import Mapping

from connectors.processes.pool import Processes
from processors.schematics.summary import Summary, analyse


class Analyst:
    """Reads the files of one project after the other, each within ``limit_s``."""

    def __init__(self, limit_s: float = 60.0) -> None:
        self._processes = Processes(limit_s=limit_s)

    async def analyse(self, files: Mapping[str, bytes]) -> tuple[Summary, bytes]:
        """Return what is told of the files, and the whole design as bytes.

        Raises:
            DesignError: the files cannot be read as one design.
            WorkFailed: the process died twice, or gave no answer within the limit.
        """
        over = f"{len(files)} files ({sum(map(len, files.values()))} bytes)"
        return await self._processes.run(analyse, dict(files), over=over, instead="give the board alone")

    def close(self) -> None:
        """Stop the process. An analysis under way fails."""
        self._processes.close()
