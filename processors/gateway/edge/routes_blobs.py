"""Stored objects by signed address. The address is the right, so no key is asked for; it names one object, one method.

What comes out is the plain object: a sealed store opens here, which its server could not.
"""

import hashlib
import re
from collections.abc import AsyncIterator
from mimetypes import guess_extension
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

from connectors.blobs.port import BlobRetained, InvalidBlobName, missing, same_bytes
from connectors.blobs.presign import MayGet, MayPut, UrlError, UrlExpired
from connectors.blobs.stream import PIECE_BYTES, read_stream
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.problems import Problem
from schemas.core.blob_ref import BlobRef

router = APIRouter(prefix="/blobs", tags=["objects"])

Token = Annotated[str, Path(description="Signed by the shop; ask for a new one when it has expired.")]
_SHOWN = re.compile(r"(image/(jpeg|png|webp|gif|avif)|audio/[a-z0-9.+-]+|video/[a-z0-9.+-]+)(;.*)?")
"""What a browser may show in place. Everything else, above all what holds script, is offered as a file."""
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@router.get("/{token}")
@router.head("/{token}", include_in_schema=False)
async def get_object(request: Request, token: Token) -> Response:
    """Return the object of an address for GET: whole, or the one range that is asked for."""
    edge = edge_of(request)
    right = await _right(edge, request, token)
    if not isinstance(right, MayGet):
        raise _other_method("PUT")
    ref = right.ref
    headers = _headers(ref)
    if request.headers.get("if-none-match", "") in {"*", headers["ETag"]}:
        return Response(status_code=304, headers=headers)
    wanted = _range(request, ref, headers["ETag"])
    if wanted or request.method == "HEAD":
        await _check_unchanged(edge, ref)  # a part has no hash of its own
    start, end = wanted or (0, ref.size_bytes)
    headers["Content-Length"] = str(end - start)
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{ref.size_bytes}"
    status = 206 if wanted else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=ref.media_type)
    pieces = _part(edge, ref, start, end) if wanted else read_stream(edge.deps.blobs, ref)
    # The first piece is read before the answer begins: a missing or damaged object is a problem, not half an answer.
    first = await anext(pieces)
    return StreamingResponse(_after(first, pieces), status, headers, ref.media_type)


@router.put("/{token}", status_code=201)
async def put_object(request: Request, token: Token) -> Response:
    """Store the body under the name of an address for PUT; return its reference. Sent again it is the same answer.

    An address fills its place once: who finds it later puts nothing else there.
    """
    edge = edge_of(request)
    right = await _right(edge, request, token)
    if not isinstance(right, MayPut):
        raise _other_method("GET, HEAD")
    given = request.headers.get("content-type", "")
    if given != right.media_type:
        detail = f"this address takes {right.media_type}, not {given[:100] or 'a body without Content-Type'}"
        raise Problem(415, "unsupported_media_type", detail)
    async with edge.upload_slots:
        try:
            ref = await edge.deps.blobs.put_stream(
                right.bucket, right.key, _body(edge, request, right), right.media_type
            )
        except InvalidBlobName as error:
            raise Problem(422, "validation", str(error)) from error
        except BlobRetained as error:
            raise Problem(409, "locked", str(error)) from error
    headers = {"ETag": f'"{ref.sha256}"'}
    return Response(orjson.dumps(ref.model_dump()), 201, headers, "application/json")


async def _right(edge: Edge, request: Request, token: str) -> MayGet | MayPut:
    if edge.deps.blob_urls is None:
        raise Problem(404, "not_found", "this gateway gives out no addresses of stored objects")
    try:
        right = edge.deps.blob_urls.read(token)
    except UrlExpired as error:
        raise Problem(410, "expired", str(error)) from error
    except UrlError as error:
        await edge.limits.stranger(request.client.host if request.client else "")
        raise Problem(404, "not_found", str(error)) from error
    request.state.allowance = await edge.limits.address(token)
    return right


def _other_method(allowed: str) -> Problem:
    return Problem(405, "method_not_allowed", f"this address is for {allowed}", headers={"Allow": allowed})


def _headers(ref: BlobRef) -> dict[str, str]:
    name = _NAME.sub("_", ref.key.rpartition("/")[2]).strip("._") or "object"
    if "." not in name:
        name += guess_extension(ref.media_type.partition(";")[0]) or ""
    place = "inline" if _SHOWN.fullmatch(ref.media_type) else "attachment"
    return {
        "ETag": f'"{ref.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'{place}; filename="{name}"',
    }


def _range(request: Request, ref: BlobRef, etag: str) -> tuple[int, int] | None:
    """Return start and end of the range asked for; None for the whole (RFC 9110 section 14 lets us ignore others)."""
    wanted = _ONE_RANGE.fullmatch(request.headers.get("range", ""))
    if wanted is None or request.headers.get("if-range", etag) != etag or not (wanted[1] or wanted[2]):
        return None
    size = ref.size_bytes
    if not wanted[1]:
        start, end = max(0, size - int(wanted[2])), size
    else:
        start, end = int(wanted[1]), min(size, int(wanted[2]) + 1 if wanted[2] else size)
    if wanted[1] and wanted[2] and int(wanted[2]) < start:
        return None
    if start >= size or start >= end:
        headers = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, "range_not_satisfiable", f"the object has {size} bytes", headers=headers)
    return start, end


async def _check_unchanged(edge: Edge, ref: BlobRef) -> None:
    found = await edge.deps.blobs.stat(ref.bucket, ref.key)
    if found is None or not same_bytes(found.ref, ref):
        raise missing(ref)


async def _part(edge: Edge, ref: BlobRef, start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, PIECE_BYTES):
        yield await edge.deps.blobs.get_range(ref, at, min(PIECE_BYTES, end - at))


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


async def _body(edge: Edge, request: Request, right: MayPut) -> AsyncIterator[bytes]:
    """Yield the body; one that is too large, or another than is there, breaks off: the store keeps what was there."""
    seen, digest = 0, hashlib.sha256()
    async for piece in request.stream():
        seen += len(piece)
        if seen > right.max_bytes:
            raise Problem(413, "too_large", f"this address takes at most {right.max_bytes} bytes")
        if piece:
            digest.update(piece)
            yield piece
    there = await edge.deps.blobs.stat(right.bucket, right.key)
    if there is not None and there.retain_until is None and there.ref.sha256 != digest.hexdigest():
        raise Problem(409, "address_used", "something else was stored with this address; ask for a new one")
