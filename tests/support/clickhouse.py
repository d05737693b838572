"""One embedded ClickHouse for a whole test run: started at the first use, stopped with the last session fixture."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.clickhouse.server import Connection, ServerWarehouse
from infra.clickhouse.layout import ADMIN
from infra.clickhouse.server import EmbeddedClickHouse

_users = 0
_server: EmbeddedClickHouse | None = None


@contextmanager
def shared_server() -> Iterator[EmbeddedClickHouse]:
    """Yield the run's server; several folders may ask for it, and get the same one."""
    global _users, _server
    if _server is None:
        server = EmbeddedClickHouse(Path(tempfile.mkdtemp(prefix="clickhouse-")), memory_limit_bytes=1024**3)
        asyncio.run(server.start())
        _server = server
    server, _users = _server, _users + 1
    try:
        yield server
    finally:
        _users -= 1
        if _users == 0:
            asyncio.run(server.stop())
            shutil.rmtree(server.data_dir)
            _server = None


def connect(server: EmbeddedClickHouse, user: str = ADMIN, database: str = "noizylab") -> ServerWarehouse:
    """Return a warehouse on the server, as one of its users."""
    return ServerWarehouse(Connection("127.0.0.1", server.http_port, user, server.passwords[user], database))
