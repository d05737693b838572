"""A Kafka node that lets nobody in without a password and nobody do what no rule allows: SASL_SSL, SCRAM, ACLs."""

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from connectors.bus.cluster import Cluster
from connectors.clock.clock import new_id
from infra.bench.kafka_nodes import cluster_id_of
from infra.bench.nodes import Node
from infra.supervise import free_ports

ADMIN = "admin"
"""The super user: no rule applies to it."""


@dataclass(frozen=True)
class SecuredCluster:
    bootstrap: str
    ca_file: Path

    def as_user(self, name: str, password: str | None = None) -> Cluster:
        """Return how a user connects; every user's password is made from the name."""
        return Cluster(self.bootstrap, name, password or password_of(name), str(self.ca_file))


def password_of(user: str) -> str:
    return f"{user}-secret"


@contextmanager
def secured_cluster(jars: Path, home: Path, users: Sequence[str]) -> Iterator[SecuredCluster]:
    """Run one node with its data in ``home``. No rule exists yet."""
    port, controller = free_ports(2)
    folder = home / "kafka-secured"
    folder.mkdir(parents=True)
    key_store, ca_file = _certificates(folder)
    settings = folder / "server.properties"
    settings.write_text(_properties(port, controller, folder / "data", key_store, ca_file))
    java = ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Djava.net.preferIPv4Stack=true"]
    scram = [f"SCRAM-SHA-512=[name={one},password={password_of(one)}]" for one in (ADMIN, *users)]
    cluster_id = cluster_id_of(new_id())
    tool = [*java, "-Xmx256m", "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "-t", cluster_id]
    formatting = Node(
        "format", folder, [*tool, "-c", str(settings), *(p for one in scram for p in ("--add-scram", one))]
    )
    formatting.start()
    formatting.await_end()
    node = Node(
        "kafka-secured", folder, [*java, "-Xms128m", "-Xmx512m", "-cp", f"{jars}/*", "kafka.Kafka", str(settings)]
    )
    node.start()
    try:
        cluster = SecuredCluster(f"127.0.0.1:{port}", ca_file)
        node.await_ready("secured Apache Kafka", lambda: _answers(cluster))
        yield cluster
    finally:
        node.kill()


def _answers(cluster: SecuredCluster) -> bool:
    client = AdminClient(
        {
            "bootstrap.servers": cluster.bootstrap,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(cluster.ca_file),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": ADMIN,
            "sasl.password": password_of(ADMIN),
            "log_level": 0,
        },
        logger=None,
    )
    try:
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False


def _properties(port: int, controller: int, data: Path, key_store: Path, ca_file: Path) -> str:
    login = "org.apache.kafka.common.security"
    scram = f'{login}.scram.ScramLoginModule required username="{ADMIN}" password="{password_of(ADMIN)}";'
    plain = f'{login}.plain.PlainLoginModule required username="ctl" password="ctl-secret" user_ctl="ctl-secret";'
    return "\n".join(
        f"{name}={value}"
        for name, value in {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"SASL_SSL://127.0.0.1:{port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "SASL_SSL",
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": plain,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": key_store,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": ca_file,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{ADMIN};User:ctl",
            "auto.create.topics.enable": "false",
            "log.dirs": data,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 16_777_216,
            "num.network.threads": 2,
            "num.io.threads": 4,
        }.items()
    )


def _certificates(folder: Path) -> tuple[Path, Path]:
    """Write a key store for the node, and the authority that signed it, which is all a client needs."""
    authority_key, node_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("test authority", authority_key, "test authority", authority_key, authority=True)
    node = _certificate("127.0.0.1", node_key, "test authority", authority_key, authority=False)
    key_store, ca_file = folder / "node.pem", folder / "ca.pem"
    private = node_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pems = [one.public_bytes(Encoding.PEM) for one in (node, authority)]
    key_store.write_bytes(private + b"".join(pems))
    ca_file.write_bytes(pems[1])
    return key_store, ca_file


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")), x509.DNSName("localhost")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
