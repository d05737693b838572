"""The HTTP API of the shop that runs here, for verbs that ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from infra.cli.common import fail
from infra.settings import Settings
from schemas.core.ids import DEFAULT_WORKSPACE, WorkspaceId

if TYPE_CHECKING:
    from connectors.client.calls_async import AsyncClient
    from processors.gateway.edge.keyring import Scope

KEY_GOOD_FOR = timedelta(hours=2)


@asynccontextmanager
async def shop_client(
    settings: Settings, scope: "Scope", workspace_id: WorkspaceId = DEFAULT_WORKSPACE
) -> "AsyncIterator[AsyncClient]":
    """Yield a client with a key of its own, which is revoked when the work is done. What goes wrong ends the verb."""
    from connectors.client.auth import ApiKey
    from connectors.client.calls_async import AsyncClient
    from connectors.client.problems import ApiProblem, NoAnswer
    from connectors.clock.clock import SystemClock
    from infra.web import open_keyring

    now = SystemClock().now()
    keyring = open_keyring(settings)
    made = keyring.create(
        "noizylab", frozenset({scope}), now=now, expires_at=now + KEY_GOOD_FOR, workspace_id=workspace_id
    )
    try:
        async with AsyncClient(f"http://127.0.0.1:{settings.gateway_port}", ApiKey(made.key)) as client:
            yield client
    except NoAnswer as error:
        fail(f"{error}; start it: noizylab up")
    except ApiProblem as problem:
        fail(str(problem))
    finally:
        keyring.revoke(made.record.id)
