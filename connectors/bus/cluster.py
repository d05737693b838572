"""Where the log is and how its clients connect."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)

from connectors.errors import ConnectorError, Misconfigured, Transient


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka cluster: the embedded broker, or any other. Times in milliseconds.

    With ``username`` the clients use SASL SCRAM-SHA-512; with ``ca_file`` TLS that trusts that authority. With
    ``instance``, a name that no other worker has, workers are static members of their groups: one that is started
    again in its place takes its partitions back at once, and one that ends for good gives them up only after the
    session time-out.
    """

    bootstrap: str
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 3_000
    rebalance_timeout_ms: int = 20_000
    instance: str | None = None

    def client_options(self, client_id: str) -> dict[str, Any]:
        """Return the connection options every aiokafka client takes."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "client_id": client_id,
            "metadata_max_age_ms": 30_000,
            "retry_backoff_ms": 100,
        }
        if self.ca_file is not None:
            options["ssl_context"] = ssl.create_default_context(cafile=self.ca_file)
        if self.username is not None:
            options |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        options["security_protocol"] = _PROTOCOLS[self.username is not None, self.ca_file is not None]
        return options


_PROTOCOLS = {
    (False, False): "PLAINTEXT",
    (False, True): "SSL",
    (True, False): "SASL_PLAINTEXT",
    (True, True): "SASL_SSL",
}


async def unreachable(cluster: Cluster, error: BaseException) -> ConnectorError:
    """Return why no client could connect. The client says "unable to bootstrap" of everything, so it is asked again."""
    options = cluster.client_options("noizylab-probe")
    address = options.pop("bootstrap_servers").split(",")[0]
    for of_clients in ("metadata_max_age_ms", "retry_backoff_ms"):
        options.pop(of_clients)
    host, _, port = address.rpartition(":")
    try:
        connection = await asyncio.wait_for(create_conn(host, int(port), **options), 5)
        connection.close()
    except SaslAuthenticationFailed:
        return Misconfigured(
            f"Kafka at {address} refuses user {cluster.username}; is NOIZYLAB_KAFKA_USERNAME or _PASSWORD wrong?"
        )
    except ssl.SSLError as wrong:
        return Misconfigured(
            f"no TLS with Kafka at {address} ({wrong.reason}); is NOIZYLAB_KAFKA_CA_FILE its authority?"
        )
    except (OSError, KafkaError, TimeoutError, ValueError):
        pass
    return Transient(f"no Kafka broker answers at {cluster.bootstrap} ({error}); start the shop, or set NOIZYLAB_KAFKA")


def refused(cluster: Cluster, error: BaseException, what: str = "") -> Misconfigured | None:
    """Return what a user is not allowed to do, None when ``error`` is something else. It does not pass by itself."""
    kinds = {
        TopicAuthorizationFailedError: "topic",
        GroupAuthorizationFailedError: "group",
        ClusterAuthorizationFailedError: "cluster",
    }
    kind = next((kind for refusal, kind in kinds.items() if isinstance(error, refusal)), None)
    if kind is None:
        return None
    which = what or ", ".join(str(one) for one in error.args) or "(not named)"
    return Misconfigured(
        f"user {cluster.username or 'ANONYMOUS'} may not use {kind} {which}: `noizylab topics acls` lists what each "
        "principal needs, with --apply the operator grants it"
    )
