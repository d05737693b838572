"""What can go wrong outside, in three kinds. Adapters translate vendor errors into these at the port.

::

    ConnectorError
    ├── Transient       weather: the same call may go through later; the stage retries, then stops the worker
    ├── Permanent       this call can never succeed: the data is at fault
    └── Misconfigured   no call can succeed until somebody changes a setting
"""


class ConnectorError(Exception):
    """Something outside failed. The message says what, where, and what to do next."""


class Transient(ConnectorError):
    """The same call may go through later."""


class Permanent(ConnectorError):
    """This call can never succeed."""


class Misconfigured(ConnectorError):
    """No call can succeed until somebody changes a setting."""
