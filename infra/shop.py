"""A whole shop on this machine: the embedded servers, the workers, the gateway, under one supervisor."""

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from connectors.bus.admin import apply_topics
from infra.children import broker_spec, clickhouse_spec, gateway_spec, worker_spec
from infra.compose import WIRED
from infra.settings import Settings, to_environment, write_ports
from infra.supervise import Supervisor, free_ports
from infra.warehouse import migrate_warehouse
from topics.registry import ALL

Progress = Callable[[str], None]
ALL_WORKERS: tuple[str, ...] = tuple(WIRED)


class Shop:
    """The processes of a shop. ``workers`` None means all of them in one process, the auditor and the gateway."""

    def __init__(self, settings: Settings, workers: Sequence[str] | None = None, *, gateway: bool = True) -> None:
        self.settings = settings
        self.supervisor = Supervisor(settings.home / "logs", to_environment(settings))
        self._workers = tuple(workers) if workers is not None else ALL_WORKERS
        self._gateway = gateway
        # A process of its own: the key that signs is in the memory of nothing that reads what customers send.
        self._auditor = workers is None and settings.audit

    async def start(self, progress: Progress = lambda _: None) -> None:
        """Start what is needed, in order.

        Raises:
            ChildFailedError: a process did not come up; the message holds its last words.
        """
        settings = self.settings
        settings.home.mkdir(parents=True, exist_ok=True)
        write_ports(settings)
        if settings.embedded_broker:
            progress("the log: embedded Kafka broker")
            await self.supervisor.start(broker_spec(settings))
        replicas = 1 if settings.embedded_broker else settings.kafka_replicas
        progress(f"{len(ALL)} topics from the registry")
        await apply_topics(settings.cluster(), ALL, replicas=replicas)
        if settings.embedded_clickhouse and "analytics" in self._workers:
            progress("the figures: embedded ClickHouse")
            await self.supervisor.start(clickhouse_spec(settings))
        if "analytics" in self._workers:
            await migrate_warehouse(settings)
        progress(f"workers: {', '.join(self._workers)}")
        await self.supervisor.start(worker_spec(self._workers))
        if self._auditor:
            progress("auditor: seals what is on the log")
            await self.supervisor.start(worker_spec(["auditor"], "auditor"))
        if self._gateway:
            progress(f"gateway at {settings.public_url}")
            await self.supervisor.start(gateway_spec(settings))

    async def stop(self) -> None:
        """Stop everything, the last started first."""
        await self.supervisor.stop_all()


def private_settings(settings: Settings, home: Path, *, own_cluster: bool = False) -> Settings:
    """Return settings for a shop of its own in ``home``, on free ports: for demos, benchmarks and tests.

    No vendor is used, so that no made-up customer gets a mail. The log, the figures and the pictures stay on this
    machine as well, unless ``own_cluster`` says to measure the cluster that the settings name.
    """
    broker, http, tcp, gateway = free_ports(4)
    alone = (
        {} if own_cluster else {"kafka": None, "clickhouse_url": None, "clickhouse_cluster": None, "s3_endpoint": None}
    )
    return replace(
        settings,
        home=home,
        broker_port=broker,
        broker_host="127.0.0.1",
        broker_advertise=None,
        broker_tls_cert=None,
        broker_tls_key=None,
        clickhouse_http_port=http,
        clickhouse_tcp_port=tcp,
        gateway_port=gateway,
        metrics_port=0,
        broker_metrics_port=0,
        gateway_metrics_port=0,
        public_url=f"http://127.0.0.1:{gateway}",
        smtp_url=None,
        twilio_account_sid=None,
        anthropic_api_key=None,
        **alone,  # type: ignore[arg-type]  # each of them may be None
    )


@asynccontextmanager
async def running_shop(
    settings: Settings,
    workers: Sequence[str] | None = None,
    *,
    gateway: bool = True,
    progress: Progress = lambda _: None,
    keep: bool = False,
) -> AsyncIterator[Shop]:
    """Run a shop for the length of a block; ``keep`` leaves its data behind."""
    shop = Shop(settings, workers, gateway=gateway)
    try:
        await shop.start(progress)
        yield shop
    finally:
        await shop.stop()
        if not keep:
            shutil.rmtree(settings.home, ignore_errors=True)
