"""What the edge is made of. The composition root builds one and hands it to ``create_app``."""

import asyncio
import copy
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from starlette.requests import HTTPConnection

from connectors.blobs.port import BlobStore
from connectors.blobs.presign import BlobUrls
from connectors.bus.records import Publisher
from connectors.clickhouse.export import Downloads
from connectors.clickhouse.port import Warehouse
from connectors.clock.clock import Clock
from connectors.links.signer import LinkSigner
from connectors.signing.services import Service
from connectors.signing.verify import CallVerifier
from connectors.vault.passcodes import SealedPasscodes
from connectors.vault.port import Vault
from connectors.webhooks.port import Verifier
from processors.gateway.commands import Commands
from processors.gateway.config import Policy
from processors.gateway.edge.cache import Kept, Page, ReadCache
from processors.gateway.edge.credentials import Credentials
from processors.gateway.edge.design_book import DesignBook
from processors.gateway.edge.desk import Desk
from processors.gateway.edge.flight import Flights
from processors.gateway.edge.hooks import Hooks
from processors.gateway.edge.idempotency import Claims
from processors.gateway.edge.indexing import Indexing
from processors.gateway.edge.keyring import Keyring
from processors.gateway.edge.limits import IN_MEMORY, RateLimits
from processors.gateway.edge.nonces import Nonces
from processors.gateway.edge.refusals import RefusalLog
from processors.gateway.edge.socket_tickets import SocketTickets
from processors.gateway.edge.throttle import Throttle
from processors.gateway.edge.wall import Walls
from processors.gateway.tenancy import within
from processors.gateway.views import ReadModel
from schemas.core.ids import WorkspaceId
from schemas.devices import DeviceCategory
from schemas.diagnoses import DiagnosisView
from schemas.qc import QcView
from schemas.sla import ClocksReport, ClocksView
from schemas.tickets import TicketView

PAGES_MAX_BYTES = 16_000_000


class Figure(Protocol):
    """A figure of the shop: one SELECT, and what it says."""

    @property
    def title(self) -> str:
        """Return what the figure shows, in a few words."""
        ...

    @property
    def definition(self) -> str:
        """Return how it is counted."""
        ...

    @property
    def unit(self) -> str:
        """Return the unit of its main number."""
        ...

    @property
    def sql(self) -> str:
        """Return the SELECT of the whole figure."""
        ...


class Report(Figure, Protocol):
    """A figure of one workspace over a period: rows, and its main number of each day."""

    @property
    def name(self) -> str:
        """Return what it is asked for by."""
        ...

    @property
    def main(self) -> str:
        """Return what its main number is."""
        ...

    @property
    def daily_sql(self) -> str:
        """Return the SELECT of the main number of each day; parameters as in ``sql``: workspace, since, until."""
        ...

    @property
    def whole_house(self) -> bool:
        """Return whether it is of all workspaces together."""
        ...

    @property
    def adds_up(self) -> bool:
        """Return whether a day without events is a zero."""
        ...


class FlowIssue(Protocol):
    """One element of a BPMN file that cannot be run."""

    @property
    def element_id(self) -> str:
        """Return the element's id in the file."""
        ...

    @property
    def element_type(self) -> str:
        """Return the element's kind."""
        ...

    @property
    def line(self) -> int:
        """Return its line in the file."""
        ...

    @property
    def message(self) -> str:
        """Return what is wrong with it."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayDeps:
    """The ports and services behind the edge. ``warehouse`` None: figures answer 503; ``downloads`` is the same one as
    it gives files. ``blob_urls`` reads addresses of stored objects; None: there are none. ``hooks``: verifiers of
    incoming webhooks by provider; ``public_url`` is the address that the outside knows. ``webhook_master``: what
    secrets of subscriptions are derived from; ``webhooks_local`` lets them post into our own network. ``services``: our
    own services with their keys and what they may do. ``cors_origins``: whose pages may call. ``address_key``: what
    addresses of refused callers are hashed with; without it refusals are not written down.
    """

    publisher: Publisher
    views: ReadModel
    blobs: BlobStore
    vault: Vault
    signer: LinkSigner
    keyring: Keyring
    credentials: Credentials
    clock: Clock
    blob_urls: BlobUrls | None = None
    warehouse: Warehouse | None = None
    downloads: Downloads | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    reports: Mapping[str, Report] = field(default_factory=dict)
    check_flow: Callable[[bytes], Sequence[FlowIssue]] | None = None
    checklist_of: Callable[[DeviceCategory], Sequence[str]] | None = None
    clock_report: Callable[[ClocksView, datetime], ClocksReport] | None = None
    bounce_rates: Callable[[Iterable[QcView], WorkspaceId], dict[str, Any]] | None = None
    brain_calibration: Callable[[Iterable[tuple[TicketView, DiagnosisView]]], dict[str, Any]] | None = None
    passcodes: SealedPasscodes | None = None
    designs: DesignBook | None = None
    policy: Policy = field(default_factory=Policy)
    shop_name: str = "NoizyLab"
    hooks: Mapping[str, Verifier] = field(default_factory=dict)
    public_url: str = "http://127.0.0.1:8080"
    webhook_master: str = field(default="", repr=False)
    webhooks_local: bool = False
    services: Callable[[str], Service | None] = lambda service_id: None
    cors_origins: frozenset[str] = frozenset()
    """Origins of pages that may call and open a socket, besides those of the gateway's own host."""
    address_key: bytes | None = field(default=None, repr=False)
    limits_url: str = IN_MEMORY
    secret: bytes = field(default_factory=lambda: os.urandom(32))
    """Seals kept answers and signs tickets for sockets. Replicas need the same; a random one is good for one alone."""


class Edge:
    """The dependencies with what the edge itself keeps: rates, slots, the command sender."""

    def __init__(self, deps: GatewayDeps) -> None:
        self.deps = deps
        self.commands = Commands(deps.publisher, deps.views, deps.clock, deps.policy)
        self.service_calls = CallVerifier(lambda name: None if (found := deps.services(name)) is None else found.key)
        self.nonces = Nonces(deps.limits_url)
        self.refusals = None if deps.address_key is None else RefusalLog(deps.publisher, deps.clock, deps.address_key)
        self.hooks = Hooks(self.commands, deps.blobs, deps.clock)
        self.limits = RateLimits(deps.policy, deps.limits_url)
        self.flights = Flights("requests", deps.policy.in_flight_max, deps.policy.in_flight_per_caller_max)
        self.streams = Flights("streams", deps.policy.streams_max, deps.policy.streams_per_caller_max)
        self.exports = Flights("exports", deps.policy.exports_max, deps.policy.exports_per_caller_max)
        self.walls = Walls(deps.clock, deps.policy)
        self.socket_tickets = SocketTickets(deps.secret, deps.policy.socket_ticket_s)
        self.cache = ReadCache(deps.policy.cache_max_bytes)
        self.claims = Claims(deps.publisher, deps.views, deps.clock, deps.policy, deps.secret)
        self.pages: Kept[Page] = Kept(PAGES_MAX_BYTES)
        self.indexing = Indexing(deps.views, deps.vault)
        self.upload_slots = asyncio.Semaphore(deps.policy.uploads_at_once)
        self.throttle = Throttle(deps.limits_url)
        self.desk = Desk(self.commands, deps.views, deps.credentials, deps.clock, deps.policy)
        self.key_uses: dict[str, datetime] = {}
        self.at_work: set[asyncio.Task[None]] = set()

    def within(self, workspace_id: WorkspaceId, on_hidden: Callable[[], None] = lambda: None) -> "Edge":
        """Return this edge for a caller of one workspace: the views of all others are not in it (:func:`within`).

        A shallow copy, so whatever the edge counts lies in objects that both share.
        """
        bounded = copy.copy(self)
        bounded.deps = replace(self.deps, views=within(self.deps.views, workspace_id, on_hidden))
        return bounded

    def start(self) -> None:
        """Begin what the edge does besides answering."""
        self.indexing.start()

    async def close(self) -> None:
        """End that, and write down what only this process knows; the publisher still works."""
        await self.indexing.close()
        if self.refusals is not None:
            await self.refusals.close()


def whole_edge(request: HTTPConnection) -> Edge:
    """Return the edge with all workspaces in it, for what only whoever runs the house may do."""
    edge: Edge = request.app.state.edge
    return edge


def edge_of(request: HTTPConnection) -> Edge:
    """Return the edge that a request or socket came to: once its caller is known, with their workspace alone in it."""
    bounded: Edge | None = getattr(request.state, "edge", None)
    return bounded or whole_edge(request)
