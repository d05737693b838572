"""A call as it is signed and as it is verified, over httpx, and everything that may be changed on the way."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connectors.clock.clock import SettableClock
from connectors.signing.canonical import SCHEME, Call, read_header
from connectors.signing.client import Signed
from connectors.signing.keys import KeyFiles
from connectors.signing.verify import CallRefused, CallVerifier

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEYS = {"portal": b"portal's own key", "tickets": b"another"}
URL = "http://edge/v1/tickets/T-0001?include=quote&b=2&a=1%202"


def sent(method: str = "POST", url: str = URL, body: bytes = b'{"a":1}', key_id: str = "portal") -> httpx.Request:
    request = httpx.Request(method, url, content=body)
    return next(Signed(key_id, KEYS.get(key_id, b"guess"), SettableClock(NOW)).auth_flow(request))


def call_of(request: httpx.Request) -> Call:
    path, _, query = request.url.raw_path.partition(b"?")
    return Call(request.method, path, query, request.content)


def verified(verifier: CallVerifier, call: Call, header: str, now: datetime = NOW) -> str:
    try:
        return verifier.verify(call, header, now)
    except CallRefused as error:
        return error.reason


def test_a_signed_call_is_its_services() -> None:
    request = sent()
    assert CallVerifier(KEYS.get).verify(call_of(request), request.headers["Authorization"], NOW) == "portal"


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
        {"body": b'{"a":2}'},
        {"body": b""},
    ],
)
def test_whatever_is_changed_on_the_way_shows(changed: dict[str, str]) -> None:
    header = sent().headers["Authorization"]
    other = call_of(sent(**changed))  # type: ignore[arg-type]  # a body is bytes
    assert verified(CallVerifier(KEYS.get), other, header) == "signature_wrong"


def test_a_line_cannot_be_moved_into_its_neighbour() -> None:
    header = sent().headers["Authorization"]
    call = call_of(sent())
    moved = Call(call.method, call.path + b"\n" + call.query, b"", call.body)
    assert verified(CallVerifier(KEYS.get), moved, header) == "signature_wrong"


def test_a_call_counts_once() -> None:
    verifier, request = CallVerifier(KEYS.get), sent()
    header = request.headers["Authorization"]
    assert verified(verifier, call_of(request), header) == "portal"
    assert verified(verifier, call_of(request), header) == "nonce_repeated"
    almost = NOW + timedelta(seconds=300)
    assert verified(verifier, call_of(request), header, almost) == "nonce_repeated"
    assert sent().headers["Authorization"] != header


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_time_too_far_away_is_refused_and_one_at_the_edge_taken(seconds: int) -> None:
    request = sent()
    header, call = request.headers["Authorization"], call_of(request)
    late = NOW + timedelta(seconds=seconds)
    assert verified(CallVerifier(KEYS.get), call, header, late) == "time_out_of_tolerance"
    edge = NOW + timedelta(seconds=300 if seconds > 0 else -300)
    assert verified(CallVerifier(KEYS.get), call, header, edge) == "portal"


def test_a_nonce_is_remembered_while_its_time_is_good_and_no_more_than_there_is_room_for() -> None:
    verifier = CallVerifier(KEYS.get, most_nonces=2)
    for expected in ("portal", "portal", "too_many_calls"):
        request = sent()
        assert verified(verifier, call_of(request), request.headers["Authorization"]) == expected
    later = NOW + timedelta(seconds=601)
    fresh = next(Signed("portal", KEYS["portal"], SettableClock(later)).auth_flow(httpx.Request("GET", URL)))
    assert verified(verifier, call_of(fresh), fresh.headers["Authorization"], later) == "portal"


def test_a_stranger_and_a_wrong_key_are_refused_and_leave_no_trace() -> None:
    verifier = CallVerifier(KEYS.get, most_nonces=1)
    stranger = sent(key_id="nobody")
    assert verified(verifier, call_of(stranger), stranger.headers["Authorization"]) == "key_unknown"
    header = sent().headers["Authorization"].replace('key="portal"', 'key="tickets"')
    assert verified(verifier, call_of(sent()), header) == "signature_wrong"
    good = sent()
    assert verified(verifier, call_of(good), good.headers["Authorization"]) == "portal"


def test_a_header_that_is_cut_or_written_otherwise_is_refused() -> None:
    header, call = sent().headers["Authorization"], call_of(sent())
    odd = [header[:cut] for cut in range(len(header))]
    odd += [header + " ", header.upper(), header.replace(", ", ","), header.replace("portal", "../x"), "Bearer x"]
    assert {verified(CallVerifier(KEYS.get), call, one) for one in odd} == {"malformed"}


def test_keys_are_files_and_no_other_file_is_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "services"
    folder.mkdir()
    (tmp_path / "secret").write_text("not for this")
    (folder / "portal").write_text("a key\n")
    (folder / "empty").write_text("\n")
    keys = KeyFiles(folder)
    assert keys.get("portal") == b"a key"
    assert [keys.get(one) for one in ("../secret", "nobody", "empty", "", "/etc/passwd", "Portal")] == [None] * 6
    (folder / "portal").unlink()
    assert keys.get("portal") is None
