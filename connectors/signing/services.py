"""Our own services as callers: a private key file each, and beside it what the service may do."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.errors import Misconfigured
from connectors.files import sync_directory, write_once
from connectors.signing.canonical import KEY_ID
from schemas.core.ids import DEFAULT_WORKSPACE, WorkspaceId

_GRANT = ".json"
"""No service has a dot in its name, so no grant is taken for a key."""


class Grant(BaseModel):
    """What a service may do, and in which workspace. Without a file: nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Service:
    """A service that may call."""

    id: str
    key: bytes
    grant: Grant


class ServiceFiles:
    """Services in a folder that both sides read, each time they are asked for: one that is new, or gone, is so at once.

    ``portal`` holds the key of the service portal, ``portal.json`` its grant.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, service_id: str) -> Service | None:
        """Return a service; None for a name that has no key.

        Raises:
            Misconfigured: its grant cannot be read; it is not guessed.
        """
        if not KEY_ID.fullmatch(service_id):
            return None
        try:
            key = (self._folder / service_id).read_bytes().strip()
        except FileNotFoundError:
            return None
        return Service(service_id, key, self._grant(service_id)) if key else None

    def create(self, service_id: str, grant: Grant) -> Service:
        """Give a service its grant, and a key unless it has one.

        Raises:
            Misconfigured: the name is none, or the files cannot be written.
        """
        if not KEY_ID.fullmatch(service_id):
            raise Misconfigured(
                f"a service cannot be named {service_id!r}; use a-z, 0-9 and -, a letter first, 31 signs"
            )
        try:
            # The grant first: a key without one would open nothing, one with an old one what it opened before.
            self._write_grant(service_id, grant)
            write_once(self._folder / service_id, secrets.token_urlsafe(32).encode() + b"\n")
        except OSError as error:
            raise Misconfigured(f"service {service_id}: {error}; choose a NOIZYLAB_HOME this user owns") from error
        made = self.get(service_id)
        if made is None:
            raise Misconfigured(f"the key file of service {service_id} is empty; revoke the service and make it anew")
        return made

    def revoke(self, service_id: str) -> bool:
        """Forget a service; False when there is none of this name."""
        if not KEY_ID.fullmatch(service_id) or not (self._folder / service_id).exists():
            return False
        (self._folder / service_id).unlink()
        (self._folder / (service_id + _GRANT)).unlink(missing_ok=True)
        sync_directory(self._folder)
        return True

    def list(self) -> Iterator[Service]:
        """Yield the services by name; raises as :meth:`get` does."""
        for path in sorted(self._folder.glob("*")) if self._folder.is_dir() else ():
            service = self.get(path.name)
            if service is not None:
                yield service

    def _grant(self, service_id: str) -> Grant:
        path = self._folder / (service_id + _GRANT)
        try:
            return Grant.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return Grant()
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, fault["loc"])) or "text"
            raise Misconfigured(f"{path}: {where}: {fault['msg']}; mend it, or make the service anew") from error

    def _write_grant(self, service_id: str, grant: Grant) -> None:
        path, fresh = self._folder / (service_id + _GRANT), self._folder / f".{secrets.token_hex(8)}.tmp"
        text = json.dumps({"workspace_id": grant.workspace_id, "scopes": sorted(grant.scopes)}, indent=1)
        try:
            write_once(fresh, text.encode() + b"\n")
            fresh.replace(path)
            sync_directory(self._folder)
        finally:
            fresh.unlink(missing_ok=True)
