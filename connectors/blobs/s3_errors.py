"""What an S3 server or the way to it can say, in the port's kinds of errors."""

from connectors.blobs.port import InvalidBlobName
from connectors.errors import ConnectorError, Misconfigured, Permanent, Transient

_KEYS_ARE_PATHS = frozenset({"ExistingObjectIsDirectory", "ObjectParentIsFile"})
"""How a server over a file system says that a key cannot also be the folder of others (Versity S3 Gateway 1.8)."""
_SETTINGS = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",
        "BucketAlreadyExists",
        "InvalidAccessKeyId",
        "InvalidRegion",
        "MethodNotAllowed",
        "NotImplemented",
        "PermanentRedirect",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)


def translated(error: Exception, endpoint: str) -> ConnectorError:
    """Return what an error of minio-py or urllib3 means, with the endpoint in it."""
    from minio.error import InvalidResponseError, S3Error, ServerError
    from urllib3.exceptions import LocationParseError, SSLError

    where = f"S3 at {endpoint}"
    reason = getattr(error, "reason", None)
    if isinstance(error, S3Error):
        code = error.code or ""
        if code in _SETTINGS:
            return Misconfigured(f"{where}: {code}: {error.message}; check key, secret, region and policy")
        if code in _KEYS_ARE_PATHS:
            return InvalidBlobName(
                f"{where}: {code}: a key cannot be the folder of other keys here; choose another key"
            )
        if error.response.status >= 500 or code in {"SlowDown", "RequestTimeout", "OperationAborted"}:
            return Transient(f"{where}: {code}: {error.message}")
        return Permanent(f"{where}: {code}: {error.message}")
    if isinstance(error, SSLError) or isinstance(reason, SSLError):
        return Misconfigured(f"{where}: TLS failed: {error}; check that it speaks TLS, and its certificate")
    if isinstance(error, LocationParseError):
        return Misconfigured(f"{where}: not an address: {error}; give host:port")
    if isinstance(error, ServerError) and error.status_code < 500:
        return Permanent(f"{where}: {error}")
    if isinstance(error, InvalidResponseError):
        return Misconfigured(f"{where}: the answer is not S3: {error}; check the endpoint's address")
    return Transient(f"{where}: {error}")
