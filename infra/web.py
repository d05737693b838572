"""The gateway's process: its dependencies, and uvicorn on the loopback interface."""

import asyncio
import os
import sys
from functools import partial

import uvicorn

from connectors.bus.publisher import KafkaPublisher
from connectors.errors import ConnectorError
from connectors.signing.services import ServiceFiles
from infra.garbage import collect_seldom, keep_what_is_there
from infra.http_probe import http_probe
from infra.lifeline import begin
from infra.patience import PatientProtocol
from infra.ports import Ports
from infra.secret_files import load_or_create_secret
from infra.settings import Settings, read_settings
from processors.analytics.figures import FIGURES
from processors.analytics.reports import REPORTS
from processors.brain.reliability import calibration
from processors.gateway.access.seals import Seals
from processors.gateway.edge.app import create_app
from processors.gateway.edge.credentials import Credentials
from processors.gateway.edge.deps import GatewayDeps
from processors.gateway.edge.keyring import Keyring
from processors.gateway.edge.tokens import AccessTokens, SessionKeys
from processors.gateway.views import ReadModel
from processors.orchestrator.deployment import check
from processors.qc.outcomes import bounce_rates
from processors.schematics.book import Book
from processors.tickets.conditions.checklists import checklist_of
from processors.tickets.sla.report import report

MAX_CONNECTIONS = 2_000
"""A last bound, which uvicorn answers curtly; the edge's own bounds on requests and sockets come first."""


_ADVICE = "set NOIZYLAB_GATEWAY_METRICS_PORT, 0 is off"


def _ailments(views: ReadModel) -> list[str]:
    return [] if views.ready else [f"the views are not caught up: {views.failure or 'reading'}"]


def open_keyring(settings: Settings) -> Keyring:
    """Return the shop's API keys."""
    pepper = load_or_create_secret(settings.home, "key-pepper").encode()
    return Keyring(settings.home / "secrets" / "api-keys.json", pepper)


def open_services(settings: Settings) -> ServiceFiles:
    """Return our own services that may call, by their keys."""
    return ServiceFiles(settings.home / "secrets" / "services")


def open_session_keys(settings: Settings) -> SessionKeys:
    """Return the keys that access tokens are signed with."""
    return SessionKeys(settings.home / "secrets" / "session-keys.json")


def open_credentials(settings: Settings, ports: Ports) -> Credentials:
    """Return what people are known by. The secret names users as well: with another one nobody is found any more."""
    keys = open_session_keys(settings)
    return Credentials(
        people=ports.people,
        seals=Seals(load_or_create_secret(settings.home, "access").encode()),
        keys=keys,
        tokens=AccessTokens(keys, settings.public_url),
    )


async def _settle(views: ReadModel) -> None:
    await views.wait_ready()
    keep_what_is_there()


async def serve_gateway(settings: Settings) -> None:
    """Serve until SIGTERM."""
    collect_seldom()
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
                    credentials=open_credentials(settings, ports),
                    clock=ports.clock,
                    warehouse=ports.figures_warehouse,
                    downloads=ports.figures_warehouse,
                    figures={figure.name: figure for figure in FIGURES},
                    reports={report.name: report for report in REPORTS},
                    check_flow=check,
                    hooks=ports.hooks,
                    public_url=settings.public_url,
                    webhook_master=ports.webhook_master,
                    webhooks_local=settings.webhooks_local,
                    services=open_services(settings).get,
                    cors_origins=settings.cors_origins,
                    address_key=load_or_create_secret(settings.home, "refused-addresses").encode(),
                    limits_url=settings.limits_url,
                    secret=load_or_create_secret(settings.home, "edge").encode(),
                    checklist_of=checklist_of,
                    passcodes=ports.passcodes,
                    bounce_rates=bounce_rates,
                    designs=Book(ports.blobs),
                    brain_calibration=calibration,
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
                    http=PatientProtocol,
                    ws="websockets-sansio",
                    ws_max_size=4_096,  # readers have nothing to say
                    ws_per_message_deflate=False,  # would cost each socket a window of its own
                    server_header=False,
                    timeout_graceful_shutdown=3,
                    limit_concurrency=MAX_CONNECTIONS,
                )
            )
            with http_probe(
                app.state.metrics, lambda: _ailments(views), settings.gateway_metrics_port or None, _ADVICE
            ):
                await app.state.edge.limits.check()
                app.state.edge.start()
                settling = asyncio.create_task(_settle(views), name="gateway-settle")
                await server.serve()
                settling.cancel()
            await app.state.edge.close()
        finally:
            await views.stop()
            await publisher.stop()


def main() -> None:
    """Run the gateway's process: what the supervisor starts, without the rest of the command, which takes longer."""
    begin()
    try:
        asyncio.run(serve_gateway(read_settings()))
    except ConnectorError as error:
        sys.exit(f"noizylab: {error}")


if __name__ == "__main__":
    main()
