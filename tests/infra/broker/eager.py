"""The broker as a process whose housekeeping hardly rests; it takes ``--path PATH --port PORT``, in this order."""

import asyncio
import sys
from pathlib import Path

from infra.broker import Broker, BrokerConfig, compaction

CLEANUP_EVERY_S = 0.01
MOST_KEYS = 20
"""Fewer than there are, so that a compaction takes several passes."""


# A pass over little data is many changes, so that kills come between them.
compaction._CHUNK_ROWS = 3


async def serve(path: Path, port: int) -> None:
    """Serve until killed."""
    config = BrokerConfig(path=path, port=port, cleanup_every_s=CLEANUP_EVERY_S, compaction_max_keys=MOST_KEYS)
    broker = Broker(config)
    await broker.start()
    sys.stdout.write(f"listening on {broker.host}:{broker.port}\n")
    sys.stdout.flush()
    await broker.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[2]), int(sys.argv[4])))
