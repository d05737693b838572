"""Spans through an OpenTelemetry SDK, for whoever has one installed: to a collector (OTLP over HTTP) or the console.

The house does not need the SDK; this module is imported only once ``NOIZYLAB_TRACES`` asks for it.
"""

from importlib import import_module

from connectors.errors import Misconfigured
from connectors.traces.port import Span

try:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
except ImportError as error:
    raise Misconfigured(
        "traces need the OpenTelemetry SDK: install opentelemetry-sdk, or unset NOIZYLAB_TRACES"
    ) from error


class OpenTelemetrySpans:
    """Hands spans to an exporter in batches, from a thread of the SDK's own."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._processor = processor
        self._resource = Resource.create({"service.name": "noizylab"})

    @classmethod
    def named(cls, where: str) -> "OpenTelemetrySpans":
        """Return spans to ``console`` or ``otlp``; OTLP reads its own OTEL_ variables.

        Raises:
            Misconfigured: another name, or the exporter is not installed.
        """
        return cls(BatchSpanProcessor(_exporter(where)))

    def took(self, span: Span) -> None:
        """Queue one span; a full queue forgets it."""
        flags = TraceFlags(span.flags)
        parent = SpanContext(span.trace_id, span.parent_id, is_remote=True, trace_flags=flags)
        self._processor.on_end(
            ReadableSpan(
                span.name,
                SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=flags),
                parent,
                self._resource,
                span.attributes,
                kind=SpanKind.CONSUMER,
                status=Status(StatusCode.ERROR, span.failure) if span.failure else Status(StatusCode.UNSET),
                start_time=int(span.started.timestamp() * 1e9),
                end_time=int(span.ended.timestamp() * 1e9),
            )
        )

    def close(self) -> None:
        """Send what is queued, for at most two seconds, and end."""
        self._processor.force_flush(2_000)
        self._processor.shutdown()


def _exporter(where: str) -> SpanExporter:
    if where == "console":
        return ConsoleSpanExporter()
    if where != "otlp":
        raise Misconfigured(f"NOIZYLAB_TRACES is {where!r}; give otlp or console, or unset it")
    try:
        # By name, because it is a package of its own that need not be installed.
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError as error:
        raise Misconfigured("NOIZYLAB_TRACES=otlp needs opentelemetry-exporter-otlp-proto-http; install it") from error
    exporter: SpanExporter = otlp.OTLPSpanExporter()
    return exporter
