"""The settings: the only reader of the environment. Every one has a default that needs no account and no server."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from connectors.bus.cluster import Cluster
from connectors.errors import Misconfigured
from connectors.llm.models import DEFAULT_MODEL, Effort

PORTS_FILE = "ports.json"
DEFAULT_PORTS = {
    "broker_port": 19092,
    "clickhouse_http_port": 18123,
    "clickhouse_tcp_port": 19000,
    "gateway_port": 8080,
}
METRICS_PORT = 19464
BROKER_METRICS_PORT = 19465
GATEWAY_METRICS_PORT = 19466


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything is. A vendor is used once its key is set; without it the offline engine does the work."""

    home: Path
    broker_port: int
    clickhouse_http_port: int
    clickhouse_tcp_port: int
    gateway_port: int
    broker_host: str
    broker_advertise: str | None
    broker_tls_cert: Path | None
    broker_tls_key: Path | None
    kafka: str | None
    kafka_username: str | None
    kafka_password: str | None
    kafka_ca_file: str | None
    kafka_replicas: int
    clickhouse_url: str | None
    clickhouse_cluster: str | None
    s3_endpoint: str | None
    s3_access_key: str | None
    s3_secret_key: str | None
    s3_secure: bool
    s3_region: str | None
    s3_object_lock: frozenset[str]
    seal_blobs: bool
    smtp_url: str | None
    mail_from: str
    anthropic_api_key: str | None
    anthropic_base_url: str | None
    claude_model: str
    claude_effort: Effort
    claude_input_tokens: int
    claude_photos: int
    claude_repair_cents: int
    claude_day_cents: int
    twilio_account_sid: str | None
    twilio_auth_token: str | None
    twilio_from: str | None
    public_url: str
    limits_url: str
    gateway_metrics_port: int
    currency: str
    vision_processes: int
    metrics_port: int
    broker_metrics_port: int
    traces: str | None
    samples: Path | None
    audit: bool
    hook_secrets: Mapping[str, tuple[str, ...]]
    ebay_client_id: str | None
    ebay_client_secret: str | None
    webhooks_local: bool
    cors_origins: frozenset[str]

    @property
    def embedded_broker(self) -> bool:
        """Whether the log is kept by the embedded broker."""
        return self.kafka is None

    @property
    def embedded_clickhouse(self) -> bool:
        """Whether figures are kept by the embedded engine."""
        return self.clickhouse_url is None

    @property
    def broker_file(self) -> Path:
        """Where the embedded broker keeps the log."""
        return self.home / "log" / "noizylab.sqlite3"

    @property
    def broker_users(self) -> Path:
        """Who may log in to the embedded broker, where it is encrypted."""
        return self.home / "secrets" / "broker-users.json"

    def cluster(self) -> Cluster:
        """Return how to reach the log.

        Raises:
            Misconfigured: the embedded broker asks for a login and none is set.
        """
        if self.kafka is None and self.broker_tls_cert is None:
            return Cluster(f"127.0.0.1:{self.broker_port}")
        if self.kafka is None and None in (self.kafka_username, self.kafka_password, self.kafka_ca_file):
            raise Misconfigured(
                "with NOIZYLAB_BROKER_TLS_CERT the shop's own processes log in too: `noizylab broker user add NAME`, "
                "then set NOIZYLAB_KAFKA_USERNAME, NOIZYLAB_KAFKA_PASSWORD and NOIZYLAB_KAFKA_CA_FILE"
            )
        own = self.broker_advertise or f"{self.broker_host}:{self.broker_port}"
        return Cluster(self.kafka or own, self.kafka_username, self.kafka_password, self.kafka_ca_file)


def read_settings(environment: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
    """Read ``NOIZYLAB_*`` variables; ``overrides`` win over them.

    Raises:
        Misconfigured: a value cannot be read; names the variable.
    """
    source = _Source(environment)
    home = Path(source.text("NOIZYLAB_HOME", ".noizylab")).absolute()
    ports = DEFAULT_PORTS | _ports_of(home)
    values: dict[str, object] = {
        "home": home,
        "broker_port": source.number("NOIZYLAB_BROKER_PORT", ports["broker_port"]),
        "clickhouse_http_port": source.number("NOIZYLAB_CLICKHOUSE_HTTP_PORT", ports["clickhouse_http_port"]),
        "clickhouse_tcp_port": source.number("NOIZYLAB_CLICKHOUSE_TCP_PORT", ports["clickhouse_tcp_port"]),
        "gateway_port": source.number("NOIZYLAB_GATEWAY_PORT", ports["gateway_port"]),
        "broker_host": source.text("NOIZYLAB_BROKER_HOST", "127.0.0.1"),
        "broker_advertise": source.optional("NOIZYLAB_BROKER_ADVERTISE"),
        "broker_tls_cert": source.path("NOIZYLAB_BROKER_TLS_CERT"),
        "broker_tls_key": source.path("NOIZYLAB_BROKER_TLS_KEY"),
        "kafka": source.optional("NOIZYLAB_KAFKA"),
        "kafka_username": source.optional("NOIZYLAB_KAFKA_USERNAME"),
        "kafka_password": source.optional("NOIZYLAB_KAFKA_PASSWORD"),
        "kafka_ca_file": source.optional("NOIZYLAB_KAFKA_CA_FILE"),
        "kafka_replicas": source.number("NOIZYLAB_KAFKA_REPLICAS", 3),
        "clickhouse_url": source.optional("NOIZYLAB_CLICKHOUSE"),
        "clickhouse_cluster": source.optional("NOIZYLAB_CLICKHOUSE_CLUSTER"),
        "s3_endpoint": source.optional("NOIZYLAB_S3_ENDPOINT"),
        "s3_access_key": source.optional("NOIZYLAB_S3_ACCESS_KEY"),
        "s3_secret_key": source.optional("NOIZYLAB_S3_SECRET_KEY"),
        "s3_secure": source.flag("NOIZYLAB_S3_SECURE", default=True),
        "s3_region": source.optional("NOIZYLAB_S3_REGION"),
        "s3_object_lock": frozenset(source.text("NOIZYLAB_S3_OBJECT_LOCK", "").replace(",", " ").split()),
        "seal_blobs": source.flag("NOIZYLAB_SEAL_BLOBS", default=True),
        "smtp_url": source.optional("NOIZYLAB_SMTP"),
        "mail_from": source.text("NOIZYLAB_MAIL_FROM", "NoizyLab <shop@noizylab.invalid>"),
        "anthropic_api_key": source.optional("NOIZYLAB_ANTHROPIC_API_KEY"),
        "anthropic_base_url": source.optional("NOIZYLAB_ANTHROPIC_BASE_URL"),
        "claude_model": source.text("NOIZYLAB_CLAUDE_MODEL", DEFAULT_MODEL),
        "claude_effort": source.one_of("NOIZYLAB_CLAUDE_EFFORT", "medium", get_args(Effort)),
        "claude_input_tokens": source.number("NOIZYLAB_CLAUDE_INPUT_TOKENS", 40_000),
        "claude_photos": source.number("NOIZYLAB_CLAUDE_PHOTOS", 6),
        "claude_repair_cents": source.number("NOIZYLAB_CLAUDE_REPAIR_CENTS", 100),
        "claude_day_cents": source.number("NOIZYLAB_CLAUDE_DAY_CENTS", 2_000),
        "twilio_account_sid": source.optional("NOIZYLAB_TWILIO_ACCOUNT_SID"),
        "twilio_auth_token": source.optional("NOIZYLAB_TWILIO_AUTH_TOKEN"),
        "twilio_from": source.optional("NOIZYLAB_TWILIO_FROM"),
        "limits_url": source.text("NOIZYLAB_LIMITS_URL", "memory://"),
        "gateway_metrics_port": source.number("NOIZYLAB_GATEWAY_METRICS_PORT", GATEWAY_METRICS_PORT),
        "currency": source.text("NOIZYLAB_CURRENCY", "EUR"),
        "vision_processes": source.number("NOIZYLAB_VISION_PROCESSES", min(4, os.cpu_count() or 1)),
        "samples": source.path("NOIZYLAB_SAMPLES"),
        "audit": source.flag("NOIZYLAB_AUDIT", default=True),
        "metrics_port": source.number("NOIZYLAB_METRICS_PORT", METRICS_PORT),
        "broker_metrics_port": source.number("NOIZYLAB_BROKER_METRICS_PORT", BROKER_METRICS_PORT),
        "traces": source.optional("NOIZYLAB_TRACES"),
        "hook_secrets": source.hook_secrets(),
        "ebay_client_id": source.optional("NOIZYLAB_EBAY_CLIENT_ID"),
        "ebay_client_secret": source.optional("NOIZYLAB_EBAY_CLIENT_SECRET"),
        "cors_origins": source.origins("NOIZYLAB_CORS_ORIGINS"),
        "webhooks_local": source.flag("NOIZYLAB_WEBHOOKS_LOCAL", default=False),
    }
    values |= overrides
    values.setdefault("public_url", source.text("NOIZYLAB_PUBLIC_URL", f"http://127.0.0.1:{values['gateway_port']}"))
    return Settings(**values)  # type: ignore[arg-type]  # the keys above are the fields, each of its type


def write_ports(settings: Settings) -> None:
    """Note the ports of a shop in its folder, so that other commands with the same ``NOIZYLAB_HOME`` find it."""
    (settings.home / PORTS_FILE).write_text(json.dumps({name: getattr(settings, name) for name in DEFAULT_PORTS}))


def _ports_of(home: Path) -> dict[str, int]:
    try:
        noted: dict[str, int] = json.loads((home / PORTS_FILE).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Misconfigured(f"{home / PORTS_FILE} cannot be read ({error}); remove it, it is made anew") from error
    return noted


def to_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that give a child process the same settings; empty stands for not set."""
    names = {
        "home": "NOIZYLAB_HOME",
        "broker_port": "NOIZYLAB_BROKER_PORT",
        "clickhouse_http_port": "NOIZYLAB_CLICKHOUSE_HTTP_PORT",
        "clickhouse_tcp_port": "NOIZYLAB_CLICKHOUSE_TCP_PORT",
        "gateway_port": "NOIZYLAB_GATEWAY_PORT",
        "broker_host": "NOIZYLAB_BROKER_HOST",
        "broker_advertise": "NOIZYLAB_BROKER_ADVERTISE",
        "broker_tls_cert": "NOIZYLAB_BROKER_TLS_CERT",
        "broker_tls_key": "NOIZYLAB_BROKER_TLS_KEY",
        "public_url": "NOIZYLAB_PUBLIC_URL",
        "limits_url": "NOIZYLAB_LIMITS_URL",
        "gateway_metrics_port": "NOIZYLAB_GATEWAY_METRICS_PORT",
        "vision_processes": "NOIZYLAB_VISION_PROCESSES",
        "metrics_port": "NOIZYLAB_METRICS_PORT",
        "broker_metrics_port": "NOIZYLAB_BROKER_METRICS_PORT",
        "traces": "NOIZYLAB_TRACES",
        "kafka": "NOIZYLAB_KAFKA",
        "clickhouse_url": "NOIZYLAB_CLICKHOUSE",
        "clickhouse_cluster": "NOIZYLAB_CLICKHOUSE_CLUSTER",
        "s3_endpoint": "NOIZYLAB_S3_ENDPOINT",
        "smtp_url": "NOIZYLAB_SMTP",
        "anthropic_api_key": "NOIZYLAB_ANTHROPIC_API_KEY",
        "twilio_account_sid": "NOIZYLAB_TWILIO_ACCOUNT_SID",
    }
    values = {variable: getattr(settings, name) for name, variable in names.items()}
    return {variable: "" if value is None else str(value) for variable, value in values.items()}


_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_HOOK_SECRET = re.compile(r"NOIZYLAB_HOOK_([A-Z][A-Z0-9_]*)_SECRET")
_FLAGS = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}


class _Source:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def optional(self, name: str) -> str | None:
        return self._environment.get(name) or None

    def path(self, name: str) -> Path | None:
        text = self.optional(name)
        return None if text is None else Path(text)

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name) or default

    def one_of(self, name: str, default: str, known: Sequence[str]) -> str:
        text = self.text(name, default)
        if text not in known:
            raise Misconfigured(f"{name} is {text!r}; give one of {', '.join(known)}")
        return text

    def number(self, name: str, default: int) -> int:
        text = self.text(name, str(default))
        try:
            return int(text)
        except ValueError as error:
            raise Misconfigured(f"{name} is {text!r}; give a whole number, or unset it for {default}") from error

    def hook_secrets(self) -> dict[str, tuple[str, ...]]:
        """Return ``NOIZYLAB_HOOK_<PROVIDER>_SECRET`` by provider; several at once while one is changed."""
        named = ((_HOOK_SECRET.fullmatch(name), text) for name, text in self._environment.items())
        found = {match[1].lower(): tuple(text.replace(",", " ").split()) for match, text in named if match}
        return {provider: secrets for provider, secrets in found.items() if secrets}

    def origins(self, name: str) -> frozenset[str]:
        found = self.text(name, "").replace(",", " ").split()
        for one in found:
            if not _ORIGIN.fullmatch(one):
                raise Misconfigured(
                    f"{name} holds {one!r}; give exact origins such as https://desk.example, no path, no *"
                )
        return frozenset(found)

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.text(name, "yes" if default else "no").lower()
        if text not in _FLAGS:
            raise Misconfigured(f"{name} is {text!r}; give yes or no")
        return _FLAGS[text]
