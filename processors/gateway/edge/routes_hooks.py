"""Webhooks from outside. No key is asked for: the signature over the raw body is the right."""

import re
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response

from connectors.webhooks.port import Challenged, Incoming, Unverified, Verifier
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.hooks import refused
from processors.gateway.edge.problems import Problem

router = APIRouter(prefix="/hooks", tags=["hooks"])

Provider = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,60}$", description="Whose webhook it is, `stripe` say.")]
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}/[a-z0-9][a-z0-9.+-]{0,57}")


@router.post("/{provider}")
async def receive(request: Request, provider: Provider) -> Response:
    """Take one delivery; 200 once the log has it, and again for each repetition, which changes nothing."""
    edge = edge_of(request)
    verifier = _verifier(edge, provider)
    incoming = await _incoming(edge, request)
    try:
        delivery = await verifier.verify(incoming, edge.deps.clock.now())
    except Unverified as error:
        raise await _unauthorized(edge, request, provider, error) from error
    if delivery.reply is not None:
        return Response(delivery.reply, media_type="application/json")
    media_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    known = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
    fresh = await edge.hooks.take(provider, delivery, incoming.body, known)
    return Response(orjson.dumps({"received": fresh}), media_type="application/json")


@router.get("/{provider}")
async def prove(request: Request, provider: Provider) -> Response:
    """Answer the challenge by which a provider makes sure that this address is ours."""
    edge = edge_of(request)
    verifier = _verifier(edge, provider)
    if not isinstance(verifier, Challenged):
        raise _unknown(provider)
    try:
        proof = verifier.answer(await _incoming(edge, request))
    except Unverified as error:
        raise await _unauthorized(edge, request, provider, error) from error
    return Response(proof, media_type="application/json")


def _verifier(edge: Edge, provider: str) -> Verifier:
    found = edge.deps.hooks.get(provider)
    if found is None:
        raise _unknown(provider)
    return found


async def _incoming(edge: Edge, request: Request) -> Incoming:
    query = request.url.query
    url = edge.deps.public_url.rstrip("/") + request.url.path + (f"?{query}" if query else "")
    return Incoming(url, dict(request.headers), await request.body())


async def _unauthorized(edge: Edge, request: Request, provider: str, error: Unverified) -> Problem:
    refused(provider, error.reason)
    await edge.limits.stranger(request.client.host if request.client else "")
    return Problem(
        401,
        "unauthorized",
        "this request is not shown to come from the provider; check its secret and the address it was given",
        headers={"WWW-Authenticate": 'Signature realm="noizylab"'},
    )


def _unknown(provider: str) -> Problem:
    return Problem(404, "not_found", f"no webhook of {provider} is expected here; the operator sets its secret first")
