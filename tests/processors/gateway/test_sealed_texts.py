"""How the edge opens sealed texts in streams: at once, and event by event."""

from typing import Any

from processors.gateway.edge.routes_bulk import LINES
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


async def test_tables_and_receipts_show_words_only_to_their_own_workspace(world: World) -> None:
    sealed, foreign = await world.vault.seal_text(TICKET, "=Dead, wet"), await world.vault.seal_text("T-0002", "Theirs")
    world.feed(ticket_view(complaint=sealed))
    world.feed(ticket_view("T-0002", workspace_id="harbour", complaint=foreign))
    world.feed(ticket_view("T-0003", complaint=foreign))
    gone = await world.vault.seal_text("T-0004", "Forgotten")
    world.feed(ticket_view("T-0004", complaint=gone))
    await world.vault.forget_texts("T-0004")
    async with world.client("tickets:read") as client:
        table = (await client.get("/v1/tickets/export.csv?columns=ticket_id,complaint")).text
        rows = dict(line.split(",", 1) for line in table.splitlines()[1:])
        assert rows == {TICKET: '"\'=Dead, wet"', "T-0003": "(sealed)", "T-0004": "(erased)"}
        assert (await client.get("/v1/tickets/export.csv?columns=ticket_id")).status_code == 200
        receipt = (await client.get(f"/v1/tickets/{TICKET}/receipt?format=html")).text
    assert "=Dead, wet" in receipt
    assert "nzs1." not in receipt + table


async def test_lines_of_json_are_opened_too(world: World) -> None:
    world.feed(ticket_view())
    sealed = await world.vault.seal_text(TICKET, "Wet")
    sent: list[Any] = []

    async def lines(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", LINES.encode())]})
        await send({"type": "http.response.body", "body": f'{{"t":"{sealed}"}}\n'.encode(), "more_body": True})

    await OpenTexts(lines, world.vault, world.views)(
        {"type": "http", "state": {"workspace_id": "main"}}, None, _into(sent)
    )  # type: ignore[arg-type]  # typed for more than is given here
    assert sent[1]["body"] == b'{"t":"Wet"}\n'
