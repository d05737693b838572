"""Twilio's Messages API in this process. Forms are checked against the vendor's schema where samples are at hand."""

import json
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator

from tests.support.fakes.httpd import QuietHandler, served

ACCOUNT = "AC" + "0" * 32
TOKEN = "twilio-token"
_LONGEST_BODY = 1600


@dataclass
class TwilioFake:
    """Messages taken, and answers to give instead: (status, code), one a request."""

    base_url: str = ""
    messages: list[dict[str, str]] = field(default_factory=list)
    failures: list[tuple[int, int]] = field(default_factory=list)
    garbage: bool = False
    checked_against_schema: bool = False


@contextmanager
def twilio_server() -> Iterator[TwilioFake]:
    """Serve a fresh account on loopback."""
    fake, schema = TwilioFake(), _request_schema()
    fake.checked_against_schema = schema is not None

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802
            form = dict(parse_qsl(self.body().decode(), keep_blank_values=True))
            problem = self._problem(form)
            if fake.garbage:
                self.answer(201, b"<html>", {"Content-Type": "text/html"})
            elif problem:
                status, code = problem
                self._json(status, {"code": code, "message": f"refused {form.get('To')}", "status": status})
            else:
                fake.messages.append(form)
                self._json(201, _resource(form, len(fake.messages)))

        def _problem(self, form: dict[str, str]) -> tuple[int, int] | None:
            if fake.failures:
                return fake.failures.pop(0)
            kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
            if kind != "Basic" or b64decode(credentials).decode() != f"{ACCOUNT}:{TOKEN}":
                return 401, 20003
            if self.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
                return 404, 20404
            if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
                return 415, 20001
            if schema is not None and not schema.is_valid(form):
                return 400, 21600
            return _refusal(form)

        def _json(self, status: int, content: dict[str, Any]) -> None:
            self.answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    with served(Handler) as address:
        fake.base_url = f"http://{address}"
        yield fake


def _refusal(form: dict[str, str]) -> tuple[int, int] | None:
    """What the live service wants although its description leaves it open."""
    if not form.get("From") and not form.get("MessagingServiceSid"):
        return 400, 21603
    if not form.get("Body"):
        return 400, 21602
    if len(form["Body"]) > _LONGEST_BODY:
        return 400, 21617
    return None


def _resource(form: dict[str, str], number: int) -> dict[str, Any]:
    return {
        "sid": f"SM{number:032x}",
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": form["Body"],
        "to": form["To"],
        "from": form.get("From"),
        "messaging_service_sid": form.get("MessagingServiceSid"),
        "direction": "outbound-api",
        "status": "queued",
        "num_segments": "1",
        "num_media": "0",
        "date_created": "Mon, 02 Mar 2026 09:30:00 +0000",
        "date_sent": None,
        "date_updated": "Mon, 02 Mar 2026 09:30:00 +0000",
        "error_code": None,
        "error_message": None,
        "price": None,
        "price_unit": None,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/SM{number:032x}.json",
        "subresource_uris": {},
    }


def _request_schema() -> Draft202012Validator | None:
    samples = os.environ.get("NOIZYLAB_SAMPLES")
    path = Path(samples or "/nonexistent") / "api-slices" / "twilio" / "create_message.request.schema.json"
    return Draft202012Validator(json.loads(path.read_bytes())) if path.is_file() else None
