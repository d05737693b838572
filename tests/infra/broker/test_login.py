import asyncio
import datetime
import ipaddress
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka import TopicPartition as CTopicPartition
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kio.schema.errors import ErrorCode

from infra.broker import Broker, BrokerConfig, BrokerError, NotLoopbackError
from infra.broker.config import check_reach
from infra.broker.scram import Exchange, LoginRefusedError
from infra.broker.session import Penalties
from infra.broker.users import Users, derive
from tests.infra.broker.support import WireClient

PASSWORD = "pencil, but longer"


@dataclass(frozen=True)
class Keys:
    ca: Path
    cert: Path
    key: Path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """An authority of our own and a certificate of it for 127.0.0.1."""
    place = tmp_path_factory.mktemp("keys")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    names = x509.SubjectAlternativeName([
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost"),
    ])  # fmt: skip
    ca = (
        x509.CertificateBuilder().subject_name(ca_name).issuer_name(ca_name).public_key(ca_key.public_key())
        .serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )  # fmt: skip
    cert = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(ca_name).public_key(key.public_key())
        .serial_number(2).not_valid_before(now - day).not_valid_after(now + day).add_extension(names, critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )  # fmt: skip
    found = Keys(place / "ca.pem", place / "cert.pem", place / "key.pem")
    found.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    found.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return found


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.json"
    Users(path).add("alice", PASSWORD)
    return path


@pytest.fixture
async def guarded(tmp_path: Path, keys: Keys, users: Path) -> AsyncIterator[Broker]:
    config = BrokerConfig(path=tmp_path / "bus.db", port=0, tls_cert=keys.cert, tls_key=keys.key, users=users)
    running = Broker(config)
    await running.start()
    yield running
    await running.stop()


def _options(broker: Broker, keys: Keys, mechanism: str, password: str = PASSWORD) -> dict[str, object]:
    return {
        "bootstrap_servers": f"127.0.0.1:{broker.port}",
        "security_protocol": "SASL_SSL",
        "ssl_context": ssl.create_default_context(cafile=str(keys.ca)),
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "alice",
        "sasl_plain_password": password,
    }


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_aiokafka_logs_in_over_tls(guarded: Broker, keys: Keys, mechanism: str) -> None:
    options = _options(guarded, keys, mechanism)
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    await admin.create_topics([NewTopic("t", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(**options)
    await producer.start()
    await producer.send_and_wait("t", b"secret" * 50_000)
    await producer.stop()
    consumer = AIOKafkaConsumer("t", **options, auto_offset_reset="earliest", group_id="g")
    await consumer.start()
    assert (await asyncio.wait_for(consumer.getone(), 10)).value == b"secret" * 50_000
    await consumer.stop()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_librdkafka_logs_in_over_tls(guarded: Broker, keys: Keys, mechanism: str) -> None:
    admin = AIOKafkaAdminClient(**_options(guarded, keys, "SCRAM-SHA-512"))
    await admin.start()
    await admin.create_topics([NewTopic("t", 1, 1)])
    await admin.close()
    options = {
        "bootstrap.servers": f"127.0.0.1:{guarded.port}", "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(keys.ca), "sasl.mechanisms": mechanism,
        "sasl.username": "alice", "sasl.password": PASSWORD,
    }  # fmt: skip

    def use() -> bytes:
        producer = Producer(options)
        producer.produce("t", b"value")
        assert producer.flush(10) == 0
        consumer = Consumer({**options, "group.id": "g"})
        consumer.assign([CTopicPartition("t", 0, 0)])
        message = consumer.poll(10)
        consumer.close()
        assert message is not None
        value: bytes = message.value()
        return value

    assert await asyncio.to_thread(use) == b"value"

    def fail() -> None:
        Consumer({**options, "sasl.password": "another one", "group.id": "g"}).list_topics(timeout=2)

    with pytest.raises(KafkaException):
        await asyncio.to_thread(fail)


async def test_wrong_password_is_refused_and_logged_without_it(
    guarded: Broker, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    producer = AIOKafkaProducer(**_options(guarded, keys, "SCRAM-SHA-512", password="guessed wrong"))
    with pytest.raises(KafkaError):
        await producer.start()
    await producer.stop()
    assert any("login as 'alice' refused: wrong password or unknown user" in line for line in caplog.messages)
    assert not any("guessed" in line for line in caplog.messages)


async def test_client_without_tls_or_without_login_gets_nothing(guarded: Broker, keys: Keys) -> None:
    plain = await WireClient.connect(guarded.port)
    plain.send(3, 1, {"topics": None})
    assert await plain.closed_by_broker()
    context = ssl.create_default_context(cafile=str(keys.ca))
    for api_key, version, values in [(3, 1, {"topics": None}), (22, 0, {"transactional_id": None})]:
        reader, writer = await asyncio.open_connection("127.0.0.1", guarded.port, ssl=context)
        client = WireClient(reader, writer)
        assert (await client.call(18, 0)).error_code is ErrorCode.none
        client.send(api_key, version, values)
        assert await client.closed_by_broker()
        with suppress(ssl.SSLError):
            await client.close()


async def test_request_before_the_login_may_not_be_large(tmp_path: Path, users: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0, users=users))
    await broker.start()
    client = await WireClient.connect(broker.port)
    client.writer.write((70_000).to_bytes(4, "big") + b"\0\0")
    assert await client.closed_by_broker()
    await client.close()
    await broker.stop()


async def test_connection_that_does_not_log_in_is_closed(tmp_path: Path, users: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0, users=users, login_within_s=0.2, sweep_every_s=0.05))
    await broker.start()
    client = await WireClient.connect(broker.port)
    await client.call(18, 0)
    assert await client.closed_by_broker()
    await client.close()
    await broker.stop()


async def test_login_has_an_order_and_failures_end_the_connection(tmp_path: Path, users: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0, users=users))
    await broker.start()
    client = await WireClient.connect(broker.port)
    assert (await client.call(36, 1, auth_bytes=b"n,,n=alice,r=0123456789")).error_code is ErrorCode.illegal_sasl_state
    answer = await client.call(17, 1, mechanism="PLAIN")
    assert answer.error_code is ErrorCode.unsupported_sasl_mechanism
    assert set(answer.mechanisms) == {"SCRAM-SHA-256", "SCRAM-SHA-512"}
    assert (await client.call(17, 1, mechanism="SCRAM-SHA-256")).error_code is ErrorCode.none
    # An unknown name is challenged like a known one.
    first = await client.call(36, 1, auth_bytes=b"n,,n=nobody,r=0123456789")
    assert first.error_code is ErrorCode.none
    assert first.auth_bytes.startswith(b"r=0123456789")
    nonce = first.auth_bytes.split(b",")[0]
    refused = await client.call(36, 1, auth_bytes=b"c=biws," + nonce + b",p=" + b"A" * 43 + b"=")
    assert refused.error_code is ErrorCode.sasl_authentication_failed
    assert refused.error_message == "authentication failed"
    assert await client.closed_by_broker()
    await client.close()
    await broker.stop()


async def test_clients_are_told_the_advertised_address(tmp_path: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0, advertise=("shop.example", 9999)))
    await broker.start()
    client = await WireClient.connect(broker.port)
    [told] = (await client.call(3, 1, topics=None)).brokers
    coordinator = await client.call(10, 1, key="g", key_type=0)
    assert (told.host, told.port) == (coordinator.host, coordinator.port) == ("shop.example", 9999)
    await client.close()
    await broker.stop()


def test_scram_is_that_of_the_rfc() -> None:
    """Salt, iterations, keys and signature of the example in RFC 7677 section 3."""
    import base64

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    credential = derive("pencil", "sha256", salt, 4096)
    exchange = Exchange("SCRAM-SHA-256", lambda _: credential)
    exchange.first(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
    exchange._nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    exchange._challenge = f"r={exchange._nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    proof = b"c=biws,r=" + exchange._nonce.encode() + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert exchange.final(proof) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    with pytest.raises(LoginRefusedError):
        exchange.final(proof.replace(b"dHzb", b"dHzc"))


@pytest.mark.parametrize(
    "message",
    [b"", b"n,,", b"p=tls-unique,,n=a,r=0123456789", b"n,a=other,n=alice,r=0123456789", b"\xff", b"n,,n=a,r="],
)
def test_other_first_messages_are_refused(message: bytes) -> None:
    with pytest.raises(LoginRefusedError):
        Exchange("SCRAM-SHA-256", lambda _: derive("p", "sha256", b"s", 1)).first(message)


def test_users_are_kept_private_and_without_their_passwords(users: Path) -> None:
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    assert "pencil" not in users.read_text()
    listed = Users(users)
    listed.add("bob", PASSWORD)
    assert listed.names() == ["alice", "bob"]
    listed.remove("alice")
    assert listed.names() == ["bob"]
    with pytest.raises(BrokerError, match="no user 'alice'"):
        listed.remove("alice")
    with pytest.raises(BrokerError, match="at least 8"):
        listed.add("carl", "short")
    users.chmod(0o644)
    with pytest.raises(BrokerError, match="chmod 600"):
        listed.names()


def test_failed_logins_wait_longer_and_longer() -> None:
    penalties = Penalties()
    waits = [penalties.failed("10.0.0.9", 100.0 + number) for number in range(8)]
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    assert penalties.failed("10.0.0.8", 100.0) == 0.25
    penalties.succeeded("10.0.0.9")
    assert penalties.failed("10.0.0.9", 110.0) == 0.25


def test_off_loopback_both_tls_and_users_are_needed(tmp_path: Path) -> None:
    file = tmp_path / "x"
    for given in ({}, {"users": file}, {"tls_cert": file, "tls_key": file}):
        with pytest.raises(NotLoopbackError, match="noizylab broker user add"):
            check_reach(BrokerConfig(path=file, host="192.168.1.4", **given))  # type: ignore[arg-type]
    both = {"users": file, "tls_cert": file, "tls_key": file}
    check_reach(BrokerConfig(path=file, host="192.168.1.4", **both))
    with pytest.raises(BrokerError, match="--advertise"):
        check_reach(BrokerConfig(path=file, host="0.0.0.0", **both))
    check_reach(BrokerConfig(path=file, host="0.0.0.0", advertise=("shop.example", 1), **both))
    with pytest.raises(BrokerError, match="both --tls-cert and --tls-key"):
        check_reach(BrokerConfig(path=file, tls_cert=file))
