"""The embedded server's process: ``python -m infra.clickhouse --data DIR --http-port P --tcp-port Q``.

The ClickHouse engine inside the chdb-core wheel can open its genuine HTTP and native listeners for as long as a
native one-shot query lasts; so this process runs a query that never ends. It stops when its standard input is
closed, which also happens when its parent dies, or on SIGTERM.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from infra.clickhouse.layout import (
    DEFAULT_MEMORY_LIMIT_BYTES,
    StoreError,
    claim,
    engine_version,
    load_passwords,
    write_configuration,
)

# One row a second for three centuries: the function `numbers`, unlike the table `system.numbers`, needs no grant.
# The limit on a block's sleep must be lifted, else the engine refuses to sleep.
LISTEN_FOREVER = """
SYSTEM START LISTEN HTTP;
SYSTEM START LISTEN TCP;
SELECT sleepEachRow(1) FROM numbers(10000000000)
SETTINGS max_block_size = 1, max_threads = 1, function_sleep_max_microseconds_per_block = 1000000000000
FORMAT Null
"""


def main(arguments: list[str]) -> int:
    """Serve until a signal ends the process; return the exit status when it could not (2: the store is refused)."""
    parser = argparse.ArgumentParser(prog="python -m infra.clickhouse", description="The embedded ClickHouse.")
    parser.add_argument("--data", type=Path, required=True, help="the store's directory; made when missing")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--tcp-port", type=int, required=True)
    parser.add_argument("--memory-limit-bytes", type=int, default=DEFAULT_MEMORY_LIMIT_BYTES)
    options = parser.parse_args(arguments)
    data_dir: Path = options.data.resolve()
    try:
        claim(data_dir, engine_version())
        conf = write_configuration(
            data_dir, load_passwords(data_dir), options.http_port, options.tcp_port, options.memory_limit_bytes
        )
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    _serve(conf, data_dir / "engine")
    return 1


def _serve(conf: Path, engine_dir: Path) -> None:
    # The import opens a session in memory that would read ./config.xml too, so it comes before the change of
    # directory by which the engine finds its configuration.
    from chdb import _chdb

    os.chdir(conf)
    threading.Thread(target=_stop_when_stdin_closes, daemon=True).start()
    # The entry point is private and untyped; the package is pinned exactly for its sake.
    _chdb.query(LISTEN_FOREVER, "TabSeparated", path=str(engine_dir))  # type: ignore[attr-defined]  # private


def _stop_when_stdin_closes() -> None:
    # The bare descriptor: a thread blocked in sys.stdin would hold its lock while the interpreter shuts down.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
