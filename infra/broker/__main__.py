"""Run the embedded broker as a process: `python -m infra.broker --path FILE [--port P] [--host H]`."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from infra.broker import Broker, BrokerConfig, BrokerError
from infra.lifeline import stop_with_parent


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Exit status 1: could not start, or the disk failed."""
    parser = argparse.ArgumentParser(prog="python -m infra.broker", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="the broker's SQLite file; created when missing")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, default=9092, help="port to listen on; 0 takes any free one")
    parser.add_argument("--lifeline", action="store_true", help="stop when standard input closes, as a child should")
    options = parser.parse_args(arguments)
    if options.lifeline:
        stop_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(BrokerConfig(path=options.path, host=options.host, port=options.port)))
    except BrokerError as error:
        sys.stderr.write(f"broker: {error}\n")
        return 1
    return 0


async def _serve(config: BrokerConfig) -> None:
    broker = Broker(config)
    await broker.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Where the event loop has no signal handlers (Windows), Ctrl-C ends the process the ordinary way.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    sys.stdout.write(f"listening on {broker.host}:{broker.port}\n")
    sys.stdout.flush()
    serving = asyncio.create_task(broker.serve_forever())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        serving.cancel()
        stopping.cancel()
        await broker.stop()


if __name__ == "__main__":
    sys.exit(main())
