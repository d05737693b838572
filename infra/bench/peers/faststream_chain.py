"""The chain on FastStream, in its cheapest form: batches in, models decoded by pydantic, acknowledgements
awaited together.

Arguments: the bootstrap address, then the four topics.
"""

import asyncio
import os
import signal
import sys
import threading
from itertools import pairwise

import uvloop
from faststream import AckPolicy, FastStream  # type: ignore[import-not-found]  # of another environment
from faststream.kafka import KafkaBroker, KafkaMessage  # type: ignore[import-not-found]
from pydantic import BaseModel


class Refusal(BaseModel, extra="allow"):
    """What all values of the chain have in common."""

    ticket_id: str
    reason: str
    detail: str


def build(bootstrap: str, topics: list[str]) -> FastStream:
    """Return the application with three subscribers."""
    broker = KafkaBroker(bootstrap, acks="all", enable_idempotence=True, logger=None)

    def link(source: str, target: str) -> None:
        @broker.subscriber(  # type: ignore[untyped-decorator]
            source,
            batch=True,
            max_records=500,
            group_id=f"bench-faststream-{source}",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )
        async def handle(bodies: list[Refusal], message: KafkaMessage) -> None:
            sent = [
                await broker.publish(body, topic=target, key=raw.key, no_confirm=True)
                for body, raw in zip(bodies, message.raw_message, strict=True)
            ]
            await asyncio.gather(*sent)

    for source, target in pairwise(topics):
        link(source, target)
    return FastStream(broker, logger=None)


def end_with_parent() -> None:
    """Stop when standard input closes, as it does when the benchmark ends."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    uvloop.install()
    asyncio.run(build(sys.argv[1], sys.argv[2:]).run())
