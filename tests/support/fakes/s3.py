"""An S3 server in this process, for the wire: SigV4, conditional puts, listing, errors. State is one dict."""

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.fakes.httpd import QuietHandler, served

ACCESS_KEY = "shop"
SECRET_KEY = "shop-secret"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), ?SignedHeaders=(?P<names>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass
class StoredObject:
    data: bytes
    headers: dict[str, str]


@dataclass
class S3Fake:
    """What the server holds. ``failures`` are answered, one a request, before anything else: (status, code)."""

    endpoint: str = ""
    buckets: dict[str, dict[str, StoredObject]] = field(default_factory=dict)
    failures: list[tuple[int, str]] = field(default_factory=list)
    page_size: int = 1000
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def s3_server() -> Iterator[S3Fake]:
    """Serve a fresh S3 on loopback."""
    fake = S3Fake()

    class Handler(_Handler):
        state = fake

    with served(Handler) as address:
        fake.endpoint = address
        yield fake


class _Handler(QuietHandler):
    state: S3Fake

    def do_GET(self) -> None:  # noqa: N802
        self._serve()

    def do_HEAD(self) -> None:  # noqa: N802
        self._serve()

    def do_PUT(self) -> None:  # noqa: N802
        self._serve()

    def do_DELETE(self) -> None:  # noqa: N802
        self._serve()

    def _serve(self) -> None:
        body = self.body()
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        with self.state.lock:
            self.state.requests.append(f"{self.command} {self.path}")
            problem = self._scripted() or self._unsigned(body)
            if problem:
                self._fail(*problem)
            elif key:
                self._object(bucket, key, body)
            else:
                self._bucket(bucket, query)

    def _scripted(self) -> tuple[int, str] | None:
        return self.state.failures.pop(0) if self.state.failures else None

    def _unsigned(self, body: bytes) -> tuple[int, str] | None:
        found = _AUTHORIZATION.fullmatch(self.headers.get("Authorization", ""))
        if not found:
            return 403, "AccessDenied"
        if found["key"] != ACCESS_KEY:
            return 403, "InvalidAccessKeyId"
        if self.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            return 400, "XAmzContentSHA256Mismatch"
        if not hmac.compare_digest(found["signature"], self._signature(found["scope"], found["names"])):
            return 403, "SignatureDoesNotMatch"
        return None

    def _signature(self, scope: str, names: str) -> str:
        """AWS Signature Version 4: canonical request, string to sign, derived key."""
        path, _, query = self.path.partition("?")
        canonical = "\n".join(
            [
                self.command,
                path,
                "&".join(sorted(part if "=" in part else part + "=" for part in query.split("&") if part)),
                *(f"{name}:{' '.join(self.headers[name].split())}" for name in names.split(";")),
                "",
                names,
                self.headers["x-amz-content-sha256"],
            ]
        )
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashed])
        key = b"AWS4" + SECRET_KEY.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()

    def _bucket(self, bucket: str, query: dict[str, str]) -> None:
        buckets = self.state.buckets
        if self.command == "PUT":
            if bucket in buckets:
                self._fail(409, "BucketAlreadyOwnedByYou")
            else:
                buckets[bucket] = {}
                self._answer(200)
        elif bucket not in buckets:
            self._fail(404, "NoSuchBucket")
        elif self.command == "GET" and query.get("list-type") == "2":
            self._list(bucket, query)
        else:
            self._answer(200)

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        objects = self.state.buckets[bucket]
        after = query.get("continuation-token", "")
        names = sorted(
            (name for name in objects if name.startswith(query.get("prefix", "")) and name > after),
            key=lambda name: name.encode(),
        )
        page = names[: self.state.page_size]
        more = len(names) > len(page)
        contents = "".join(
            f"<Contents><Key>{escape(quote(name))}</Key><Size>{len(objects[name].data)}</Size>"
            f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag></Contents>"
            for name in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self._xml(
            200,
            f'<ListBucketResult xmlns="{_NAMESPACE}"><Name>{bucket}</Name><EncodingType>url</EncodingType>'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>",
        )

    def _object(self, bucket: str, key: str, body: bytes) -> None:
        objects = self.state.buckets.get(bucket)
        if objects is None:
            self._fail(404, "NoSuchBucket")
        elif self.command == "PUT":
            self._put(objects, key, body)
        elif self.command == "DELETE":
            objects.pop(key, None)
            self._answer(204)
        elif key not in objects:
            self._fail(404, "NoSuchKey")
        else:
            self._answer(200, objects[key].data, objects[key].headers)

    def _put(self, objects: dict[str, StoredObject], key: str, body: bytes) -> None:
        if self.headers.get("If-None-Match") == "*" and key in objects:
            self._fail(412, "PreconditionFailed")
            return
        kept = {name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}
        kept["Content-Type"] = self.headers.get("Content-Type", "application/octet-stream")
        objects[key] = StoredObject(body, kept)
        self._answer(200)

    def _fail(self, status: int, code: str) -> None:
        self._xml(status, f"<Error><Code>{code}</Code><Message>{code}</Message><Resource>/</Resource></Error>")

    def _xml(self, status: int, text: str) -> None:
        self._answer(status, f'<?xml version="1.0"?>{text}'.encode(), {"Content-Type": "application/xml"})

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        tags = {"ETag": f'"{hashlib.md5(body).hexdigest()}"', "Last-Modified": formatdate(usegmt=True)}
        self.answer(status, body, (headers or {}) | tags)
