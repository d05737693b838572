"""A section of ``noizylab bench diagnosis``: whole diagnoses with Claude, on a service of our own with real delays.

Every diagnosis is what a worker does: the offline engine, a photograph fetched and made small, the count, a turn that
looks something up, the answer over the wire, names checked, opinions pooled. Only the service is a fake: its first
event comes after one to two seconds and it writes 60 tokens a second, also what it thinks (about 25 tokens a turn) and
its look-up. Its answer has about 180 tokens. A real model may think longer; the bench says what all else adds.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Protocol

from connectors.blobs.local import LocalBlobs
from connectors.boards.memory import MemoryBoard, MemoryBoards
from connectors.boards.port import PartFacts
from connectors.llm.claude import Claude, ClaudeSettings
from infra.fakes.claude.script import Answer, Pace, opinion_on
from infra.fakes.claude.service import KEY, FakeClaude, serving
from processors.brain.consult import Around
from processors.brain.diagnostician import Diagnostician
from processors.brain.photos import Photos
from schemas.core.blob_ref import BlobRef
from schemas.devices import Device
from schemas.diagnoses import DiagnoseFault

DIAGNOSES = 24
SIDE_BY_SIDE = 6
FIRST_EVENT_S = (1.0, 2.0)
TOKENS_PER_S = 60.0
_THOUGHT = "The complaint points at the supply; the findings do not speak against it, the age fits the cells as well. "
_COMPLAINTS = (
    "The battery is empty after ten minutes and it only runs on the charger.",
    "Der Bildschirm bleibt schwarz, der Lüfter läuft aber.",
    "It fell into water and does not turn on any more.",
    "Il ne charge plus, la prise est lâche.",
    "De telefoon laadt niet meer op, de poort zit los.",
    "Tastaturet virker ikke efter at jeg spildte kaffe.",
)
_BOARD = "NZL-BENCH-1"


class SeedOptions(Protocol):
    """What this section wants to be told."""

    @property
    def seed(self) -> int:
        """Return what the delays are drawn by."""
        ...


def run(options: SeedOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Return ``claude_ms_p95`` and what belongs to it. Times in milliseconds of the wall clock."""
    return asyncio.run(_run(random.Random(options.seed), say))  # noqa: S311  draws delays


async def _run(draw: random.Random, say: Callable[[str], None]) -> dict[str, Any]:
    def paced(body: Mapping[str, Any]) -> Answer:
        return replace(opinion_on(body), thinking=_THOUGHT, pace=Pace(draw.uniform(*FIRST_EVENT_S), TOKENS_PER_S))

    fake = FakeClaude(by_itself=paced)
    with TemporaryDirectory() as home:
        blobs = LocalBlobs(Path(home))
        photo = await blobs.put("images", "bench.jpg", await asyncio.to_thread(_picture), "image/jpeg")
        async with serving(fake) as address:
            claude = Claude(ClaudeSettings(KEY, base_url=address))
            around = Around(photos=Photos(blobs, 1), boards=MemoryBoards({_BOARD: _board()}))
            brain = Diagnostician.shipped(language_model=claude, around=around)
            say(f"{DIAGNOSES} diagnoses through the fake, {SIDE_BY_SIDE} side by side")
            times, degraded = await _diagnosed(brain, _questions(photo))
            await claude.close()
    times.sort()
    return {
        "claude_ms_p95": _share(times, 0.95),
        "claude_ms_p50": _share(times, 0.5),
        "claude_degraded": degraded,
        "claude_requests": len(fake.requests),
    }


async def _diagnosed(brain: Diagnostician, questions: Iterator[DiagnoseFault]) -> tuple[list[float], int]:
    """Return how long each took in milliseconds, and how many went without the model."""
    times: list[float] = []
    degraded = 0

    async def work() -> None:
        nonlocal degraded
        for question in questions:
            started = perf_counter()
            answer = await brain.diagnose(question)
            times.append(1000 * (perf_counter() - started))
            degraded += answer.degraded

    await asyncio.gather(*(work() for _ in range(SIDE_BY_SIDE)))
    return times, degraded


def _questions(photo: BlobRef) -> Iterator[DiagnoseFault]:
    device = Device(category="laptop", brand="Lumen", board_model=_BOARD, age_years=4)
    for number in range(DIAGNOSES):
        complaint = _COMPLAINTS[number % len(_COMPLAINTS)]
        yield DiagnoseFault(
            ticket_id=f"T-{number:05}", workspace_id="main", device=device, complaint=complaint, photos=(photo,)
        )


def _board() -> MemoryBoard:
    """Return a board of the size of a laptop's: what the pack and the look-ups cost depends on it."""
    parts = (
        PartFacts(
            f"U{number}", f"IC{number}", "QFN-32", "top", {str(pin): f"PP{number * 7 + pin}V" for pin in range(32)}
        )
        for number in range(100)
    )
    return MemoryBoard("bench board", parts)


def _picture() -> bytes:
    """Return a photograph of 12 megapixels as JPEG."""
    import cv2
    import numpy as np

    drawn = np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8)
    done, data = cv2.imencode(".jpg", cv2.resize(drawn, (4000, 3000), interpolation=cv2.INTER_CUBIC))
    assert done
    return data.tobytes()


def _share(times: list[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(share * len(times)))], 1)
