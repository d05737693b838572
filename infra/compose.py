"""The composition root: which processor gets which ports. What stands behind a port is settled in ``ports``."""

from __future__ import annotations  # App is a name for the type checker: Faust is imported by whoever makes one

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from infra.ports import Ports
from infra.settings import read_settings

if TYPE_CHECKING:
    from connectors.bus.app import App

log = logging.getLogger(__name__)

FLOWS = Path(__file__).resolve().parents[1] / "processors" / "orchestrator" / "flows"


def _tickets(app: App, ports: Ports) -> None:
    from processors.tickets.agent import wire
    from processors.tickets.conditions.agent import wire_conditions
    from processors.tickets.config import Policy
    from processors.tickets.following.agent import wire_following
    from processors.tickets.passcodes.agent import wire_passcodes
    from processors.tickets.passcodes.decide import PasscodePolicy
    from processors.tickets.sla.agent import wire_clocks

    wire(app, Policy(), ports.vault)
    wire_following(app)
    wire_clocks(app, ports.sla_policy, ports.hours_of)
    wire_conditions(app)
    wire_passcodes(app, ports.passcodes, PasscodePolicy())


def _vision(app: App, ports: Ports) -> None:
    from processors.vision.agent import wire
    from processors.vision.config import Policy
    from processors.vision.goldens import Goldens
    from processors.vision.pool import Inspector

    inspector = Inspector(ports.settings.vision_processes, policy=Policy(slider=True))
    ports.on_close(lambda: asyncio.to_thread(inspector.close))
    wire(app, inspector, Goldens(ports.blobs), ports.blobs, ports.vault)


def _brain(app: App, ports: Ports) -> None:
    from connectors.bus.lookup import LogFollower
    from infra.boards import StoredBoards
    from processors.brain.agent import around, wire
    from processors.brain.diagnostician import Diagnostician
    from processors.brain.history import History
    from processors.brain.photos import Photos
    from processors.brain.purse import Budget
    from processors.brain.spending import Spending
    from processors.schematics.book import Book
    from topics.devices import DEVICE_VIEWS
    from topics.models import MODEL_EVENTS
    from topics.schematics import DESIGN_VIEWS

    model, settings, spending = ports.language_model, ports.settings, Spending()

    async def catch_up_devices() -> None:
        await devices.catch_up()

    history = History(catch_up_devices)
    devices = LogFollower(
        settings.cluster(),
        "noizylab-brain-devices",
        (DEVICE_VIEWS,),
        lambda record: history.take(record.key, record.value),
    )
    ports.on_close(devices.close)
    if model is None:
        wire(app, Diagnostician.shipped(), ports.vault, history)
        return
    follower = LogFollower(
        settings.cluster(),
        "noizylab-brain-spending",
        (MODEL_EVENTS,),
        lambda record: spending.read(record.headers, record.value),
    )
    ports.on_close(follower.close)

    async def catch_up_designs() -> None:
        await designs.catch_up()

    boards = StoredBoards(Book(ports.blobs), catch_up_designs)
    designs = LogFollower(settings.cluster(), "noizylab-brain-designs", (DESIGN_VIEWS,), boards.take)
    ports.on_close(designs.close)
    budget = Budget(settings.claude_repair_cents, settings.claude_day_cents)
    photos = Photos(ports.blobs, settings.claude_photos)
    beside = around(app, follower.catch_up, spending, budget, model.name, photos, boards)
    wire(app, Diagnostician.shipped(language_model=model, around=beside), ports.vault, history)


def _inventory(app: App, ports: Ports) -> None:
    from processors.inventory.agent import wire
    from processors.inventory.config import Policy

    wire(app, Policy())


def _pricing(app: App, ports: Ports) -> None:
    from processors.pricing.agent import wire
    from processors.pricing.config import Policy

    wire(app, ports.prices, Policy(currency=ports.settings.currency))


def _notify(app: App, ports: Ports) -> None:
    from processors.notify.agent import wire
    from processors.notify.config import Policy

    wire(app, ports.vault, ports.mail, ports.signer, Policy(), ports.sms)


def _orchestrator(app: App, ports: Ports) -> None:
    from processors.orchestrator.agent import wire
    from processors.orchestrator.deployment import deploy

    wire(app, deploy(flow_files(ports.settings.home)))


def flow_files(home: Path) -> list[bytes]:
    """Return the flows to run: the shop's own, or, while it has none, those that come with the house.

    A file that cannot be run is left out and logged, so that one bad file does not stop every repair.
    """
    from processors.orchestrator.deployment import check

    good = []
    for path in sorted((home / "flows").glob("*.bpmn")):
        content = path.read_bytes()
        issues = check(content)
        for issue in issues:
            log.error("flow %s is left out: %s", path, issue)
        if not issues:
            good.append(content)
    return good or [path.read_bytes() for path in sorted(FLOWS.glob("*.bpmn"))]


def _analytics(app: App, ports: Ports) -> None:
    from connectors.bus.ranges import LogRanges
    from infra.outlook import HolidayBook
    from processors.analytics.agent import wire, wire_outlook

    ranges = LogRanges(ports.settings.cluster(), "noizylab-analytics-replay")
    book = HolidayBook(ports.settings.cluster())
    ports.on_close(ranges.close)
    ports.on_close(book.close)
    wire(app, ports.warehouse, ranges)
    wire_outlook(app, ports.warehouse, book.days_off)


def _webhooks(app: App, ports: Ports) -> None:
    from connectors.bus.lookup import LogFollower, LogLookup
    from connectors.callbacks.https import HttpsCallbacks
    from processors.gateway.visibility import visible
    from processors.webhooks.agent import wire
    from processors.webhooks.config import Policy
    from processors.webhooks.directory import FOLDED, Directory

    settings, directory = ports.settings, Directory()
    lookup = LogLookup(settings.cluster(), "noizylab-webhooks-lookup")
    follower = LogFollower(
        settings.cluster(),
        "noizylab-webhooks-follower",
        FOLDED,
        lambda record: directory.take(record.topic, record.key, record.value),
    )
    callbacks = HttpsCallbacks(local=settings.webhooks_local)
    dispatcher = wire(app, callbacks, ports.webhook_master, lookup, follower, directory, visible, Policy())
    for close in (lookup.close, follower.close, dispatcher.close):
        ports.on_close(close)


def _gateway(app: App, ports: Ports) -> None:
    from processors.gateway.access.policy import AccessPolicy
    from processors.gateway.agent import wire

    wire(app, AccessPolicy())


def _qc(app: App, ports: Ports) -> None:
    from connectors.bus.lookup import LogFollower
    from processors.qc.agent import wire
    from processors.qc.config import Policy
    from processors.qc.decide import Desk
    from processors.qc.directory import FOLDED, Directory

    directory = Directory()
    follower = LogFollower(
        ports.settings.cluster(),
        "noizylab-qc-follower",
        FOLDED,
        lambda record: directory.take(record.topic, record.key, record.value),
    )
    ports.on_close(follower.close)
    wire(app, follower.catch_up, directory, Desk(ports.check_sheets, Policy(), ports.sampling_key))


def _schematics(app: App, ports: Ports) -> None:
    from processors.schematics.agent import wire
    from processors.schematics.book import Book
    from processors.schematics.pool import Analyst

    analyst = Analyst()
    ports.on_close(lambda: asyncio.to_thread(analyst.close))
    wire(app, analyst, ports.blobs, Book(ports.blobs))


WIRED: dict[str, Callable[[App, Ports], None]] = {
    "tickets": _tickets,
    "vision": _vision,
    "brain": _brain,
    "inventory": _inventory,
    "pricing": _pricing,
    "notify": _notify,
    "orchestrator": _orchestrator,
    "analytics": _analytics,
    "webhooks": _webhooks,
    "gateway": _gateway,
    "qc": _qc,
    "schematics": _schematics,
}
"""The processors that run as Faust apps. The gateway's web server has a process of its own beside its app."""


def _auditor(app: App, ports: Ports) -> None:
    from infra.auditor.agent import wire
    from infra.auditor.keys import SigningKey

    wire(app, ports.settings.cluster(), SigningKey.load_or_create(ports.settings.home))


SERVICES: dict[str, Callable[[App, Ports], None]] = {"auditor": _auditor}
"""Run as Faust apps as well, and decide nothing: they are no processors."""


def wire(name: str, app: App, ports: Ports) -> None:
    """Give a processor or a service its ports."""
    (WIRED | SERVICES)[name](app, ports)


class _NoPorts:
    """Stands for every port where only the wiring is looked at: nothing is opened, nothing may be called."""

    settings = read_settings({}, home=Path(os.devnull))

    def __getattr__(self, name: str) -> Any:
        return None if name.startswith("__") else _NoPorts()

    def __call__(self, *arguments: object, **named: object) -> None:
        return None


def wire_without_ports(processor: str, app: App) -> None:
    """Run a processor's ``wire`` to see what it reads and writes."""
    WIRED[processor](app, cast(Ports, _NoPorts()))
