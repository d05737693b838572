"""How the edge opens sealed texts in streams: at once, and event by event."""

from typing import Any

from processors.gateway.edge.sealed_texts import OpenTexts
from tests.processors.gateway.world import TICKET, World, ticket_view


async def test_a_streams_headers_do_not_wait_and_its_events_are_opened(world: World) -> None:
    world.feed(ticket_view())
    sealed = await world.vault.seal_text(TICKET, 'Says "dead".')
    sent: list[Any] = []

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        assert len(sent) == 1
        await send({"type": "http.response.body", "body": f'data: {{"t":"{sealed}"}}\n\n'.encode(), "more_body": True})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "state": {"workspace_id": "main"}}
    await OpenTexts(stream, world.vault, world.views)(scope, receive, send)
    assert sent[1]["body"] == b'data: {"t":"Says \\"dead\\"."}\n\n'
    await OpenTexts(stream, world.vault, world.views)({"type": "http", "state": {}}, receive, _into(sent))
    assert sent[1]["body"] == b'data: {"t":"(sealed)"}\n\n'


def _into(sent: list[Any]) -> Any:
    sent.clear()

    async def send(message: Any) -> None:
        sent.append(message)

    return send
