"""The gateway's process: its dependencies, and uvicorn on the loopback interface."""

import os

import uvicorn

from connectors.bus.publisher import KafkaPublisher
from connectors.signing.keys import KeyFiles
from infra.compose import Ports
from infra.secret_files import load_or_create_secret
from infra.settings import Settings
from processors.analytics.figures import FIGURES
from processors.gateway.access.seals import Seals
from processors.gateway.edge.app import create_app
from processors.gateway.edge.credentials import Credentials
from processors.gateway.edge.deps import GatewayDeps
from processors.gateway.edge.keyring import Keyring
from processors.gateway.edge.tokens import AccessTokens, SessionKeys
from processors.gateway.views import ReadModel
from processors.orchestrator.deployment import check

MAX_CONCURRENCY = 500


def open_keyring(settings: Settings) -> Keyring:
    """Return the shop's API keys."""
    pepper = load_or_create_secret(settings.home, "key-pepper").encode()
    return Keyring(settings.home / "secrets" / "api-keys.json", pepper)


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
                    credentials=open_credentials(settings, ports),
                    clock=ports.clock,
                    warehouse=ports.figures_warehouse,
                    figures={figure.name: figure for figure in FIGURES},
                    check_flow=check,
                    hooks=ports.hooks,
                    public_url=settings.public_url,
                    webhook_master=ports.webhook_master,
                    webhooks_local=settings.webhooks_local,
                    service_key=KeyFiles(settings.home / "secrets" / "services").get,
                    cors_origins=settings.cors_origins,
                    address_key=load_or_create_secret(settings.home, "refused-addresses").encode(),
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
            await app.state.edge.close()
        finally:
            await views.stop()
            await publisher.stop()
