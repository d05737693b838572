"""eBay's token and public-key addresses, as its event notification SDK calls them."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import orjson

from tests.support.fakes.httpd import QuietHandler, served

CLIENT, SECRET = "shop-app", "app-secret"


@dataclass
class EbayFake:
    """``keys`` by id, as the API answers them. ``fails``: statuses to answer first, one a request."""

    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    fails: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    base_url: str = ""


@contextmanager
def ebay_server() -> Iterator[EbayFake]:
    fake = EbayFake()

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            form = parse_qs(self.body().decode())
            basic = "Basic " + b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            wanted = {"grant_type": ["client_credentials"], "scope": ["https://api.ebay.com/oauth/api_scope"]}
            if self.path != "/identity/v1/oauth2/token" or form != wanted:
                return self.answer(400, b'{"error":"invalid_request"}')
            if self.headers["Authorization"] != basic:
                return self.answer(401, b'{"error":"invalid_client"}')
            return self.answer(200, b'{"access_token":"v^1.1#i^1","expires_in":7200,"token_type":"Application"}')

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if fake.fails:
                return self.answer(fake.fails.pop(0), b"{}")
            if self.headers["Authorization"] != "Bearer v^1.1#i^1":
                return self.answer(401, b"{}")
            key_id = self.path.removeprefix("/commerce/notification/v1/public_key/")
            fake.asked.append(key_id)
            found = fake.keys.get(key_id)
            return self.answer(200, orjson.dumps(found)) if found else self.answer(404, b'{"errors":[]}')

    with served(Handler) as address:
        fake.base_url = f"http://{address}"
        yield fake
