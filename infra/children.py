"""The programs that a shop runs as children of its supervisor. Quick to import: some start before all else."""

from collections.abc import Sequence

from infra.settings import Settings
from infra.supervise import ChildSpec


def broker_spec(settings: Settings) -> ChildSpec:
    """Return the program of the embedded log."""
    settings.broker_file.parent.mkdir(parents=True, exist_ok=True)
    arguments = [
        "-m", "infra.broker", "--path", str(settings.broker_file), "--lifeline",
        "--host", settings.broker_host, "--port", str(settings.broker_port),
    ]  # fmt: skip
    if settings.broker_advertise is not None:
        arguments += ["--advertise", settings.broker_advertise]
    if settings.broker_tls_cert is not None:
        arguments += ["--tls-cert", str(settings.broker_tls_cert), "--users", str(settings.broker_users)]
    if settings.broker_tls_key is not None:
        arguments += ["--tls-key", str(settings.broker_tls_key)]
    if settings.broker_metrics_port:
        arguments += ["--metrics-port", str(settings.broker_metrics_port)]
    return ChildSpec("broker", tuple(arguments))


def clickhouse_spec(settings: Settings) -> ChildSpec:
    """Return the program of the embedded ClickHouse."""
    arguments = (
        "-m", "infra.clickhouse", "--data", str(settings.home / "clickhouse"),
        "--http-port", str(settings.clickhouse_http_port), "--tcp-port", str(settings.clickhouse_tcp_port),
    )  # fmt: skip
    return ChildSpec("clickhouse", arguments, http_probe=f"http://127.0.0.1:{settings.clickhouse_http_port}/ping")


def worker_spec(processors: Sequence[str], name: str = "workers") -> ChildSpec:
    """Return the program that runs some processors; ``name`` is its own among all that run with the same home."""
    return ChildSpec(name, ("-m", "infra.cli", "serve", "workers", "--instance", name, *processors))


def gateway_spec(settings: Settings) -> ChildSpec:
    """Return the program that serves the HTTP edge; it is ready when it has read the log."""
    probe = f"http://127.0.0.1:{settings.gateway_port}/readyz"
    return ChildSpec("gateway", ("-m", "infra.web"), http_probe=probe)
