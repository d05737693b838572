import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.bus.stage import WorkerStop
from processors.gateway.config import Policy
from processors.gateway.edge import texts
from processors.gateway.edge.texts import TEXTS
from schemas.quotes import AcceptQuote, DeclineQuote, QuoteAnswerRefused, QuoteView
from tests.processors.gateway.world import HASH, NOW, TICKET, World, quote, ticket_view

PAGES = Path(texts.__file__).parent / "pages"


async def test_shows_what_is_repaired_and_every_offer_with_price_and_date(world: World) -> None:
    path = world.with_quote()
    async with world.client() as client:
        response = await client.get(path)
    assert response.status_code == 200
    page = response.text
    for text in (
        *("Lenovo T480", "Does not charge any more.", "The charging port is worn out", "Replace the charging port."),
        *("€ 80.00", "€ 89.00", "€ 124.00", "4 March 2026", "5 March 2026", "10 March 2026", "1 April 2026"),
        *("180 days", "We recommend this", "€ 25.00"),
    ):
        assert text in page
    assert page.index("€ 89.00") < page.index("€ 80.00") < page.index("€ 124.00")
    for internal in ("4242", "cost-plus", "propensity"):
        assert internal not in page


async def test_looking_changes_nothing_and_loads_nothing_from_elsewhere(world: World) -> None:
    path = world.with_quote()
    async with world.client() as client:
        pages = [await client.get(path) for _ in range(3)]
    assert not world.sent
    for response in pages:
        assert "http://" not in response.text
        assert "https://" not in response.text
        assert "<script" not in response.text
        csp = response.headers["content-security-policy"]
        assert csp.startswith("default-src 'none'; style-src 'nonce-")
        nonce = csp.split("'nonce-")[1].split("'")[0]
        assert f'<style nonce="{nonce}">' in response.text
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
    assert len({response.headers["content-security-policy"] for response in pages}) == 3


async def test_escapes_what_people_wrote(world: World) -> None:
    path = world.with_quote()
    world.feed(ticket_view(complaint="<script>alert(1)</script>"))
    async with world.client() as client:
        page = (await client.get(path)).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


async def test_accepts_the_chosen_offer_with_the_typed_name(world: World) -> None:
    path = world.with_quote()
    async with world.client() as client:
        response = await client.post(f"{path}/accept", data={"tier": "original", "signed_by": "  Ada Example "})
        assert response.status_code == 200
        assert "You accepted the offer for € 124.00" in response.text
        envelope, command = world.sent[0]
        assert command == AcceptQuote(
            ticket_id=TICKET, quote_hash=HASH, tier="original", signed_by="Ada Example", channel="link"
        )
        assert envelope.auth_type == "link"
        assert envelope.correlation_id == TICKET
        after = await client.get(path)
    assert "signed by Ada Example on 2 March 2026" in after.text
    assert "<form" not in after.text


async def test_a_second_press_is_the_same_answer(world: World) -> None:
    path = world.with_quote()
    answer, world.answer = world.answer, lambda command, envelope: []
    async with world.client() as client:
        for _ in range(2):
            response = await client.post(f"{path}/accept", data={"tier": "original", "signed_by": "Ada"})
            assert response.status_code == 202
            assert "We received your answer" in response.text
        other = await client.post(f"{path}/accept", data={"tier": "refurbished", "signed_by": "Ada"})
        assert other.status_code == 202
    ids = [envelope.id for envelope, _ in world.sent]
    assert ids[0] == ids[1] != ids[2]
    assert answer is not world.answer


async def test_declines_with_a_reason(world: World) -> None:
    path = world.with_quote()
    async with world.client() as client:
        response = await client.post(f"{path}/decline", data={"reason": "too dear"})
        assert "You declined the offer" in response.text
        assert world.sent[0][1] == DeclineQuote(ticket_id=TICKET, quote_hash=HASH, reason="too dear", channel="link")
        assert "Declined on 2 March 2026" in (await client.get(path)).text
        again = await client.post(f"{path}/accept", data={"tier": "original", "signed_by": "Ada"})
    assert "You declined" in again.text
    assert len(world.sent) == 1


@pytest.mark.parametrize(
    ("action", "form", "error"),
    [
        ("accept", {"tier": "original", "signed_by": " "}, "type your name"),
        ("accept", {"tier": "original"}, "type your name"),
        ("accept", {"tier": "original", "signed_by": "x" * 201}, "type your name"),
        ("accept", {"tier": "original", "signed_by": "A\x00B"}, "type your name"),
        ("accept", {"tier": "golden", "signed_by": "Ada"}, "choose one of the offers"),
        ("accept", {"signed_by": "Ada"}, "choose one of the offers"),
        ("decline", {"reason": "x" * 201}, "up to 200 characters"),
    ],
)
async def test_shows_the_offer_again_when_the_form_is_wrong(
    world: World, action: str, form: dict[str, str], error: str
) -> None:
    path = world.with_quote()
    async with world.client() as client:
        response = await client.post(f"{path}/{action}", data=form)
    assert response.status_code == 422
    assert error in response.text
    assert "Accept for € 89.00" in response.text
    assert not world.sent


async def test_says_why_when_the_answer_does_not_count(world: World) -> None:
    path = world.with_quote()
    world.answer = lambda command, envelope: [
        (QuoteAnswerRefused(ticket_id=TICKET, reason="already_answered", detail="", refused_at=NOW), None)
    ]
    async with world.client() as client:
        response = await client.post(f"{path}/accept", data={"tier": "original", "signed_by": "Ada"})
    assert response.status_code == 409
    assert "answered before" in response.text


async def test_offers_nothing_when_the_quote_was_replaced_or_is_over(world: World) -> None:
    path = world.with_quote(valid_until=NOW + timedelta(days=1))
    newer = quote(quote_hash="cd" * 32, version=2)
    async with world.client() as client:
        world.feed(QuoteView(ticket_id=TICKET, status="prepared", quote=newer))
        replaced = await client.get(path)
        posted = await client.post(f"{path}/accept", data={"tier": "original", "signed_by": "Ada"})
        assert (replaced.status_code, posted.status_code) == (410, 410)
        assert "This offer was replaced" in replaced.text
        world.clock.advance(timedelta(days=1))
        over = await client.get(path)
        assert over.status_code == 410
        assert "This offer has expired" in over.text
        endless = world.signer.approve_url(TICKET, "cd" * 32).removeprefix("http://shop.example")
        assert (await client.get(endless)).status_code == 200
        world.clock.advance(timedelta(days=29))
        by_quote = await client.get(endless)
        assert by_quote.status_code == 410
        assert "It was good until 1 April 2026" in by_quote.text
    assert not world.sent


async def test_is_a_page_when_the_link_is_damaged_or_the_ticket_unknown(world: World) -> None:
    path = world.with_quote()
    stranger = world.signer.approve_url("T-9999", HASH).removeprefix("http://shop.example")
    async with world.client() as client:
        for bad, text in (
            (path[:-3], "The link is damaged"),
            ("/a/x", "The link is damaged"),
            (stranger, "There is no offer yet"),
        ):
            response = await client.get(bad)
            assert response.status_code == 404
            assert response.headers["content-type"].startswith("text/html")
            assert text in response.text


async def test_is_a_page_when_the_log_is_down_or_the_rate_is_passed(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(page_requests_per_minute=2, outcome_wait_s=0.05))
    path = world.with_quote()
    world.down = WorkerStop("no acknowledgement")
    async with world.client() as client:
        down = await client.post(f"{path}/accept", data={"tier": "original", "signed_by": "Ada"})
        assert down.status_code == 503
        assert "cannot answer right now" in down.text
        assert (await client.get(path)).status_code == 200
        limited = await client.get(path)
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) >= 1
    assert "Too many attempts" in limited.text


@pytest.mark.parametrize(
    ("accept_language", "complaint_language", "language", "words"),
    [
        ("de-CH,de;q=0.9,en;q=0.5", None, "de", ("Angebot", "€ 89,00", "1. April 2026", "180 Tage")),
        ("ja, fr;q=0.3", "nl", "fr", ("Choisir cette offre", "€ 89,00", "1 avril 2026")),
        ("ja", "nl", "nl", ("Dit aanbod kiezen", "1 april 2026")),
        ("", "da", "da", ("Vælg dette tilbud", "1. april 2026")),
        ("en;q=0, de;q=nonsense", "pt", "en", ("Choose this offer", "€ 89.00")),
    ],
)
async def test_speaks_the_readers_language(
    world: World, accept_language: str, complaint_language: str | None, language: str, words: tuple[str, ...]
) -> None:
    path = world.with_quote()
    world.feed(ticket_view(language=complaint_language))
    headers = {"Accept-Language": accept_language}
    async with world.client() as client:
        page = (await client.get(path, headers=headers)).text
        assert f'<html lang="{language}">' in page
        assert all(text in page for text in words)
        answer = await client.post(f"{path}/accept", data={"tier": "original"}, headers=headers)
    assert TEXTS[language].error_name in answer.text
    assert not re.search(r"[{}]", page.split("</style>")[1])


@pytest.mark.parametrize("language", [name for name in TEXTS if name != "en"])
def test_every_language_fills_in_what_english_does(language: str) -> None:
    english, other = (
        json.loads((PAGES / "texts" / f"{name}.json").read_text(encoding="utf-8")) for name in ("en", language)
    )
    assert english.keys() == other.keys()
    assert len(other["months"]) == 12
    for name, text in english.items():
        assert sorted(re.findall(r"{\w+}", str(text))) == sorted(re.findall(r"{\w+}", str(other[name]))), name
