"""The gateway's process: its dependencies, and uvicorn on the loopback interface."""

import os
from functools import partial

import uvicorn

from connectors.bus.publisher import KafkaPublisher
from infra.compose import Ports
from infra.secret_files import load_or_create_secret
from infra.settings import Settings
from processors.analytics.figures import FIGURES
from processors.gateway.edge.app import create_app
from processors.gateway.edge.deps import GatewayDeps
from processors.gateway.edge.keyring import Keyring
from processors.gateway.views import ReadModel
from processors.orchestrator.deployment import check
from processors.tickets.conditions.checklists import checklist_of
from processors.tickets.sla.report import report

MAX_CONCURRENCY = 500


def open_keyring(settings: Settings) -> Keyring:
    """Return the shop's API keys."""
    pepper = load_or_create_secret(settings.home, "key-pepper").encode()
    return Keyring(settings.home / "secrets" / "api-keys.json", pepper)


async def serve_gateway(settings: Settings) -> None:
    """Serve until SIGTERM."""
    publisher = KafkaPublisher(settings.cluster(), client_id=f"noizylab-gateway-{os.getpid()}")
    views = ReadModel()
    await publisher.start()
    async with Ports.open(settings) as ports:
        try:
            await views.start(settings.cluster())
            app = create_app(
                GatewayDeps(
                    publisher=publisher,
                    views=views,
                    blobs=ports.blobs,
                    blob_urls=ports.blob_urls,
                    vault=ports.vault,
                    signer=ports.signer,
                    keyring=open_keyring(settings),
                    clock=ports.clock,
                    warehouse=ports.figures_warehouse,
                    figures={figure.name: figure for figure in FIGURES},
                    check_flow=check,
                    checklist_of=checklist_of,
                    passcodes=ports.passcodes,
                    clock_report=partial(report, policy=ports.sla_policy),
                )
            )
            server = uvicorn.Server(
                uvicorn.Config(
                    app,
                    host="127.0.0.1",
                    port=settings.gateway_port,
                    log_level="warning",
                    access_log=False,
                    ws="none",
                    server_header=False,
                    timeout_graceful_shutdown=3,
                    limit_concurrency=MAX_CONCURRENCY,
                )
            )
            await server.serve()
        finally:
            await views.stop()
            await publisher.stop()
