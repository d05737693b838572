"""A worker process whose handler waits for a file: ``python -m tests.support.gated_worker BOOTSTRAP FILE``."""

import asyncio
import sys
from pathlib import Path

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from schemas.core.envelope import Envelope
from schemas.core.outcome import Emit, Outcome
from schemas.notifications import NotificationSent, NotifyCustomer
from topics.notifications import NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(bootstrap: str, gate: Path) -> int:
    cluster = Cluster(bootstrap, session_timeout_ms=3000, heartbeat_interval_ms=500)
    publisher = KafkaPublisher(cluster, client_id="gated")
    await publisher.start()
    app = App("notify", cluster, publisher)

    @app.agent(NOTIFICATION_COMMANDS, emits=NOTIFICATION_EVENTS)
    async def tell(command: NotifyCustomer, envelope: Envelope) -> Outcome:
        say("handling")
        while not gate.exists():
            await asyncio.sleep(0.02)
        return Emit.of(
            NotificationSent(
                ticket_id=command.ticket_id,
                notification_id=str(envelope.id),
                template=command.template,
                channel="mail",
                provider_id=gate.name,
                sent_at=envelope.time,
            )
        )

    await app.start()
    assert app.failed is not None
    error = await app.failed
    say(f"stopped: {error}")
    await app.stop()
    await publisher.stop()
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], Path(sys.argv[2]))))
