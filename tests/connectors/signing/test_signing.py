"""A call as it is signed and as it is verified, over httpx, and everything that may be changed on the way."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connectors.clock.clock import SettableClock
from connectors.errors import Misconfigured
from connectors.signing.canonical import SCHEME, Call, read_header
from connectors.signing.client import Signed
from connectors.signing.services import Grant, Service, ServiceFiles
from connectors.signing.verify import CallRefused, CallVerifier

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEYS = {"portal": b"portal's own key", "tickets": b"another"}
URL = "http://edge/v1/tickets/T-0001?include=quote&b=2&a=1%202"


def sent(method: str = "POST", url: str = URL, body: bytes = b'{"a":1}', key_id: str = "portal") -> httpx.Request:
    request = httpx.Request(method, url, content=body)
    return next(Signed(key_id, KEYS.get(key_id, b"guess"), SettableClock(NOW)).auth_flow(request))


def call_of(request: httpx.Request) -> Call:
    path, _, query = request.url.raw_path.partition(b"?")
    return Call(request.method, path, query)


def verified(verifier: CallVerifier, call: Call, header: str, now: datetime = NOW) -> str:
    try:
        return verifier.verify(call, header, now).key_id
    except CallRefused as error:
        return error.reason


def test_a_signed_call_is_its_services() -> None:
    request = sent()
    said = CallVerifier(KEYS.get).verify(call_of(request), request.headers["Authorization"], NOW)
    assert (said.key_id, said.body) == ("portal", hashlib.sha256(b'{"a":1}').hexdigest())


def test_signs_exactly_the_lines_that_are_written_down() -> None:
    said = read_header(sent().headers["Authorization"])
    assert said is not None
    digest = hashlib.sha256(b'{"a":1}').hexdigest()
    lines = [
        SCHEME,
        "POST",
        "/v1/tickets/T-0001",
        "include=quote&b=2&a=1%202",
        digest,
        str(said.time),
        said.nonce,
        "portal",
    ]
    assert said.signature == hmac.new(KEYS["portal"], "\n".join(lines).encode(), "sha256").hexdigest()


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"url": URL.replace("T-0001", "T-0002")},
        {"url": URL.replace("include=quote&b=2", "b=2&include=quote")},
        {"url": URL.replace("%20", "+")},
        {"url": URL + "&c=3"},
        {"url": URL.partition("?")[0]},
    ],
)
def test_whatever_is_changed_on_the_way_shows(changed: dict[str, str]) -> None:
    header = sent().headers["Authorization"]
    other = call_of(sent(**changed))  # type: ignore[arg-type]  # no body among them
    assert verified(CallVerifier(KEYS.get), other, header) == "signature_wrong"


def test_a_line_cannot_be_moved_into_its_neighbour() -> None:
    header = sent().headers["Authorization"]
    call = call_of(sent())
    moved = Call(call.method, call.path + b"\n" + call.query, b"")
    assert verified(CallVerifier(KEYS.get), moved, header) == "signature_wrong"


@pytest.mark.parametrize("part", ["time", "nonce", "body"])
def test_what_the_header_names_is_signed_as_well(part: str) -> None:
    request, other = sent(), sent(body=b"another")
    header, later = request.headers["Authorization"], SettableClock(NOW + timedelta(seconds=1))
    if part == "time":
        other = next(Signed("portal", KEYS["portal"], later).auth_flow(httpx.Request("POST", URL)))
    taken = re.search(f'{part}="[^"]+"', other.headers["Authorization"])
    assert taken is not None
    changed = re.sub(f'{part}="[^"]+"', taken[0], header)
    assert changed != header
    assert verified(CallVerifier(KEYS.get), call_of(request), changed) == "signature_wrong"


def test_two_calls_alike_have_each_a_nonce_of_their_own() -> None:
    assert sent().headers["Authorization"] != sent().headers["Authorization"]


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_time_too_far_away_is_refused_and_one_at_the_edge_taken(seconds: int) -> None:
    request = sent()
    header, call = request.headers["Authorization"], call_of(request)
    late = NOW + timedelta(seconds=seconds)
    assert verified(CallVerifier(KEYS.get), call, header, late) == "time_out_of_tolerance"
    edge = NOW + timedelta(seconds=300 if seconds > 0 else -300)
    assert verified(CallVerifier(KEYS.get), call, header, edge) == "portal"


def test_a_stranger_and_a_wrong_key_are_refused() -> None:
    verifier = CallVerifier(KEYS.get)
    stranger = sent(key_id="nobody")
    assert verified(verifier, call_of(stranger), stranger.headers["Authorization"]) == "key_unknown"
    header = sent().headers["Authorization"].replace('key="portal"', 'key="tickets"')
    assert verified(verifier, call_of(sent()), header) == "signature_wrong"


def test_a_header_that_is_cut_or_written_otherwise_is_refused() -> None:
    header, call = sent().headers["Authorization"], call_of(sent())
    odd = [header[:cut] for cut in range(len(header))]
    odd += [header + " ", header.upper(), header.replace(", ", ","), header.replace("portal", "../x"), "Bearer x"]
    assert {verified(CallVerifier(KEYS.get), call, one) for one in odd} == {"malformed"}


def test_services_are_files_and_no_other_file_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "services"
    folder.mkdir()
    (tmp_path / "secret").write_text("not for this")
    (folder / "portal").write_text("a key\n")
    (folder / "empty").write_text("\n")
    services = ServiceFiles(folder)
    assert services.get("portal") == Service("portal", b"a key", Grant())
    assert Grant().scopes == frozenset()
    odd = ("../secret", "nobody", "empty", "", "/etc/passwd", "Portal", "portal.json", "portal\n")
    assert [services.get(one) for one in odd] == [None] * len(odd)
    (folder / "portal").unlink()
    assert services.get("portal") is None


def test_a_service_is_made_given_more_listed_and_revoked(tmp_path: Path) -> None:
    services = ServiceFiles(tmp_path / "secrets" / "services")
    assert list(services.list()) == []
    first = services.create("portal", Grant(scopes=frozenset({"tickets:read"})))
    again = services.create("portal", Grant(workspace_id="hafen"))
    assert again == Service("portal", first.key, Grant(workspace_id="hafen"))
    assert len(first.key) >= 32
    services.create("chat", Grant())
    assert [one.id for one in services.list()] == ["chat", "portal"]
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "secrets").rglob("*")}
    assert modes == {0}, "only the owner may read them"
    assert services.revoke("portal")
    assert not services.revoke("portal")
    assert services.get("portal") is None
    assert [path.name for path in sorted((tmp_path / "secrets" / "services").iterdir())] == ["chat", "chat.json"]


@pytest.mark.parametrize("name", ["../portal", "Portal", "portal.json", "", "a" * 32])
def test_a_name_that_would_lead_elsewhere_is_no_services(tmp_path: Path, name: str) -> None:
    services = ServiceFiles(tmp_path / "services")
    with pytest.raises(Misconfigured, match="cannot be named"):
        services.create(name, Grant())
    assert not services.revoke(name)
    assert list(tmp_path.rglob("*")) == []


def test_a_grant_that_cannot_be_read_is_not_guessed(tmp_path: Path) -> None:
    services = ServiceFiles(tmp_path)
    services.create("portal", Grant(scopes=frozenset({"admin"})))
    (tmp_path / "portal.json").write_text('{"scope": ["admin"]}')
    with pytest.raises(Misconfigured, match=r"portal\.json: scope"):
        services.get("portal")
