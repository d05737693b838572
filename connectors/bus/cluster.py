"""Where the log is and how its clients connect."""

import ssl
from dataclasses import dataclass
from typing import Any


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
