"""Sealed words are found: opened beside the reads, kept while a ticket moves, gone with its erasure."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import Transient
from connectors.vault.sealed import BUCKET
from processors.gateway.edge.indexing import Indexing
from processors.gateway.filters import Filters
from processors.gateway.listing import Question, page_of
from processors.gateway.unopened import Unopened
from processors.gateway.views import ReadModel
from processors.gateway.words import texts_of
from schemas.core.blob_ref import BlobRef
from schemas.ticket_parts import TicketFile, TicketLink, TicketNote
from schemas.tickets import TicketView
from tests.processors.gateway.test_ticket_writes import owner_behind
from tests.processors.gateway.world import NOW, TICKET, World, ticket_view

OTHER = "T-0002"


def found(world: World, word: str, views: ReadModel | None = None) -> list[str]:
    question = Question("main", Filters(q=word), "newest", NOW)
    return list(page_of((views or world.views).tickets, question, limit=9).ids)


def indexing(world: World) -> Indexing:
    made: Indexing = world.app.state.edge.indexing
    return made


async def note(world: World, text: str, owner: str = TICKET, **more: Any) -> TicketNote:
    sealed = await world.vault.seal_text(owner, text)
    return TicketNote(note_id=f"note-{len(text)}", kind="internal", text=sealed, by="x", written_at=NOW, **more)


async def sealed_ticket(world: World, words: str = "Fell into the harbour.", **changes: Any) -> TicketView:
    ticket_id = changes.setdefault("ticket_id", TICKET)
    return ticket_view(**changes, complaint=await world.vault.seal_text(ticket_id, words))


async def test_complaints_notes_and_captions_are_found_and_a_move_opens_nothing_anew(world: World) -> None:
    blob = BlobRef(bucket="images", key="a", sha256="0" * 64, size_bytes=1, media_type="image/jpeg")
    caption = await world.vault.seal_text(TICKET, "Corroded connector")
    file = TicketFile(file_id="f-001", kind="photo_after", blob=blob, caption=caption, by="x", attached_at=NOW)
    gone = await note(world, "withdrawn gossip", withdrawn_by="x", withdrawn_at=NOW)
    parts: dict[str, Any] = {"notes": (await note(world, "Salt inside."), gone), "files": (file,)}
    world.feed(await sealed_ticket(world, **parts))
    before = world.views.tickets.version("main")
    assert found(world, "harbour") == []
    await indexing(world).work()
    for word in ("harbour", "salt", "corroded", "HARB", "harbour salt"):
        assert found(world, word) == [TICKET], word
    assert found(world, "gossip") == []
    assert world.views.tickets.version("main") != before
    world.feed(await sealed_ticket(world, **parts, state="triage"))
    assert found(world, "harbour") == [TICKET]
    assert len(world.views.tickets.unopened) == 0


async def test_what_is_said_anew_replaces_what_was_said(world: World) -> None:
    world.feed(await sealed_ticket(world))
    await indexing(world).work()
    world.feed(await sealed_ticket(world, "Hinge broken."))
    assert found(world, "harbour") == []
    await indexing(world).work()
    assert (found(world, "harbour"), found(world, "hinge")) == ([], [TICKET])


async def test_a_task_finds_them_soon_and_never_again_after_the_erasure(world: World) -> None:
    world.answer = owner_behind(world.views)
    world.app.state.edge.start()
    world.feed(await sealed_ticket(world, state="collected"))
    async with world.client("tickets:read", "tickets:delete") as client, asyncio.timeout(5):
        empty = await client.get("/v1/tickets?q=harbour")
        assert empty.json()["tickets"] == []
        while not (listed := await client.get("/v1/tickets?q=harbour")).json()["tickets"]:
            await asyncio.sleep(0.005)
        assert listed.json()["tickets"][0]["complaint"] == "Fell into the harbour."
        assert listed.headers["etag"] != empty.headers["etag"]
        gone = await client.request("DELETE", f"/v1/tickets/{TICKET}", json={"reason": "customer_asked"})
        assert gone.status_code == 200
        assert (await client.get("/v1/tickets?q=harbour")).json()["tickets"] == []
        await indexing(world).work()
        assert (await client.get("/v1/tickets?q=harbour")).json()["tickets"] == []
        assert len((await client.get("/v1/tickets")).json()["tickets"]) == 1
    await world.app.state.edge.close()


async def test_the_complaint_of_a_split_goes_with_the_ticket_it_came_from(world: World) -> None:
    split = TicketLink(kind="split_into", ticket_id=OTHER)
    first = await sealed_ticket(world, links=(split,))
    world.feed(first)
    world.feed(ticket_view(OTHER, complaint=first.complaint))
    await indexing(world).work()
    assert sorted(found(world, "harbour")) == [TICKET, OTHER]
    world.feed(ticket_view(state="cancelled", links=(split,), erased_at=NOW, complaint="Erased."))
    assert found(world, "harbour") == []


async def test_what_a_ticket_took_over_goes_with_the_one_it_came_from(world: World) -> None:
    merged = TicketLink(kind="merged_into", ticket_id=OTHER)
    world.feed(ticket_view(state="cancelled", links=(merged,)))
    taken = (await note(world, "Salt inside.", from_ticket=TICKET), await note(world, "Own words.", OTHER))
    world.feed(ticket_view(OTHER, notes=taken))
    await indexing(world).work()
    assert (found(world, "salt"), found(world, "own words")) == ([OTHER], [OTHER])
    world.feed(ticket_view(state="cancelled", links=(merged,), erased_at=NOW))
    assert found(world, "salt") == []
    await indexing(world).work()
    assert (found(world, "salt"), found(world, "own words")) == ([], [OTHER])


async def test_no_words_of_another_workspace_are_indexed(world: World) -> None:
    world.feed(ticket_view(OTHER, workspace_id="harbour"))
    world.feed(ticket_view(notes=(await note(world, "A secret.", OTHER), await note(world, "Ours."))))
    await indexing(world).work()
    assert (found(world, "secret"), found(world, "ours")) == ([], [TICKET])


async def test_while_the_vault_is_away_reads_go_on_and_later_it_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.feed(await sealed_ticket(world))

    async def away(*_: Any) -> Any:
        raise Transient("the store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(world.stored, "stat", away)
        with pytest.raises(Transient):
            await indexing(world).work()
    assert found(world, "lenovo") == [TICKET]
    await indexing(world).work()
    assert found(world, "harbour") == [TICKET]


async def test_a_damaged_key_keeps_only_its_own_ticket_from_being_found(world: World, caplog: Any) -> None:
    world.feed(await sealed_ticket(world, "Cracked.", ticket_id=OTHER))
    world.feed(await sealed_ticket(world))
    await world.stored.put(BUCKET, f"keys/{OTHER}", b"not a key", "application/octet-stream")
    await indexing(world).work()
    assert (found(world, "harbour"), found(world, "cracked")) == ([TICKET], [])
    assert f"{OTHER} cannot be found by its sealed words" in caplog.text


async def test_words_opened_of_texts_that_changed_meanwhile_are_not_written(world: World) -> None:
    first, second = await sealed_ticket(world), await sealed_ticket(world, "Hinge broken.")
    words: dict[str, str | None] = {first.complaint: "Fell into the harbour."}
    mark = texts_of(first, lambda _: None).mark
    world.feed(second)
    world.views.tickets.put_words(TICKET, world.views, mark, words)
    assert found(world, "harbour") == []
    world.feed(first)
    world.views.tickets.put_words(TICKET, world.views, mark, words)
    assert found(world, "harbour") == [TICKET]


async def test_two_replicas_say_the_same_version_once_both_have_opened(tmp_path: Path) -> None:
    world = World(tmp_path)
    replica = world.replica()
    other: ReadModel = world.models[1]
    for ticket_id in (TICKET, OTHER):
        world.feed(await sealed_ticket(world, ticket_id=ticket_id))
    await indexing(world).work()
    assert world.views.tickets.version("main") != other.tickets.version("main")
    await replica.state.edge.indexing.work()
    assert world.views.tickets.version("main") == other.tickets.version("main")


async def test_the_newest_come_first_and_what_failed_last() -> None:
    pile = Unopened()
    for ticket_id in ("a", "b", "c", "a"):
        pile.add(ticket_id)
    pile.put_back(["x"])
    assert pile.take(2) == ["a", "c"]
    assert pile.take(9) == ["b", "x"]
    assert pile.take(1) == []
    waiting = asyncio.ensure_future(pile.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    pile.put_back(["x"])
    await waiting
