"""Makes what one run made up look like what every run would: ids, keys and tokens are numbered in order of appearance.

So two runs of the generator write the same file, and no example holds a key that ever was one.
"""

import json
import re
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid5

from schemas.core.envelope import NAMESPACE


def _digest(kind: str, number: int, length: int) -> str:
    return sha256(f"example/{kind}/{number}".encode()).hexdigest()[:length]


_KINDS: tuple[tuple[str, str, Callable[[int], str]], ...] = (
    # A key, a token of three parts, a base32 secret and a recovery code say what they are; they cannot be used.
    ("key", r"nzl_[a-z]+_[0-9A-Za-z]{8}_[0-9A-Za-z_-]{43}", lambda n: f"nzl_test_Example{n % 10}_" + "x" * 43),
    ("secret", r"whsec_[0-9A-Za-z+/]+=*", lambda n: f"whsec_{'example' * 6}A="),
    ("jwt", r"eyJ[\w-]+\.[\w-]+\.[\w-]+", lambda n: f"eyJhbGciOiJFZERTQSJ9.example{n}.signature"),
    ("uuid", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
     lambda n: str(uuid5(NAMESPACE, f"example/{n}"))),
    ("caller", r"(?<=api_key:)[0-9A-Za-z]{8}\b", lambda n: f"Example{n}"),
    ("number", r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]\b", lambda n: f"7K3F-9QX{n}-4"),
    ("sha256", r"\b[0-9a-f]{64}\b", lambda n: _digest("sha256", n, 64)),
    ("record", r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", lambda n: _digest("record", n, 32)),
)  # fmt: skip
_TOKENS = ("token", "refresh_token", "cursor", "ticket")
"""Fields whose value is a token, whatever it looks like."""
_BY_FIELD: dict[str, Any] = {
    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "uri": "otpauth://totp/NoizyLab:ada%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=NoizyLab",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "example-key",
    "size_bytes": 81_234,
}
_LINKS = re.compile(r"(https://shop\.example/(?:[aip]|blobs)/)[\w.~-]+")
_SHARD = re.compile(r"(?<=sha256/)[0-9a-f]{2}(?=/)")
_KEY_ID = re.compile(r"[0-9A-Za-z]{8}")
_TOTP_CODE = re.compile(r"[0-9]{6}")
_EVENT_ID = re.compile(r"(?m)^id: .*$")


class Tidy:
    """Remembers what it has numbered, so that the same id is the same everywhere."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def of(self, value: Any) -> Any:
        """Return JSON data, or a text, with everything made up replaced."""
        if isinstance(value, str):
            return self._text(value)
        tidy = json.loads(self._text(json.dumps(value, ensure_ascii=False)))
        return self._fields(tidy)

    def _text(self, text: str) -> str:
        for kind, pattern, made in _KINDS:
            text = re.sub(pattern, partial(self._named, kind, made), text)
        text = _SHARD.sub("00", text)
        text = _LINKS.sub(r"\1EXAMPLE.SIGNED.TOKEN", text)
        return _EVENT_ID.sub("id: tickets.events.v1/0/7", text)

    def _named(self, kind: str, made: Callable[[int], str], match: re.Match[str]) -> str:
        found = match[0]
        if found in self._seen.values():
            return found
        if found not in self._seen:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            self._seen[found] = made(number)
        return self._seen[found]

    def _fields(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._fields(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {name: self._field(name, one) for name, one in value.items()}

    def _field(self, name: str, value: Any) -> Any:
        if name in _TOKENS and isinstance(value, str) and not value.startswith(("T-", "/")):
            return f"EXAMPLE.{name.upper()}"
        if name in ("id", "key_id") and _KEY_ID.fullmatch(str(value)):
            return "Example1"
        if name == "code" and _TOTP_CODE.fullmatch(str(value)):
            return "492039"
        if name == "recovery_codes":
            return [f"{number}example" for number, _ in enumerate(value)]
        if name in _BY_FIELD and value is not None and not str(value).startswith("whsec_"):
            return _BY_FIELD[name]
        return self._fields(value)
