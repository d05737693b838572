import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from processors.tickets.conditions.decide import decide
from processors.tickets.conditions.state import evolve
from schemas.conditions import ConditionRefused, ConditionsView, SignDocument
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Emit
from tests.processors.gateway.world import TICKET, World, picture, problem, ticket_view
from topics.conditions import CONDITION_VIEWS

URL = f"/v1/tickets/{TICKET}/conditions"
STROKE = {"path": "M10,10 L50 40 Q60,50 70,40"}
SEEN = {"answers": [{"item": "screen", "grade": "damaged", "note": "crack at the top"}], "recorded_by": "ann"}


@pytest.fixture
def shop(world: World) -> World:
    """A shop whose owner of conditions decides as the real one does."""

    def answer(command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        view = world.views.view(CONDITION_VIEWS, TICKET, ConditionsView)
        outcome = decide(command, view, envelope.time)
        assert isinstance(outcome, Emit)
        [event] = outcome.messages
        assert isinstance(event, Event)
        if isinstance(event, ConditionRefused):
            return [(event, None)]
        return [(event, evolve(view or ConditionsView(ticket_id=TICKET), event))]

    world.answer = answer
    world.feed(ticket_view(language="de"))
    return world


async def test_from_checklist_to_signature_and_what_changed_at_return(shop: World) -> None:
    async with shop.client("tickets:write", "tickets:read") as client:
        listed = (await client.get("/v1/checklists/laptop?language=fr")).json()
        assert listed["items"][0] == {"item": "screen", "says": "Écran"}
        assert (await client.put(f"{URL}/intake", json=SEEN)).status_code == 200
        photo = await client.post(f"{URL}/intake/photos?item=screen", content=picture(seed=1))
        assert photo.status_code == 200
        shown = (await client.get(f"{URL}/intake/document")).json()
        signing = {"document_sha256": shown["document_sha256"], "language": "de", "signed_by": "Zoë", "drawing": STROKE}
        signed = (await client.post(f"{URL}/intake/signature", json=signing)).json()
        fixed = {"answers": [{"item": "screen", "grade": "ok"}], "recorded_by": "bob"}
        await client.put(f"{URL}/return", json=fixed)
        await client.post(f"{URL}/return/photos?item=screen", content=picture(seed=2))
        both = (await client.get(URL)).json()
        second = await client.get(f"{URL}/photos/1")
    assert "- Bildschirm: beschädigt (crack at the top)" in shown["text"]
    assert photo.json()["photo"]["sha256"] in shown["text"]
    assert shown["document_sha256"] == hashlib.sha256(shown["text"].encode()).hexdigest()
    assert both["signed"]["intake"]["document_sha256"] == shown["document_sha256"]
    assert both["signed"]["return"] is None
    [change] = both["changes"]
    assert (change["item"], change["before"]["grade"], change["after"]["grade"]) == ("screen", "damaged", "ok")
    assert both["photo_pairs"] == [{"item": "screen", "before": [0], "after": [1]}]
    assert second.headers["content-type"] == "image/jpeg"
    kept = orjson.loads(await shop.blobs.get(_signature(shop)))
    assert (kept["document"], kept["document_sha256"]) == (shown["text"], shown["document_sha256"])
    assert (kept["signed_by"], kept["drawing"]["path"]) == ("Zoë", STROKE["path"])
    assert signed["signature"]["sha256"] == hashlib.sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _signature(shop: World) -> Any:
    return next(command.signature for _, command in shop.sent if isinstance(command, SignDocument))


async def test_the_name_under_a_signature_is_in_its_record_and_not_on_the_log(shop: World) -> None:
    async with shop.client("tickets:write", "tickets:read") as client:
        await client.put(f"{URL}/intake", json=SEEN)
        shown = (await client.get(f"{URL}/intake/document?language=en")).json()
        signing = {"document_sha256": shown["document_sha256"], "signed_by": "Zoë Quux", "drawing": STROKE}
        assert (await client.post(f"{URL}/intake/signature", json=signing)).status_code == 200
    assert not any("Quux" in command.to_json().decode() for _, command in shop.sent)


async def test_a_signature_under_a_text_that_changed_is_refused_and_a_new_list_undoes_one(shop: World) -> None:
    async with shop.client("tickets:write", "tickets:read") as client:
        await client.put(f"{URL}/intake", json=SEEN)
        shown = (await client.get(f"{URL}/intake/document?language=en")).json()
        signing = {"document_sha256": shown["document_sha256"], "signed_by": "Zoë", "drawing": STROKE}
        other_words = await client.post(f"{URL}/intake/signature", json={**signing, "language": "nl"})
        assert problem(other_words, 409, "document_changed")["document_sha256"] != shown["document_sha256"]
        await client.post(f"{URL}/intake/photos", content=picture(seed=3))
        problem(await client.post(f"{URL}/intake/signature", json=signing), 409, "document_changed")
        signing["document_sha256"] = (await client.get(f"{URL}/intake/document?language=en")).json()["document_sha256"]
        assert (await client.post(f"{URL}/intake/signature", json=signing)).status_code == 200
        await client.put(f"{URL}/intake", json={**SEEN, "recorded_by": "bob"})
        assert (await client.get(URL)).json()["signed"]["intake"] is None


@pytest.mark.parametrize(
    "drawing",
    [
        {},
        {"path": "M1,1"},
        {"path": "M1,1 L2,2", "png_base64": "AAAA"},
        {"path": "<script>alert(1)</script>"},
        {"path": 'M1,1 L2,2"/><image href="x"/>'},
        {"png_base64": "not base64!"},
        {"png_base64": base64.b64encode(picture()).decode()},
        {"png_base64": base64.b64encode(b"\x89PNG\r\n\x1a\nnothing").decode()},
    ],
)
async def test_takes_no_drawing_that_is_none(shop: World, drawing: dict[str, str]) -> None:
    async with shop.client("tickets:write", "tickets:read") as client:
        await client.put(f"{URL}/intake", json=SEEN)
        shown = (await client.get(f"{URL}/intake/document?language=en")).json()
        signing = {"document_sha256": shown["document_sha256"], "signed_by": "Zoë", "drawing": drawing}
        refused = problem(await client.post(f"{URL}/intake/signature", json=signing), 422, "validation")
    assert refused["errors"][0]["field"].startswith("drawing")


async def test_takes_a_drawing_as_png(shop: World) -> None:
    png = base64.b64encode(picture(suffix=".png", width=200, height=100)).decode()
    async with shop.client("tickets:write", "tickets:read") as client:
        await client.put(f"{URL}/intake", json=SEEN)
        shown = (await client.get(f"{URL}/intake/document?language=en")).json()
        signing = {"document_sha256": shown["document_sha256"], "signed_by": "Zoë", "drawing": {"png_base64": png}}
        assert (await client.post(f"{URL}/intake/signature", json=signing)).status_code == 200


async def test_says_what_is_wrong_with_a_list_a_photo_or_an_address(shop: World) -> None:
    async with shop.client("tickets:write", "tickets:read") as client:
        hose = {"answers": [{"item": "hose", "grade": "ok"}], "recorded_by": "ann"}
        assert (
            problem(await client.put(f"{URL}/intake", json=hose), 422, "condition_refused")["reason"] == "unknown_item"
        )
        bad = await client.post(f"{URL}/intake/photos", content=b"no picture")
        assert problem(bad, 422, "validation")["errors"][0]["field"] == "body"
        large = await client.post(f"{URL}/intake/photos", content=b"x" * 15_000_001)
        problem(large, 413, "too_large")
        problem(await client.get(f"{URL}/intake/document"), 404, "not_found")
        problem(await client.get(f"{URL}/photos/0"), 404, "not_found")
        problem(await client.put(f"{URL}/lunch", json=SEEN), 422, "validation")
    async with shop.client("tickets:read") as reader:
        for refused in (
            await reader.put(f"{URL}/intake", json=SEEN),
            await reader.post(f"{URL}/intake/photos", content=picture()),
            await reader.post(f"{URL}/intake/signature", json={}),
        ):
            problem(refused, 403, "missing_scope")


async def test_is_accepted_for_later_when_the_owner_does_not_answer(shop: World) -> None:
    shop.silent()
    async with shop.client("tickets:write") as client:
        answer = await client.put(f"{URL}/intake", json=SEEN)
    assert (answer.status_code, answer.headers["location"]) == (202, URL)
