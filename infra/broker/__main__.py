"""Run the embedded broker as a process, or look after its file.

`python -m infra.broker --path FILE [--port P] [--host H]` serves; `... check --path FILE` reads every page and every
batch; `... repair --path FILE` saves what can be read of a broken file into a new one.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from infra.broker import Broker, BrokerConfig, BrokerError
from infra.lifeline import stop_with_parent
from infra.supervise import READY

_SWITCH_S = 0.001  # Housekeeping computes in its own thread; the event loop gets the interpreter back this soon.


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Exit status 1: could not start, the file is broken, or the disk failed."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given[:1] in (["check"], ["repair"]):
            return _look_after(given)
        return _serve_with(given)
    except BrokerError as error:
        sys.stderr.write(f"broker: {error}\n")
        return 1


def _look_after(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.broker")
    parser.add_argument("verb", choices=("check", "repair"))
    parser.add_argument("--path", type=Path, required=True, help="the broker's SQLite file")
    options = parser.parse_args(given)
    if options.verb == "repair":
        from infra.broker.repair import repair

        sys.stdout.writelines(f"{line}\n" for line in repair(options.path).lines())
        return 0
    return 1 if print_faults(options.path) else 0


def print_faults(path: Path) -> int:
    """Print everything that is wrong with a file; answers how much."""
    from infra.broker.integrity import examine
    from infra.broker.stats import open_to_read

    faults = 0
    with contextlib.closing(open_to_read(path)) as reader:
        for fault in examine(reader):
            faults += 1
            sys.stdout.write(f"{fault}\n")
    sys.stdout.write(
        f"{faults} faults; `repair` saves the rest\n" if faults else "every page and every batch is sound\n"
    )
    return faults


def _serve_with(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.broker", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="the broker's SQLite file; created when missing")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; off loopback needs TLS and users")
    parser.add_argument("--port", type=int, default=9092, help="port to listen on; 0 takes any free one")
    parser.add_argument("--advertise", type=_address, metavar="HOST:PORT", help="where clients are told to connect")
    parser.add_argument("--tls-cert", type=Path, help="certificate chain, PEM")
    parser.add_argument("--tls-key", type=Path, help="private key of the certificate, PEM")
    parser.add_argument("--users", type=Path, help="file of `noizylab broker user add`; every client has to log in")
    parser.add_argument("--metrics-port", type=int, help="answer /metrics and /healthz there, on loopback")
    parser.add_argument("--verify", action="store_true", help="read every page and every batch before listening")
    parser.add_argument("--lifeline", action="store_true", help="stop when standard input closes, as a child should")
    options = parser.parse_args(given)
    if options.lifeline:
        stop_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if options.verify and options.path.exists() and print_faults(options.path):
        return 1
    sys.setswitchinterval(_SWITCH_S)
    config = BrokerConfig(
        path=options.path,
        host=options.host,
        port=options.port,
        advertise=options.advertise,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        users=options.users,
    )
    asyncio.run(_serve(config, options.metrics_port))
    return 0


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


async def _serve(config: BrokerConfig, metrics_port: int | None) -> None:
    broker = Broker(config)
    await broker.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Where the event loop has no signal handlers (Windows), Ctrl-C ends the process the ordinary way.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    sys.stdout.write(f"listening on {broker.host}:{broker.port}\n{READY}\n")
    sys.stdout.flush()
    serving = asyncio.create_task(broker.serve_forever())
    stopping = asyncio.create_task(stop.wait())
    try:
        with _watched(broker, metrics_port):
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        serving.cancel()
        stopping.cancel()
        await broker.stop()


def _watched(broker: Broker, port: int | None) -> contextlib.AbstractContextManager[int | None]:
    if port is None:
        return contextlib.nullcontext()
    # Imported where it is asked for: it costs memory and start-up time.
    from connectors.clock.clock import SystemClock
    from infra.broker.metrics import BrokerCollector, ailments
    from infra.http_probe import http_probe

    advice = "set NOIZYLAB_BROKER_METRICS_PORT or --metrics-port, 0 is off"
    return http_probe(BrokerCollector(broker, SystemClock().now().timestamp()), lambda: ailments(broker), port, advice)


if __name__ == "__main__":
    sys.exit(main())
