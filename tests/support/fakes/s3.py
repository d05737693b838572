"""An S3 server in this process, for the wire: SigV4 in headers and in addresses, conditional puts, ranges, copies,
uploads in parts, locks, listing, errors. State is one dict.
"""

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
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
    stored_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    retain_until: datetime | None = None

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass
class Upload:
    bucket: str
    key: str
    headers: dict[str, str]
    begun_at: datetime
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class S3Fake:
    """What the server holds. ``failures`` are answered, one a request, before anything else: (status, code).

    ``part_failures``: as many parts of uploads are refused.
    """

    endpoint: str = ""
    buckets: dict[str, dict[str, StoredObject]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    locking: set[str] = field(default_factory=set)
    failures: list[tuple[int, str]] = field(default_factory=list)
    part_failures: int = 0
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

    def do_POST(self) -> None:  # noqa: N802
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
            problem = self._scripted() or (
                self._misaddressed(query) if query.get("X-Amz-Signature") else self._unsigned(body)
            )
            if problem:
                self._fail(*problem)
            elif key and {"uploads", "uploadId"} & query.keys():
                self._upload(bucket, key, query, body)
            elif key and "retention" in query:
                self._retain(bucket, key, body)
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
        expected = self._signature(
            found["scope"], found["names"], self.headers["x-amz-content-sha256"], self.headers["x-amz-date"]
        )
        if not hmac.compare_digest(found["signature"], expected):
            return 403, "SignatureDoesNotMatch"
        return None

    def _misaddressed(self, query: dict[str, str]) -> tuple[int, str] | None:
        """Check an address that was signed: it names its own moment and how long it is good for."""
        key, _, scope = query["X-Amz-Credential"].partition("/")
        expected = self._signature(scope, query["X-Amz-SignedHeaders"], "UNSIGNED-PAYLOAD", query["X-Amz-Date"])
        if key != ACCESS_KEY or not hmac.compare_digest(query["X-Amz-Signature"], expected):
            return 403, "SignatureDoesNotMatch"
        signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if datetime.now(UTC) > signed_at + timedelta(seconds=int(query["X-Amz-Expires"])):
            return 403, "AccessDenied"
        return None

    def _signature(self, scope: str, names: str, content: str, moment: str) -> str:
        """AWS Signature Version 4: canonical request, string to sign, derived key."""
        path, _, query = self.path.partition("?")
        signed = [part for part in query.split("&") if part and not part.startswith("X-Amz-Signature=")]
        canonical = "\n".join(
            [
                self.command,
                path,
                "&".join(sorted(part if "=" in part else part + "=" for part in signed)),
                *(f"{name}:{' '.join(self.headers[name].split())}" for name in names.split(";")),
                "",
                names,
                content,
            ]
        )
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashed])
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
                if self.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
                    self.state.locking.add(bucket)
                self._answer(200)
        elif bucket not in buckets:
            self._fail(404, "NoSuchBucket")
        elif self.command == "GET" and query.get("list-type") == "2":
            self._list(bucket, query)
        elif self.command == "GET" and "uploads" in query:
            self._list_uploads(bucket)
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
            self._delete(objects, key)
        elif key not in objects:
            self._fail(404, "NoSuchKey")
        else:
            self._get(objects[key])

    def _put(self, objects: dict[str, StoredObject], key: str, body: bytes) -> None:
        if self.headers.get("If-None-Match") == "*" and key in objects:
            self._fail(412, "PreconditionFailed")
            return
        expected = self.headers.get("If-Match")
        if expected is not None and (key not in objects or objects[key].etag != expected):
            self._fail(412, "PreconditionFailed")
        elif self.headers.get("x-amz-copy-source"):
            self._copy(objects, key)
        else:
            objects[key] = StoredObject(body, self._described())
            self._answer(200)

    def _described(self) -> dict[str, str]:
        kept = {name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}
        return kept | {"Content-Type": self.headers.get("Content-Type", "application/octet-stream")}

    def _copy(self, objects: dict[str, StoredObject], key: str) -> None:
        bucket, _, name = unquote(self.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        source = self.state.buckets.get(bucket, {}).get(name)
        if source is None:
            self._fail(404, "NoSuchKey")
            return
        objects[key] = StoredObject(source.data, source.headers)
        self._xml(200, f"<CopyObjectResult><ETag>{source.etag}</ETag><LastModified>2026-01-01T00:00:00.000Z"
                       "</LastModified></CopyObjectResult>")  # fmt: skip

    def _delete(self, objects: dict[str, StoredObject], key: str) -> None:
        found = objects.get(key)
        if found is not None and found.retain_until is not None and found.retain_until > datetime.now(UTC):
            self._fail(403, "AccessDenied")
            return
        objects.pop(key, None)
        self._answer(204)

    def _get(self, found: StoredObject) -> None:
        headers = {**found.headers, "ETag": found.etag, "Last-Modified": format_datetime(found.stored_at, usegmt=True)}
        if found.retain_until is not None:
            headers["x-amz-object-lock-retain-until-date"] = found.retain_until.strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            self._answer(200, found.data, headers)
            return
        start, end = int(wanted[1]), int(wanted[2] or len(found.data) - 1) + 1
        if start >= len(found.data):
            self._fail(416, "InvalidRange")
        else:
            part = found.data[start:end]
            headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(found.data)}"
            self._answer(206, part, headers)

    def _retain(self, bucket: str, key: str, body: bytes) -> None:
        if bucket not in self.state.locking:
            self._fail(400, "InvalidRequest")
            return
        found = re.search(rb"<RetainUntilDate>([^<]+)</RetainUntilDate>", body)
        assert found
        self.state.buckets[bucket][key].retain_until = datetime.fromisoformat(found[1].decode())
        self._answer(200)

    def _upload(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> None:
        uploads = self.state.uploads
        if bucket not in self.state.buckets:
            self._fail(404, "NoSuchBucket")
        elif "uploads" in query:
            name = f"upload-{len(uploads)}"
            uploads[name] = Upload(bucket, key, self._described(), datetime.now(UTC))
            answer = "InitiateMultipartUploadResult"
            self._xml(200, f"<{answer}><UploadId>{name}</UploadId></{answer}>")
        elif query["uploadId"] not in uploads:
            self._fail(404, "NoSuchUpload")
        elif self.command == "DELETE":
            del uploads[query["uploadId"]]
            self._answer(204)
        elif self.command == "PUT" and self.state.part_failures:
            self.state.part_failures -= 1
            self._fail(400, "EntityTooLarge")
        elif self.command == "PUT":
            uploads[query["uploadId"]].parts[int(query["partNumber"])] = body
            self._answer(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        else:
            done = uploads.pop(query["uploadId"])
            data = b"".join(part for _, part in sorted(done.parts.items()))
            self.state.buckets[bucket][key] = StoredObject(data, done.headers)
            self._xml(200, f"<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{escape(key)}</Key>"
                           "<ETag>x</ETag></CompleteMultipartUploadResult>")  # fmt: skip

    def _list_uploads(self, bucket: str) -> None:
        listed = "".join(
            f"<Upload><Key>{escape(quote(one.key))}</Key><UploadId>{name}</UploadId>"
            f"<Initiated>{one.begun_at:%Y-%m-%dT%H:%M:%S.000Z}</Initiated></Upload>"
            for name, one in self.state.uploads.items()
            if one.bucket == bucket
        )
        self._xml(200, f'<ListMultipartUploadsResult xmlns="{_NAMESPACE}"><Bucket>{bucket}</Bucket>'
                       f"<EncodingType>url</EncodingType>{listed}</ListMultipartUploadsResult>")  # fmt: skip

    def _fail(self, status: int, code: str) -> None:
        self._xml(status, f"<Error><Code>{code}</Code><Message>{code}</Message><Resource>/</Resource></Error>")

    def _xml(self, status: int, text: str) -> None:
        self._answer(status, f'<?xml version="1.0"?>{text}'.encode(), {"Content-Type": "application/xml"})

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.answer(status, body, {"ETag": '"x"'} | (headers or {}))
