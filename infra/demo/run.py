"""The demo: a whole shop on this machine, repairs through it, customers who answer their mail."""

import asyncio
import email
import email.policy
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import orjson

from connectors.bus.restore import LogReader
from connectors.client.auth import ApiKey
from connectors.client.calls_async import AsyncClient
from connectors.client.core import File
from connectors.intake.form import IntakeForm
from infra.cli.kiosk import submit_intake
from infra.demo.intakes import DemoIntake, built_in_goldens, built_in_intakes, sample_goldens, sample_intakes
from infra.ports import Ports
from infra.seed import seed_shop, stock_the_shelf
from infra.settings import Settings
from infra.shop import Shop
from infra.timeline import Entry, follow_events, short
from processors.analytics.figures import FIGURES
from schemas.core.blob_ref import BlobRef
from topics.inspections import INSPECTION_EVENTS

SILENCE_S = 90.0
"""After this long without any event the repairs that are not settled count as stuck."""
PIECES = 12

Print = Callable[[str], None]


@dataclass(slots=True)
class Story:
    """What became of one repair, as the log tells it."""

    ticket_id: str
    quoted: bool = False
    ended: str | None = None
    tasks: dict[str, str] = field(default_factory=dict)
    answered: bool = False

    @property
    def settled(self) -> bool:
        """Whether the repair ended, or a person has a task."""
        return self.ended is not None or bool(self.tasks)


@dataclass(slots=True)
class Tally:
    """The demo's result."""

    repairs: int
    stories: dict[str, Story] = field(default_factory=dict)
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Return the figures of ``--json``."""
        stories = list(self.stories.values())
        settled = sum(story.settled for story in stories)
        return {
            "repairs": self.repairs,
            "quoted": sum(story.quoted for story in stories),
            "with_a_person": sum(bool(story.tasks) for story in stories),
            "stuck": self.repairs - settled,
            "seconds": round(self.seconds, 1),
        }


class Demo:
    """Runs intakes through a shop that is up."""

    def __init__(self, shop: Shop, api_key: str, repairs: int, say: Print) -> None:
        self._settings = shop.settings
        self._api_key = api_key
        self._say = say
        self._changed = asyncio.Event()
        self.tally = Tally(repairs)

    async def run(self, intakes: Iterator[DemoIntake] | Sequence[DemoIntake]) -> Tally:
        """Submit every intake, play the customers, return when all repairs are settled or nothing moves any more."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        following = asyncio.create_task(self._follow())
        url = self._settings.public_url
        async with AsyncClient(url, ApiKey(self._api_key)) as desk, httpx.AsyncClient(timeout=60) as customer:
            self._desk, self._customer = desk, customer
            submitting = asyncio.create_task(self._submit_all(intakes))
            try:
                await self._wait_until_settled(submitting)
            finally:
                following.cancel()
                submitting.cancel()
                await asyncio.gather(following, submitting, return_exceptions=True)
        self.tally.seconds = loop.time() - started
        return self.tally

    async def _submit_all(self, intakes: Iterator[DemoIntake] | Sequence[DemoIntake]) -> None:
        """Alternate between the two doors: HTTP, and the kiosk's direct way to the log."""
        source = iter(intakes)
        for number in range(self.tally.repairs):
            intake = await asyncio.to_thread(next, source)
            if number % 2:
                ticket_id = await submit_intake(
                    self._settings, IntakeForm.model_validate(intake.form), list(intake.photos), f"demo-{number}"
                )
            else:
                ticket_id = await self._post(intake, number)
            self._story(ticket_id)

    async def _post(self, intake: DemoIntake, number: int) -> str:
        photos: list[File] = [(f"{index}.jpg", data, "image/jpeg") for index, data in enumerate(intake.photos)]
        taken = await self._desk.take_in(intake=intake.form, photos=photos, idempotency_key=f"demo-{number}")
        return taken.ticket_id

    async def _follow(self) -> None:
        answering: set[asyncio.Task[None]] = set()
        async for entry in follow_events(self._settings.cluster(), from_start=True):
            self._say(entry.line())
            self._take(entry)
            if entry.type == "noizylab.notification.sent.v1" and "quote" in entry.summary.lower():
                task = asyncio.create_task(self._answer(entry.ticket_id))
                answering.add(task)
                task.add_done_callback(answering.discard)
            self._changed.set()

    def _story(self, ticket_id: str) -> Story:
        return self.tally.stories.setdefault(ticket_id, Story(ticket_id))

    def _take(self, entry: Entry) -> None:
        story = self._story(entry.ticket_id)
        match entry.type:
            case "noizylab.quote.prepared.v1":
                story.quoted = True
            case "noizylab.task.raised.v1" | "noizylab.incident.raised.v1":
                story.tasks[str(entry.id)] = entry.summary
            case "noizylab.flow.ended.v1":
                story.ended = entry.summary

    async def _answer(self, ticket_id: str) -> None:
        """Read the customer's mail, follow its link, and say yes; every fourth customer says no."""
        story = self._story(ticket_id)
        link = await asyncio.to_thread(quote_link, self._settings.home / "outbox", ticket_id)
        if story.answered or link is None:
            return
        story.answered = True
        number = sum(one.answered for one in self.tally.stories.values())
        page = await self._customer.get(link)
        page.raise_for_status()
        if number % 4 == 0:
            await self._customer.post(f"{link}/decline", data={"reason": "too much for this old device"})
        else:
            tier = re.search(r'name="tier"[^>]*value="(\w+)"', page.text)
            form = {"tier": tier[1] if tier else "original", "signed_by": "Demo Customer"}
            await self._customer.post(f"{link}/accept", data=form)

    async def _wait_until_settled(self, submitting: "asyncio.Task[None]") -> None:
        while True:
            if submitting.done():
                submitting.result()
                stories = self.tally.stories.values()
                if len(stories) >= self.tally.repairs and all(story.settled for story in stories):
                    return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), SILENCE_S)
            except TimeoutError:
                return


def quote_link(outbox: Path, ticket_id: str) -> str | None:
    """Return the link in the newest quote mail of a ticket."""
    found = None
    for path in sorted(outbox.glob("*.eml"), key=lambda one: one.stat().st_mtime):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        body = message.get_body(("plain",))
        text = body.get_content() if body else ""
        match = re.search(r"https?://\S+/a/\S+", text)
        if ticket_id in text and match:
            found = match[0]
    return found


async def open_shop(settings: Settings, goldens: Iterator[tuple[str, bytes]]) -> str:
    """Stock the shelf, store the golden pictures, make an API key; returns the key."""
    key = await seed_shop(settings)
    assert key is not None
    await stock_the_shelf(settings, PIECES)
    async with Ports.open(settings) as ports:
        for board, data in goldens:
            await ports.blobs.put("goldens", f"{board}.jpg", data, "image/jpeg")
    return key


async def drawn_pictures(settings: Settings, most: int = 3) -> list[str]:
    """Return addresses, good for a day, of photographs that the inspection drew on. The stored ones are sealed."""
    drawn: dict[str, BlobRef] = {}
    async with LogReader(settings.cluster(), "noizylab-demo-pictures") as reader:
        async for record in reader.to_end(await reader.partitions([INSPECTION_EVENTS.name])):
            for ref in orjson.loads(record.value or b"{}").get("annotated", ()):
                drawn[ref["sha256"]] = BlobRef.model_validate(ref)
    async with Ports.open(settings) as ports:
        return [await ports.blobs.presign_get(ref, timedelta(days=1)) for ref in list(drawn.values())[:most]]


def prepared(samples: Path | None, repairs: int) -> tuple[Iterator[tuple[str, bytes]], Iterator[DemoIntake]]:
    """Return the golden pictures and the intakes; drawn ones come from two processes, ahead of their use."""
    if samples is not None:
        return sample_goldens(samples), sample_intakes(samples, repairs)
    return built_in_goldens(), _drawn_ahead(repairs)


def _drawn_ahead(repairs: int) -> Iterator[DemoIntake]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent) as pool:
        *most, last = [pool.submit(_draw, number) for number in range(repairs)]
        for future in most:
            yield future.result()
        # The last one is handed out when the pool is closed: nobody asks a further time, so nothing would close it.
        final = last.result()
    yield final


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw(number: int) -> DemoIntake:
    return next(iter(built_in_intakes(1, first=number)))


async def figures(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Return every figure, once the analytics stream has caught up with the log."""
    async with Ports.open(settings) as ports:
        warehouse = ports.figures_warehouse
        newest = -1
        while True:
            [row] = await warehouse.query("SELECT count() AS events FROM events")
            if row["events"] == newest:
                break
            newest = row["events"]
            await asyncio.sleep(1.2)
        return {figure.name: await warehouse.query(figure.sql) for figure in FIGURES}


def told(tally: Tally) -> list[str]:
    """Return one line for each repair: how it ended, or who has it and why."""
    lines = []
    for story in tally.stories.values():
        what = story.ended or "; ".join(story.tasks.values()) or "STUCK"
        lines.append(f"{short(story.ticket_id)}  {what}")
    return lines
