"""What stands behind each port: the implementations that one process works with."""

from __future__ import annotations  # so that the gateway, which wires nothing, does not load Faust for a name

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from connectors.blobs.keys import BlobKeys
from connectors.blobs.local import LocalBlobs
from connectors.blobs.port import BlobStore
from connectors.blobs.presign import BlobUrls
from connectors.blobs.sealed import SealedBlobs
from connectors.clickhouse.port import Warehouse
from connectors.clickhouse.server import Connection, ServerWarehouse
from connectors.clock.clock import Clock, SystemClock
from connectors.errors import Misconfigured
from connectors.links.signer import LinkSigner
from connectors.llm.port import LanguageModel
from connectors.mail.file import FileMail
from connectors.mail.port import Mail
from connectors.pricelist.port import PriceList
from connectors.pricelist.table import PriceTable
from connectors.sms.port import Sms
from connectors.traces.port import Spans
from connectors.vault.master_key import load_or_create_master_key
from connectors.vault.passcodes import SealedPasscodes
from connectors.vault.people import People
from connectors.vault.port import Vault
from connectors.vault.sealed import BUCKET as VAULT_BUCKET
from connectors.vault.sealed import SealedVault
from connectors.vault.sealed_people import SealedPeople
from connectors.webhooks.port import Verifier
from infra.clickhouse.layout import load_passwords
from infra.secret_files import load_or_create_secret
from infra.settings import Settings

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from connectors.blobs.s3 import S3Blobs
    from connectors.llm.claude import ClaudeSettings
    from connectors.mail.smtp import SmtpSettings
    from processors.qc.sheets import Sheets
    from processors.tickets.sla.hours import HoursOf
    from processors.tickets.sla.policy import SlaPolicy
    from schemas.workspaces import WorkingHours

HOURS_KNOWN_WITHIN_S = 1.0
"""A run that begins sooner after a change of its workspace's hours may still be measured by the old ones."""
PRICES = Path(__file__).resolve().parent / "demo" / "data" / "prices.csv"


@dataclass
class Ports:
    """The ports of one process, each opened when it is first asked for."""

    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    def open(cls, settings: Settings) -> Ports:
        """Return ports for ``settings``; use them in ``async with``, which closes what was opened."""
        return cls(settings)

    async def __aenter__(self) -> Ports:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.__aexit__(kind, error, trace)

    def on_close(self, call: Callable[[], Awaitable[None]]) -> None:
        """Have ``call`` awaited when the process ends."""
        self._closing.push_async_callback(call)

    @cached_property
    def blobs(self) -> BlobStore:
        """The object store that everything but the vault uses: sealed, unless that is switched off."""
        if not self.settings.seal_blobs:
            return self.stored_blobs
        return SealedBlobs(self.stored_blobs, self.blob_keys, urls=self.blob_urls)

    @cached_property
    def stored_blobs(self) -> BlobStore:
        """What lies below the seal: a directory, or S3 once an endpoint is set. The vault seals by itself."""
        return self.s3_blobs() if self.settings.s3_endpoint else self.local_blobs()

    def local_blobs(self) -> LocalBlobs:
        """Return the object store in the shop's directory, whether it is the one in use or not."""
        return LocalBlobs(self.settings.home / "blobs", urls=self.blob_urls, clock=self.clock)

    def s3_blobs(self) -> S3Blobs:
        """Return the object store on S3.

        Raises:
            Misconfigured: no endpoint is set.
        """
        from connectors.blobs.s3 import S3Blobs
        from connectors.blobs.s3_client import S3Settings

        settings = self.settings
        if settings.s3_endpoint is None:
            raise Misconfigured("NOIZYLAB_S3_ENDPOINT is not set; set it to host:port, with _ACCESS_KEY, _SECRET_KEY")
        if VAULT_BUCKET in settings.s3_object_lock:
            raise Misconfigured(
                f"NOIZYLAB_S3_OBJECT_LOCK names {VAULT_BUCKET}; take it out: the vault must be able to forget"
            )
        return S3Blobs(
            S3Settings(
                endpoint=settings.s3_endpoint,
                access_key=settings.s3_access_key or "",
                secret_key=settings.s3_secret_key or "",
                secure=settings.s3_secure,
                region=settings.s3_region,
                object_lock=settings.s3_object_lock,
            ),
            urls=self.blob_urls,
            clock=self.clock,
        )

    @cached_property
    def blob_keys(self) -> BlobKeys:
        """What objects are sealed with."""
        return BlobKeys(self.settings.home / "secrets")

    @cached_property
    def blob_urls(self) -> BlobUrls:
        """Addresses at the gateway that are rights to one object."""
        secret = load_or_create_secret(self.settings.home, "blob-urls")
        return BlobUrls(secret, self.settings.public_url, self.clock)

    @cached_property
    def vault(self) -> Vault:
        """Personal data, encrypted, in the object store."""
        return SealedVault(self.stored_blobs, load_or_create_master_key(self.settings.home / "secrets" / "vault.key"))

    @cached_property
    def people(self) -> People:
        """What is known of the people who work here, encrypted, in the object store."""
        return SealedPeople(self.stored_blobs, load_or_create_master_key(self.settings.home / "secrets" / "vault.key"))

    @cached_property
    def passcodes(self) -> SealedPasscodes:
        """Passcodes of devices, encrypted, beside the personal data."""
        master_key = load_or_create_master_key(self.settings.home / "secrets" / "vault.key")
        return SealedPasscodes(self.stored_blobs, master_key)

    @cached_property
    def signer(self) -> LinkSigner:
        """Links that customers answer quotes with."""
        return LinkSigner(load_or_create_secret(self.settings.home, "links"), self.settings.public_url)

    @cached_property
    def mail(self) -> Mail:
        """Mail into the outbox directory, or over SMTP once a server is set."""
        name, address = parseaddr(self.settings.mail_from)
        if self.settings.smtp_url is None:
            return FileMail(self.settings.home / "outbox", sender=address, sender_name=name, clock=self.clock)
        from connectors.mail.smtp import SmtpMail

        return SmtpMail(smtp_settings(self.settings.smtp_url, address, name), self.clock)

    @cached_property
    def sms(self) -> Sms | None:
        """Text messages through Twilio, once its account is set; none otherwise."""
        settings = self.settings
        if settings.twilio_account_sid is None:
            return None
        from connectors.sms.twilio import TwilioSettings, TwilioSms

        if not settings.twilio_auth_token or not settings.twilio_from:
            raise Misconfigured("NOIZYLAB_TWILIO_ACCOUNT_SID is set; set NOIZYLAB_TWILIO_AUTH_TOKEN and _FROM as well")
        return TwilioSms(TwilioSettings(settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_from))

    @cached_property
    def language_model(self) -> LanguageModel | None:
        """Claude, once its key is set; none otherwise, and the shop's own engine answers alone."""
        settings = self.settings
        if settings.anthropic_api_key is None:
            return None
        from connectors.llm.claude import Claude
        from connectors.llm.models import advice

        wanted = advice(settings.claude_model, self.clock.now().date())
        if wanted is not None:
            log.warning(wanted)
        claude = Claude(claude_settings(settings, settings.anthropic_api_key))
        self.on_close(claude.close)
        return claude

    @cached_property
    def spans(self) -> Spans | None:
        """Where handled records are traced to, once ``NOIZYLAB_TRACES`` names it; nowhere otherwise."""
        if self.settings.traces is None:
            return None
        from connectors.traces.opentelemetry import OpenTelemetrySpans

        spans = OpenTelemetrySpans.named(self.settings.traces)
        self.on_close(lambda: asyncio.to_thread(spans.close))
        return spans

    @cached_property
    def hooks(self) -> dict[str, Verifier]:
        """Who may send webhooks: the providers that have a secret."""
        from connectors.webhooks.ebay_keys import EbayApplication, HttpEbayKeys
        from connectors.webhooks.providers import verifiers

        settings, keys = self.settings, None
        if "ebay" in settings.hook_secrets:
            if not settings.ebay_client_id or not settings.ebay_client_secret:
                raise Misconfigured(
                    "NOIZYLAB_HOOK_EBAY_SECRET is set; set NOIZYLAB_EBAY_CLIENT_ID and NOIZYLAB_EBAY_CLIENT_SECRET too"
                )
            keys = HttpEbayKeys(EbayApplication(settings.ebay_client_id, settings.ebay_client_secret), self.clock)
        return verifiers(settings.hook_secrets, keys)

    @cached_property
    def webhook_master(self) -> str:
        """What the secrets of all subscriptions are derived from."""
        return load_or_create_secret(self.settings.home, "webhooks")

    @cached_property
    def prices(self) -> PriceList:
        """The price list: the shop's own file, or the one that comes with the house."""
        own = self.settings.home / "prices.csv"
        return PriceTable.load(own if own.exists() else PRICES)

    @cached_property
    def hours_of(self) -> HoursOf:
        """Asks for the hours that a workspace has set, out of the views of access."""
        from connectors.bus.lookup import LogFollower
        from processors.tickets.sla.hours import WorkspaceHours
        from topics.access import ACCESS_VIEWS

        hours = WorkspaceHours()
        follower = LogFollower(
            self.settings.cluster(),
            "noizylab-tickets-hours",
            (ACCESS_VIEWS,),
            lambda record: hours.take(record.key, record.value),
        )
        self.on_close(follower.close)

        async def hours_of(workspace: str) -> WorkingHours | None:
            await follower.catch_up(within_s=HOURS_KNOWN_WITHIN_S)
            return hours.of(workspace)

        return hours_of

    @cached_property
    def sla_policy(self) -> SlaPolicy:
        """What the shop promises: its own file, or the one that comes with the house.

        Raises:
            Misconfigured: the file cannot be read.
        """
        from processors.tickets.sla.policy import PolicyError, SlaPolicy

        try:
            return SlaPolicy.load(self.settings.home / "sla.toml")
        except PolicyError as error:
            raise Misconfigured(str(error)) from error

    @cached_property
    def check_sheets(self) -> Sheets:
        """What is checked on repairs: the shop's own sheets, or those that come with the house.

        Raises:
            Misconfigured: a sheet cannot be used.
        """
        from processors.qc.sheets import SheetError, Sheets

        try:
            return Sheets.load(self.settings.home / "checks")
        except SheetError as error:
            raise Misconfigured(str(error)) from error

    @cached_property
    def sampling_key(self) -> bytes:
        """What decides which repairs are checked at random; whoever knows it can foretell them."""
        return load_or_create_secret(self.settings.home, "qc-sampling").encode()

    @cached_property
    def warehouse(self) -> Warehouse:
        """ClickHouse as the writer."""
        return self._warehouse("noizylab_writer")

    @cached_property
    def figures_warehouse(self) -> ServerWarehouse:
        """ClickHouse as the reader with a budget."""
        return self._warehouse("noizylab_reader")

    def _warehouse(self, user: str) -> ServerWarehouse:
        warehouse = ServerWarehouse(warehouse_connection(self.settings, user))
        self.on_close(warehouse.close)
        return warehouse


def warehouse_connection(settings: Settings, user: str) -> Connection:
    """Return how ``user`` reaches ClickHouse: the embedded one, or the server at ``NOIZYLAB_CLICKHOUSE``.

    Raises:
        Misconfigured: the address cannot be read.
    """
    if settings.clickhouse_url is None:
        password = load_passwords(settings.home / "clickhouse")[user]
        return Connection("127.0.0.1", settings.clickhouse_http_port, user, password)
    url = urlsplit(settings.clickhouse_url)
    if url.scheme not in {"http", "https"} or url.hostname is None:
        raise Misconfigured("NOIZYLAB_CLICKHOUSE must look like https://user:password@host:8443/database")
    secure = url.scheme == "https"
    return Connection(
        url.hostname,
        url.port or (8443 if secure else 8123),
        unquote(url.username or "default"),
        unquote(url.password or ""),
        database=url.path.strip("/") or "noizylab",
        secure=secure,
    )


def claude_settings(settings: Settings, api_key: str) -> ClaudeSettings:
    """Return how Claude is asked."""
    from connectors.llm.claude import ClaudeSettings

    return ClaudeSettings(
        api_key,
        settings.claude_model,
        settings.anthropic_base_url,
        effort=settings.claude_effort,
        max_input_tokens=settings.claude_input_tokens,
    )


def smtp_settings(address: str, sender: str, sender_name: str) -> SmtpSettings:
    """Read ``smtp://``, ``smtp+starttls://`` or ``smtps://user:password@host:port``.

    Raises:
        Misconfigured: the address cannot be read.
    """
    from connectors.mail.smtp import SmtpSettings

    url = urlsplit(address)
    kinds: dict[str, tuple[Literal["none", "starttls", "tls"], int]] = {
        "smtp": ("none", 25),
        "smtp+starttls": ("starttls", 587),
        "smtps": ("tls", 465),
    }
    if url.scheme not in kinds or url.hostname is None:
        raise Misconfigured(f"NOIZYLAB_SMTP must look like smtp+starttls://user:password@host:587, not {address!r}")
    security, port = kinds[url.scheme]
    return SmtpSettings(
        host=url.hostname,
        port=url.port or port,
        sender=sender,
        sender_name=sender_name,
        security=security,
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
    )
