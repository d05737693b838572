"""Writes down requests and answers of one operation after the other, as examples of the description."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from infra.gen.api.tidy import Tidy
from processors.gateway.edge.api.operations import EVENTS, JSON, OPERATIONS
from schemas.core.message import Message

Json = Any
_BY_NAME = {operation.name: place.split(" ") for place, operation in OPERATIONS.items()}
_TEXTS = (JSON, "application/x-ndjson", "text/csv", EVENTS)


class Recorder:
    """Calls operations by name and keeps what was sent and answered.

    ``client`` bears an administrator's key. What comes back is checked here only for being a success.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._tidy = Tidy()
        self._kept: dict[str, dict[str, Any]] = {}

    async def call(
        self,
        name: str,
        body: Json = None,
        /,
        *,
        media: str = JSON,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        example: Json = None,
        multipart: Mapping[str, Any] | None = None,
        **places: Any,
    ) -> Any:
        """Call one operation; returns its JSON, or the bytes of anything else.

        ``example``: what stands for the body where the body itself is none to print.
        """
        method, path = _BY_NAME[name]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        plain = body is not None and multipart is None
        sent = {"content-type": media} if plain else {}
        answer = await self._client.request(
            method,
            path.format(**places),
            params=dict(query or {}),
            headers={**sent, **(headers or {})},
            **({"content": content} if plain else dict(multipart or {})),
        )
        if not answer.is_success:
            raise RuntimeError(f"{name} answers {answer.status_code}, examples are made of successes: {answer.text}")
        shown = body if example is None else example
        self._keep(name, {**places, **(query or {})}, media if multipart is None else "multipart/form-data", shown)
        self.answered(name, answer.status_code, answer.headers.get("content-type", ""), answer.content)
        return answer.json() if answer.headers.get("content-type") == JSON else answer.content

    def answered(self, name: str, status: int, media: str, content: bytes) -> None:
        """Keep an answer; bytes that are no text are not shown."""
        media = media.partition(";")[0]
        answers = self._kept.setdefault(name, {}).setdefault("answers", {})
        if media in _TEXTS:
            said = json.loads(content) if media == JSON else content.decode()
            answers.setdefault(str(status), {})[media] = self._tidy.of(said)

    def told(self, name: str, body: Json, said: Json, status: int = 200, /, **places: Any) -> None:
        """Keep what nobody here can answer: it takes a warehouse, a provider, or a flow that has got so far."""
        self._keep(name, places, JSON, body)
        content = said.to_json() if isinstance(said, Message) else json.dumps(said).encode()
        self.answered(name, status, JSON, content)

    def kept(self) -> dict[str, Any]:
        """Return everything, by operation."""
        return dict(sorted(self._kept.items()))

    def _keep(self, name: str, parameters: Mapping[str, Any], media: str, body: Json) -> None:
        kept = self._kept.setdefault(name, {})
        if parameters:
            kept["parameters"] = self._tidy.of(dict(parameters))
        if body is not None and not isinstance(body, bytes):
            kept["request"] = {media: self._tidy.of(body)}
