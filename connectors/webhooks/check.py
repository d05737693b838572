"""What the verifiers have in common: comparing in constant time, ages, and safe words out of signed bodies. Pure."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.webhooks.port import Unverified

TOLERANCE = timedelta(seconds=300)
"""How far a signed time may be from ours, either way: what Stripe and Slack ask for."""
_DELIVERY_ID = re.compile(r"[\x21-\x7e]{1,200}")
_HOOK_TYPE = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


def matching(secrets: Sequence[str], sign: Callable[[bytes], str], given: Iterable[str]) -> str:
    """Return which of ``secrets`` made one of the signatures ``given``: its place, counted from 1.

    All are compared, each in constant time, so that the time taken says nothing.

    Raises:
        Unverified: none did.
    """
    offered = [one.encode("utf-8", "replace") for one in given]
    found = ""
    for place, secret in enumerate(secrets, start=1):
        expected = sign(secret.encode()).encode()
        for one in offered:
            if hmac.compare_digest(expected, one) and not found:
                found = str(place)
    if not found:
        raise Unverified("signature_wrong" if offered else "signature_missing")
    return found


def check_age(timestamp: str, now: datetime, tolerance: timedelta = TOLERANCE) -> None:
    """Refuse a signed time that is too far from ``now``. ``timestamp``: seconds since 1970, in decimal digits.

    Raises:
        Unverified: it is none, too old, or in the future.
    """
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise Unverified("timestamp_malformed")
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        raise Unverified("timestamp_out_of_tolerance")


def timestamped(header: str, body: bytes, secrets: Sequence[str], now: datetime) -> tuple[str, str]:
    """Check a header ``t=<seconds>,v1=<hex>[,v1=<hex>]`` over ``<t>.<body>`` by HMAC-SHA-256.

    Returns the place of the secret and the time as it was written. Several ``v1`` come while a secret is changed.

    Raises:
        Unverified: see :func:`matching` and :func:`check_age`.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1:
        raise Unverified("signature_missing" if not header else "signature_malformed")
    [timestamp] = times
    signed = timestamp.encode() + b"." + body
    given = [value for name, _, value in parts if name == "v1"]
    place = matching(secrets, lambda secret: hmac.new(secret, signed, hashlib.sha256).hexdigest(), given)
    check_age(timestamp, now)
    return place, timestamp


def json_object(body: bytes) -> dict[str, Any]:
    """Return a JSON object, or an empty one when the body is something else."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def part(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object inside an object, empty when there is none."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def delivery_id(found: object, signed: bytes) -> str:
    """Return the provider's own id where it is one that fits in a line, else the hash of what was signed."""
    if isinstance(found, str) and _DELIVERY_ID.fullmatch(found):
        return found
    return hashlib.sha256(signed).hexdigest()


def hook_type(*found: object) -> str:
    """Return the first that is a plain word; ``unknown`` when none is. What it holds goes into the log."""
    for one in found:
        if isinstance(one, str) and _HOOK_TYPE.fullmatch(one):
            return one
    return "unknown"
