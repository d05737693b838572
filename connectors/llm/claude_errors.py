"""Errors of Anthropic's SDK as the port's: what is weather, what is a setting, what is the request itself."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from connectors.errors import ConnectorError, Misconfigured, Permanent, Transient
from connectors.llm.port import Refused, Truncated

if TYPE_CHECKING:
    from anthropic.types import Message

_PAYMENT_REQUIRED = 402
_TOO_LARGE = 413
_WEATHER_STATUS = frozenset({408, 409, 429})
_WEATHER_ERRORS = frozenset({"overloaded_error", "api_error", "timeout_error", "rate_limit_error"})
_SETTING_ERRORS = frozenset({"authentication_error", "permission_error", "billing_error"})


class BrokenStream(Transient):
    """The answer broke off in the middle. The SDK does not begin again by itself, because the status was 200."""


def translated(sdk: ModuleType, name: str, error: Exception) -> ConnectorError:
    """Return the port's error for one of the SDK's or of its HTTP client."""
    said = f"{name}: {error}"
    if isinstance(error, sdk.APIResponseValidationError):
        return Permanent(f"{said}; the service answered in a shape this client does not know")
    if isinstance(error, sdk.AuthenticationError | sdk.PermissionDeniedError | sdk.NotFoundError):
        return Misconfigured(f"{said}; check the API key and the model's name")
    if isinstance(error, sdk.APIStatusError):
        return _of_status(said, error.status_code, _error_type(error.body))
    if isinstance(error, sdk.APIConnectionError):  # time-outs are a kind of it
        return Transient(f"{said}; check the network and the base URL")
    if not isinstance(error, sdk.APIError):  # of the HTTP client: the connection went away while the answer came
        return BrokenStream(f"{name}: the connection broke while the answer came ({error!r})")
    return Permanent(said)


def _of_status(said: str, status: int, kind: str) -> ConnectorError:
    if kind in _SETTING_ERRORS or status == _PAYMENT_REQUIRED:
        return Misconfigured(f"{said}; check the account")
    if status == _TOO_LARGE or "prompt is too long" in said:
        return Truncated(f"{said}; send fewer photos, or lower NOIZYLAB_CLAUDE_INPUT_TOKENS")
    weather = status in _WEATHER_STATUS or status >= 500 or kind in _WEATHER_ERRORS
    if not weather:
        return Permanent(said)
    return BrokenStream(said) if status < 400 else Transient(said)


def check_stop(message: "Message") -> None:
    """Look at why the model stopped before its text is read: only a finished turn can hold a whole answer.

    Raises:
        Refused, Truncated, BrokenStream: there is no whole answer.
    """
    if message.stop_reason == "refusal":
        category = message.stop_details.category if message.stop_details else None
        raise Refused(f"{message.model} declined to answer (category: {category or 'not given'})")
    if message.stop_reason in {"max_tokens", "model_context_window_exceeded"}:
        raise Truncated(f"{message.model} stopped with {message.stop_reason}; raise max_tokens or send a shorter case")
    if message.stop_reason is None:
        raise BrokenStream(f"{message.model}: the answer ended before the model had stopped")


def _error_type(body: Any) -> str:
    """Return the type of an error body, ``{"type": "error", "error": {"type": ..., "message": ...}}``."""
    inner = body.get("error") if isinstance(body, dict) else None
    return str(inner.get("type", "")) if isinstance(inner, dict) else ""
