"""Posting to an endpoint over real sockets."""

import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.callbacks.https import ANSWER_MAX_BYTES, HttpsCallbacks, resolve
from connectors.callbacks.port import Answer
from tests.support.fakes.endpoint import Endpoint, endpoint

NAME = "hooks.partner.example"


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as made:
        yield made


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for one name alone, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path


async def at_home(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def test_posts_what_it_is_given_and_returns_the_status(server: Endpoint) -> None:
    server.answers = [202]
    headers = {"Content-Type": "application/json", "webhook-id": "D-1"}
    answer = await HttpsCallbacks(local=True).post(f"http://127.0.0.1:{server.port}/in?k=1", b'{"a":1}', headers)
    assert answer == Answer(status=202)
    [(path, got, body)] = server.got
    assert (path, body, got["webhook-id"]) == ("/in?k=1", b'{"a":1}', "D-1")
    assert got["host"] == f"127.0.0.1:{server.port}"


async def test_follows_no_redirect(server: Endpoint) -> None:
    server.answers, server.headers = [302], {"Location": f"http://127.0.0.1:{server.port}/inside"}
    assert await HttpsCallbacks(local=True).post(f"http://127.0.0.1:{server.port}/", b"", {}) == Answer(status=302)
    assert len(server.got) == 1


async def test_takes_no_proxy_of_the_environment(server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert (await HttpsCallbacks(local=True).post(f"http://127.0.0.1:{server.port}/", b"", {})).status == 204


async def test_gives_up_a_slow_answer(server: Endpoint) -> None:
    server.gate.clear()
    answer = await HttpsCallbacks(local=True, timeout_s=0.2).post(f"http://127.0.0.1:{server.port}/", b"", {})
    assert answer == Answer(error="timeout")


async def test_reads_no_more_of_an_answer_than_it_needs(server: Endpoint) -> None:
    server.answers, server.body = [200], b"x" * (ANSWER_MAX_BYTES * 100)
    answer = await HttpsCallbacks(local=True).post(f"http://127.0.0.1:{server.port}/", b"", {})
    assert answer == Answer(status=200)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://no-such-host.invalid/"])
async def test_says_that_nobody_is_there(url: str) -> None:
    assert await HttpsCallbacks(local=True).post(url, b"", {}) == Answer(error="unreachable")


async def test_never_reaches_our_own_network_whatever_the_name_says(server: Endpoint) -> None:
    async def mixed(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.7"]

    for lookup in (at_home, mixed):
        answer = await HttpsCallbacks(lookup=lookup).post(f"https://{NAME}:{server.port}/", b"", {})
        assert answer == Answer(error="address_refused")
    answer = await HttpsCallbacks().post(f"https://127.0.0.1:{server.port}/", b"", {})
    assert answer == Answer(error="url_refused")
    assert server.got == []


async def test_a_name_server_that_changes_its_mind_gains_nothing(server: Endpoint) -> None:
    asked = []

    async def flips(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    answer = await HttpsCallbacks(local=True, lookup=flips).post(f"http://{NAME}:{server.port}/", b"", {})
    assert answer == Answer(status=204)
    assert asked == [NAME]
    assert server.got[0][1]["host"] == f"{NAME}:{server.port}"


async def test_the_certificate_must_be_that_of_the_name_and_not_of_the_number(certificate: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    trust = ssl.create_default_context(cafile=str(certificate))
    with endpoint(served) as made:
        good = HttpsCallbacks(local=True, lookup=at_home, trust=trust)
        assert (await good.post(f"https://{NAME}:{made.port}/", b"", {})).status == 204
        for url in (f"https://other.example:{made.port}/", f"https://127.0.0.1:{made.port}/"):
            assert await good.post(url, b"", {}) == Answer(error="unreachable")
        stranger = HttpsCallbacks(local=True, lookup=at_home)
        assert await stranger.post(f"https://{NAME}:{made.port}/", b"", {}) == Answer(error="unreachable")
        assert len(made.got) == 1


async def test_looks_up_numbers_as_they_are() -> None:
    assert await resolve("127.0.0.1", 80) == ["127.0.0.1"]
