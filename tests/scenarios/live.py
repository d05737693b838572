"""A whole shop of its own for a test module: real processes, a customer's and a clerk's hands."""

import asyncio
import email
import email.policy
import json
import os
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

import httpx
import pytest

from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import EdgeSender
from connectors.client.auth import ApiKey
from connectors.client.calls_async import AsyncClient
from connectors.client.core import File, ServerEvent
from connectors.client.models import IntakeTaken, Ticket
from connectors.clock.clock import SystemClock
from connectors.intake.submit import new_ticket_id
from connectors.vault.port import Contact
from infra.ports import Ports
from infra.seed import seed_shop, stock_the_shelf
from infra.settings import Settings, read_settings, to_environment
from infra.shop import Shop, private_settings, running_shop
from schemas.core.blob_ref import BlobRef
from schemas.core.message import Command
from schemas.devices import Device
from schemas.tickets import SubmitIntake
from tests.scenarios.following import Following

T = TypeVar("T")
PIECES = 1000
LINK = re.compile(r"https?://\S+/a/\S+")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program printed and how it ended."""

    status: int
    out: str
    err: str


@contextmanager
def without_own_settings() -> Iterator[None]:
    """Keep the caller's own ``NOIZYLAB_*`` variables from the processes that a test starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("NOIZYLAB_")]:
            patch.delenv(name)
        yield


async def command(settings: Settings, *arguments: str, typed: str = "") -> Ran:
    """Run the ``noizylab`` command as a process with these settings; ``typed`` is its standard input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.cli", *arguments,
        env={**os.environ, **to_environment(settings)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(typed.encode())
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


async def eventually(what: str, look: Callable[[], Awaitable[T | None]], within_s: float = 20.0) -> T:
    """Return what ``look`` finds, asking again until then."""
    try:
        async with asyncio.timeout(within_s):
            while not (found := await look()):
                await asyncio.sleep(0.05)
            return found
    except TimeoutError:
        raise AssertionError(f"no {what} in {within_s:.0f} s") from None


def customer_of(ticket_id: str) -> str:
    """Return the id of the one customer of a ticket."""
    return f"C-{ticket_id.removeprefix('T-')}"


def intake_by_phone(ticket_id: str, complaint: str, language: str | None = "en") -> SubmitIntake:
    """Return the intake of a laptop that nobody has seen yet."""
    return SubmitIntake(
        ticket_id=ticket_id,
        customer_id=customer_of(ticket_id),
        device=Device(category="laptop", brand="Lumen", lock_state="unlocked"),
        complaint=complaint,
        language=language,
        no_photos_reason="remote_estimate",
        channel="phone",
        consent_version="2026-01",
    )


@dataclass(slots=True)
class LiveShop:
    """A shop that is up, its log being read, and the ways in."""

    shop: Shop
    log: Following
    publisher: KafkaPublisher
    ports: Ports

    @property
    def settings(self) -> Settings:
        return self.shop.settings

    async def send(self, message: Command, ticket_id: str) -> None:
        """Write a command straight to the log."""
        sender = EdgeSender("test", self.publisher, SystemClock())
        await sender.send(message, correlation_id=ticket_id, id=uuid4())

    async def call_in(self, complaint: str, *, photos: tuple[BlobRef, ...] = (), language: str | None = "en") -> str:
        """Open a ticket by telephone, or with photos that are said to be stored; the customer has a mail address."""
        ticket_id = new_ticket_id()
        customer_id = customer_of(ticket_id)
        await self.ports.vault.put(
            Contact(customer_id=customer_id, name="Ada", mail="ada@customers.example", channels=("mail",))
        )
        intake = intake_by_phone(ticket_id, complaint, language)
        if photos:
            intake = intake.model_copy(update={"photos": photos, "no_photos_reason": None, "channel": "counter"})
        await self.send(intake, ticket_id)
        return ticket_id

    def mails(self, ticket_id: str) -> list[str]:
        """Return the texts of the mails about a ticket, oldest first."""
        found = []
        for path in sorted((self.settings.home / "outbox").glob("*.eml"), key=lambda one: one.stat().st_mtime):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = mail.get_body(("plain",))
            text = body.get_content() if body is not None else ""
            if ticket_id in text:
                found.append(text)
        return found

    def link(self, ticket_id: str) -> str:
        """Return the signed link in the mail about a ticket's quote."""
        [link] = [match[0] for text in self.mails(ticket_id) if (match := LINK.search(text))]
        return link


@asynccontextmanager
async def live_shop(home: Path, workers: tuple[str, ...] | None = None, *, gateway: bool) -> AsyncIterator[LiveShop]:
    """Run a shop with stock on its shelf for the length of a block."""
    settings = private_settings(read_settings({}), home)
    with without_own_settings():
        async with running_shop(settings, workers, gateway=gateway) as shop:
            publisher = KafkaPublisher(settings.cluster(), client_id="noizylab-scenario")
            await publisher.start()
            try:
                await stock_the_shelf(settings, PIECES)
                async with Ports.open(settings) as ports, Following(settings.cluster()) as log:
                    yield LiveShop(shop, log, publisher, ports)
            finally:
                await publisher.stop()


async def clerk(shop: LiveShop) -> AsyncClient:
    """Return a client of the gateway with the shop's first API key."""
    key = await seed_shop(shop.settings)
    assert key is not None
    return AsyncClient(shop.settings.public_url, ApiKey(key))


async def hand_in(client: AsyncClient, form: dict[str, Any], photos: tuple[bytes, ...]) -> IntakeTaken:
    """Hand a device in over HTTP."""
    files: list[File] = [(f"{number}.jpg", data, "image/jpeg") for number, data in enumerate(photos)]
    return await client.take_in(intake=form, photos=files)


async def bare_clerk(shop: LiveShop) -> httpx.AsyncClient:
    """Return a client with the shop's first API key that gives answers as they come, refusals and headers too."""
    key = await seed_shop(shop.settings)
    assert key is not None
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=shop.settings.public_url, headers=headers, timeout=30)


async def hand_in_bare(
    client: httpx.AsyncClient, form: dict[str, Any], photos: tuple[bytes, ...], **headers: str
) -> httpx.Response:
    """Hand a device in over HTTP; returns the answer as it comes."""
    files = [("photos", (f"{number}.jpg", data, "image/jpeg")) for number, data in enumerate(photos)]
    return await client.post("/v1/intakes", data={"intake": json.dumps(form)}, files=files, headers=headers)


async def ended_ticket(client: AsyncClient, ticket_id: str) -> Ticket:
    """Return a ticket once the gateway shows that its flow has ended: its views follow the log a moment later."""

    async def look() -> Ticket | None:
        ticket = await client.get_ticket(ticket_id=ticket_id, include="flow,quote")
        return ticket if ticket.flow is not None and ticket.flow.status == "ended" else None

    return await eventually(f"end of {ticket_id}", look)


async def read_stream(
    client: AsyncClient, ticket_id: str, last_type: str, last_id: str | None = None
) -> list[ServerEvent]:
    """Return the events of a ticket's stream up to the first of a type."""
    events: list[ServerEvent] = []
    async with aclosing(
        cast(AsyncGenerator[ServerEvent, None], client.follow_ticket(ticket_id=ticket_id, last_event_id=last_id))
    ) as stream:
        async for event in stream:
            events.append(event)
            if event.event == last_type:
                return events
    raise AssertionError(f"the stream ended before {last_type}: {events}")
