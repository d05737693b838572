"""Failures of the embedded broker that a person or a client has to act on."""

from kio.schema.errors import ErrorCode


class BrokerError(Exception):
    """Base of everything the embedded broker refuses to do."""


class NotLoopbackError(BrokerError):
    """The configured address could be reached from another machine."""


class BrokerFileInUseError(BrokerError):
    """Another broker holds the file open."""


class StorageFailedError(BrokerError):
    """SQLite could not commit; nothing after the failed commit was acknowledged."""


class DiskFullError(StorageFailedError):
    """There was no room for a commit; nothing of it was stored, and later ones are tried again."""


class DamagedFileError(BrokerError):
    """The broker's file holds bytes that it did not write; the message names the command that repairs it."""


class DamagedBatchError(BrokerError):
    """A batch in the log is not what was acknowledged; it is never sent to a client."""


class MalformedRequestError(BrokerError):
    """The bytes of a connection are not a Kafka request; the connection has to be closed."""


class RequestRefusedError(BrokerError):
    """A well-formed request, or a part of it, that is answered with a Kafka error code."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
