"""The page on which a customer sees who opened the passcode of their device. Looking changes nothing."""

from fastapi import APIRouter, Request, Response

from connectors.links.signer import LinkError
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.ledger import LEDGER_WORDS, ledger_of, opened, passcodes_of
from processors.gateway.edge.links import PageRoute, Refusal, render
from processors.gateway.edge.texts import texts_for
from processors.gateway.present import ticket_of

router = APIRouter(prefix="/p", route_class=PageRoute, include_in_schema=False)


@router.get("/{token}")
async def look(request: Request, token: str) -> Response:
    """Show the access ledger of one ticket's passcode."""
    edge = edge_of(request)
    try:
        ticket_id = edge.deps.signer.read_ledger(token)
    except LinkError as error:
        await edge.limits.stranger(request.client.host if request.client else "")
        raise Refusal(404, "damaged", "damaged_text") from error
    request.state.allowance = await edge.limits.page(ticket_id)
    ticket = ticket_of(edge.deps.views, ticket_id)
    if ticket is None:
        raise Refusal(404, "nothing", "wait")
    texts = request.state.texts = texts_for(request.headers.get("accept-language", ""), ticket.language)
    view = await opened(edge, passcodes_of(edge, ticket_id), ticket.workspace_id)
    shown = ledger_of(view, texts)
    return render(
        request,
        "ledger.html.j2",
        200,
        {"ledger": shown, "words": LEDGER_WORDS[texts.language], "ticket_id": ticket_id},
    )
