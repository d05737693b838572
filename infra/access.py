"""The desk of access for the command line: the same commands and the same rules as over HTTP, without a login.

Whoever can read the shop's secrets may do this. It needs the log and the gateway's worker, so a shop that runs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.bus.publisher import KafkaPublisher
from connectors.errors import Transient
from infra.ports import Ports
from infra.settings import Settings
from infra.web import open_credentials
from processors.gateway.commands import Caller, Commands
from processors.gateway.config import Policy
from processors.gateway.edge.desk import Desk
from processors.gateway.edge.problems import Problem
from processors.gateway.views import ReadModel
from topics.access import ACCESS_EVENTS, ACCESS_VIEWS

OPERATOR = Caller("operator", "cli")
CATCH_UP_S = 30.0


@asynccontextmanager
async def access_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Return a desk over the running shop's log.

    Raises:
        Transient: no shop answers, or it refused; says what to do.
    """
    publisher = KafkaPublisher(settings.cluster(), client_id="noizylab-admin")
    try:
        await publisher.start()
    except Transient as error:
        raise Transient(f"{error}; start the shop first: noizylab up") from error
    views, policy = ReadModel(), Policy(outcome_wait_s=10.0)
    async with Ports.open(settings) as ports:
        try:
            await views.start(settings.cluster(), (ACCESS_EVENTS, ACCESS_VIEWS))
            async with asyncio.timeout(CATCH_UP_S):
                await views.wait_ready()
            credentials = open_credentials(settings, ports)
            yield Desk(Commands(publisher, views, ports.clock, policy), views, credentials, ports.clock, policy)
        except TimeoutError as error:
            raise Transient(f"{views.failure}; is the shop up? Start it with: noizylab up") from error
        except Problem as problem:
            raise Transient(problem.detail) from problem
        finally:
            await views.stop()
            await publisher.stop()
