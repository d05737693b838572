"""How long questions about a board take over HTTP: a gateway process of its own, one caller who asks one by one.

What is measured is what a page at the bench feels: from the request to the whole answer, a part or a net a time. The
analysis takes the way of every other: uploaded, read by the worker, its index opened by the gateway.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from connectors.clock.clock import SystemClock
from connectors.errors import Transient
from infra.settings import Settings, read_settings
from infra.shop import private_settings, running_shop
from infra.web import open_keyring
from processors.gateway.config import Policy
from processors.gateway.edge.keyring import SCOPES

BOARD = "bench"
ASKED = 1_000
KNOWN_WITHIN_S = 120.0
_SEED = 1


async def measure_http(files: dict[str, bytes], say: Callable[[str], None], asked: int = ASKED) -> dict[str, Any]:
    """Return http_ms_p50 and http_ms_p99 of parts and nets, http_first_ms until an index is open, http_svg_ms_p99.

    Raises:
        Transient: the board is not known in time; the message says what the gateway answers.
    """
    home = Path(tempfile.mkdtemp(prefix="noizylab-bench-"))
    settings = private_settings(read_settings(), home)
    async with running_shop(settings, ("schematics",), progress=say):
        keys = _keys(settings, asked)
        async with httpx.AsyncClient(base_url=settings.public_url, timeout=30) as client:
            client.headers["X-API-Key"] = keys[0]
            began = time.perf_counter()
            await _give(client, files)
            say(f"analysed and known after {time.perf_counter() - began:.1f} s")
            over, first_ms = await _timed(client, f"/v1/schematics/{BOARD}/overlay", keys[0])
            refs = [part["ref"] for part in over["parts"]]
            nets = sorted({pad["net"] for part in over["parts"] for pad in part["pads"] if pad["net"]})
            drawn = random.Random(_SEED)  # noqa: S311 - a bench is to be repeatable
            paths = [_question(drawn, refs, nets) for _ in range(asked)]
            times = [(await _timed(client, path, keys[number % len(keys)]))[1] for number, path in enumerate(paths)]
            pictures = [
                (await _timed(client, f"/v1/schematics/{BOARD}/svg?part={quote(ref, safe='')}", keys[-1]))[1]
                for ref in drawn.sample(refs, min(50, len(refs)))
            ]
    return {
        "http_board_parts": len(refs),
        "http_first_ms": round(first_ms, 1),
        "http_ms_p50": _rank(times, 0.5),
        "http_ms_p99": _rank(times, 0.99),
        "http_svg_ms_p99": _rank(pictures, 0.99),
    }


def _question(drawn: random.Random, refs: Sequence[str], nets: Sequence[str]) -> str:
    if nets and drawn.random() < 0.5:
        return f"/v1/schematics/{BOARD}/nets?name={quote(drawn.choice(nets), safe='')}"
    return f"/v1/schematics/{BOARD}/parts/{quote(drawn.choice(refs), safe='')}"


def _keys(settings: Settings, asked: int) -> list[str]:
    """Make as many keys as keep every one of them below its limit."""
    now, keyring = SystemClock().now(), open_keyring(settings)
    count = 2 * asked // Policy().requests_per_minute + 2
    good = now + timedelta(hours=1)
    return [keyring.create("bench", frozenset(SCOPES), now=now, expires_at=good).key for _ in range(count)]


async def _give(client: httpx.AsyncClient, files: dict[str, bytes]) -> None:
    """Upload a project, have it analysed, and wait until the gateway knows it."""
    made = (await client.post("/v1/schematics/uploads", json={"names": list(files)})).raise_for_status().json()
    stored = []
    for upload in made["uploads"]:
        headers = {"Content-Type": upload["media_type"]}
        put = await client.put(upload["url"], content=files[upload["name"]], headers=headers)
        stored.append({"name": upload["name"], "blob": put.raise_for_status().json()})
    answer = (await client.put(f"/v1/schematics/{BOARD}", json={"files": stored})).raise_for_status()
    began = time.monotonic()
    while answer.status_code != 200:
        if time.monotonic() - began > KNOWN_WITHIN_S:
            raise Transient(f"the board is not known after {KNOWN_WITHIN_S:.0f} s: {answer.text[:300]}")
        await asyncio.sleep(0.1)
        answer = await client.get(f"/v1/schematics/{BOARD}/rails")


async def _timed(client: httpx.AsyncClient, path: str, key: str) -> tuple[Any, float]:
    """Return an answer and the milliseconds it took, to its last byte."""
    began = time.perf_counter()
    answer = await client.get(path, headers={"X-API-Key": key})
    took = (time.perf_counter() - began) * 1000
    answer.raise_for_status()
    return (answer.json() if answer.headers["content-type"] == "application/json" else None), took


def _rank(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
