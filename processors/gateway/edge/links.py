"""The page behind a signed link, on which a customer answers a quote.

Looking at it changes nothing, because mail scanners and previews look at links too: an answer is a POST.
"""

import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from connectors.errors import ConnectorError
from connectors.links.signer import LinkClaims, LinkError, LinkExpired
from processors.gateway.commands import Caller, stable_id
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.ledger import LEDGER_WORDS, ledger_path
from processors.gateway.edge.offer import Offer, Standing, offer_of
from processors.gateway.edge.problems import RETRY_AFTER_S
from processors.gateway.edge.templates import page
from processors.gateway.edge.texts import Texts, texts_for
from processors.gateway.present import quote_of, ticket_of
from processors.gateway.views import Outcome
from schemas.core.message import Command
from schemas.core.text import ShortText
from schemas.diagnoses import DiagnosisView
from schemas.quotes import AcceptQuote, DeclineQuote, QuoteAccepted, QuoteAnswerRefused, QuoteDeclined
from topics.diagnoses import DIAGNOSIS_VIEWS

log = logging.getLogger(__name__)

_SHORT_TEXT: TypeAdapter[str] = TypeAdapter(ShortText)
_NAME_MIN_CHARACTERS = 2
_STATUS: dict[Standing, int] = {
    "open": 200, "accepted": 200, "declined": 200, "replaced": 410, "expired": 410, "none": 404,
}  # fmt: skip
_ANSWERS = (QuoteAccepted, QuoteDeclined, QuoteAnswerRefused)


class Refusal(Exception):
    """Ends a request with a short page; title and text are names of words."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(title)
        self.status, self.title, self.text = status, title, text


class PageRoute(APIRoute):
    """A route whose errors are pages, because a person reads them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with its errors turned into pages."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except Refusal as refusal:
                texts = _texts(request)
                return _message(request, refusal.status, getattr(texts, refusal.title), getattr(texts, refusal.text))
            except HTTPException as error:
                texts = _texts(request)
                title = texts.too_many if error.status_code == 429 else texts.failed
                page = _message(request, error.status_code, title, texts.wait)
                page.headers.update(error.headers or {})
                return page
            except ConnectorError as error:
                log.warning("a customer's link: %s", error)
                texts = _texts(request)
                page = _message(request, 503, texts.down, texts.down_text)
                page.headers["Retry-After"] = str(RETRY_AFTER_S)
                return page

        return handler


router = APIRouter(prefix="/a", route_class=PageRoute, include_in_schema=False)


@router.get("/{token}")
async def look(request: Request, token: str) -> Response:
    """Show the offer. Changes nothing."""
    edge = edge_of(request)
    offer = await _offer(edge, request, await _claims(edge, request, token))
    return _offer_page(request, token, offer)


@router.post("/{token}/accept")
async def accept(request: Request, token: str) -> Response:
    """Accept one tier with a typed name."""
    edge = edge_of(request)
    claims = await _claims(edge, request, token)
    offer = await _offer(edge, request, claims)
    if offer.standing != "open":
        return _offer_page(request, token, offer)
    form = await request.form(max_files=0, max_fields=8)
    tier = next((card.name for card in offer.tiers if card.name == form.get("tier")), None)
    if tier is None:
        return _offer_page(request, token, offer, status=422, error="error_tier")
    name = _text(form, "signed_by")
    if name is None or len(name) < _NAME_MIN_CHARACTERS:
        return _offer_page(request, token, offer, status=422, error="error_name")
    command = AcceptQuote(
        ticket_id=claims.ticket_id, quote_hash=claims.quote_hash, tier=tier, signed_by=name, channel="link"
    )
    return _result(request, await _ask(edge, claims, token, command, tier))


@router.post("/{token}/decline")
async def decline(request: Request, token: str) -> Response:
    """Decline the offer, with a reason if the customer gives one."""
    edge = edge_of(request)
    claims = await _claims(edge, request, token)
    offer = await _offer(edge, request, claims)
    if offer.standing != "open":
        return _offer_page(request, token, offer)
    reason = _text(await request.form(max_files=0, max_fields=8), "reason")
    if reason is None:
        return _offer_page(request, token, offer, status=422, error="error_reason")
    command = DeclineQuote(ticket_id=claims.ticket_id, quote_hash=claims.quote_hash, reason=reason, channel="link")
    return _result(request, await _ask(edge, claims, token, command, "decline"))


@asynccontextmanager
async def refusing_bad_links(edge: Edge, request: Request) -> AsyncIterator[None]:
    """Turn the errors of a signed link into pages that say so; guessing counts against the address.

    Raises:
        Refusal: 410 for a link whose time is over, 404 for one that we did not make.
    """
    try:
        yield
    except LinkExpired as error:
        raise Refusal(410, "expired", "expired_link") from error
    except LinkError as error:
        await edge.limits.stranger(request.client.host if request.client else "")
        raise Refusal(404, "damaged", "damaged_text") from error


async def _claims(edge: Edge, request: Request, token: str) -> LinkClaims:
    async with refusing_bad_links(edge, request):
        claims = edge.deps.signer.read(token, now=edge.deps.clock.now())
    request.state.allowance = await edge.limits.page(claims.ticket_id)
    return claims


async def _offer(edge: Edge, request: Request, claims: LinkClaims) -> Offer:
    views = edge.deps.views
    ticket = ticket_of(views, claims.ticket_id)
    if ticket is None:
        raise Refusal(404, "nothing", "wait")
    complaint = await edge.deps.vault.open_text(ticket.complaint)
    ticket = ticket.model_copy(update={"complaint": complaint or ""})
    request.state.texts = texts_for(request.headers.get("accept-language", ""), ticket.language)
    diagnosis = views.view(DIAGNOSIS_VIEWS, claims.ticket_id, DiagnosisView)
    quote = quote_of(views, claims.ticket_id)
    return offer_of(claims, ticket, quote, diagnosis, edge.deps.clock.now(), _texts(request))


def _texts(request: Request) -> Texts:
    """Return the words for this reader; once the ticket is known its language helps to choose them."""
    chosen: Texts | None = getattr(request.state, "texts", None)
    return chosen or texts_for(request.headers.get("accept-language", ""))


async def _ask(edge: Edge, claims: LinkClaims, token: str, command: Command, choice: str) -> Outcome | None:
    """Send the answer. Its id comes from the link and the choice, so a second press is the same answer."""
    caller = Caller("link", hashlib.sha256(token.encode()).hexdigest()[:16])
    return await edge.commands.ask(
        command,
        correlation_id=claims.ticket_id,
        caller=caller,
        answers=_ANSWERS,
        id=stable_id(caller, claims.ticket_id, claims.quote_hash, choice),
    )


def _text(form: FormData, field: str) -> str | None:
    """Return a short text of a form, trimmed; None when it cannot be taken."""
    value = form.get(field, "")
    try:
        return _SHORT_TEXT.validate_python(value.strip() if isinstance(value, str) else "")
    except ValidationError:
        return None


def _result(request: Request, outcome: Outcome | None) -> Response:
    texts = _texts(request)
    event = None if outcome is None else outcome.event
    if isinstance(event, QuoteAccepted):
        price = texts.amount(event.total_cents, event.currency)
        return _message(request, 200, texts.thanks, texts.thanks_text.format(price=price))
    if isinstance(event, QuoteDeclined):
        return _message(request, 200, texts.thanks_no, texts.thanks_no_text)
    if isinstance(event, QuoteAnswerRefused):
        why = {
            "no_quote": texts.no_quote,
            "other_version": texts.other_version,
            "expired": texts.expired_link,
            "already_answered": texts.answered,
            "unknown_tier": texts.unknown_tier,
        }
        return _message(request, 409, texts.failed, why[event.reason])
    return _message(request, 202, texts.moment, texts.moment_text)


def _offer_page(request: Request, token: str, offer: Offer, *, status: int | None = None, error: str = "") -> Response:
    values = {"offer": offer, "token": token, "error": getattr(_texts(request), error) if error else ""}
    values["ledger"] = ledger_path(edge_of(request), offer.ticket_id)
    values["ledger_link"] = LEDGER_WORDS[_texts(request).language].link
    return render(request, "approve.html.j2", status or _STATUS[offer.standing], values)


def _message(request: Request, status: int, title: str, text: str) -> Response:
    return render(request, "message.html.j2", status, {"title": title, "text": text})


def render(request: Request, template: str, status: int, values: dict[str, object]) -> Response:
    """Return a page in the reader's language; it loads nothing, and nothing may frame it."""
    nonce = secrets.token_urlsafe(16)
    shared = {"nonce": nonce, "texts": _texts(request), "shop": edge_of(request).deps.shop_name}
    html = page(template, **values, **shared)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(
        html, status, {"Content-Security-Policy": policy, "X-Robots-Tag": "noindex", "Vary": "Accept-Language"}
    )
