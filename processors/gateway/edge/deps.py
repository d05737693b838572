"""What the edge is made of. The composition root builds one and hands it to ``create_app``."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fastapi import Request

from connectors.blobs.port import BlobStore
from connectors.blobs.presign import BlobUrls
from connectors.bus.records import Publisher
from connectors.clickhouse.port import Warehouse
from connectors.clock.clock import Clock
from connectors.links.signer import LinkSigner
from connectors.vault.passcodes import SealedPasscodes
from connectors.vault.port import Vault
from processors.gateway.commands import Commands
from processors.gateway.config import Policy
from processors.gateway.edge.keyring import Keyring
from processors.gateway.edge.limits import RateLimits
from processors.gateway.views import ReadModel
from schemas.devices import DeviceCategory
from schemas.sla import ClocksReport, ClocksView


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
    """The ports and services behind the edge. ``warehouse`` None: figures answer 503. ``blob_urls`` reads addresses
    of stored objects; None: there are none.
    """

    publisher: Publisher
    views: ReadModel
    blobs: BlobStore
    vault: Vault
    signer: LinkSigner
    keyring: Keyring
    clock: Clock
    blob_urls: BlobUrls | None = None
    warehouse: Warehouse | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    check_flow: Callable[[bytes], Sequence[FlowIssue]] | None = None
    checklist_of: Callable[[DeviceCategory], Sequence[str]] | None = None
    clock_report: Callable[[ClocksView, datetime], ClocksReport] | None = None
    passcodes: SealedPasscodes | None = None
    policy: Policy = field(default_factory=Policy)
    shop_name: str = "NoizyLab"


class Edge:
    """The dependencies with what the edge itself keeps: rates, slots, the command sender."""

    def __init__(self, deps: GatewayDeps) -> None:
        self.deps = deps
        self.commands = Commands(deps.publisher, deps.views, deps.clock, deps.policy)
        self.limits = RateLimits(deps.policy)
        self.intakes_at_work: set[str] = set()
        self.upload_slots = asyncio.Semaphore(deps.policy.uploads_at_once)


def edge_of(request: Request) -> Edge:
    """Return the edge that a request came to."""
    edge: Edge = request.app.state.edge
    return edge
