"""Sends spans to an OpenTelemetry collector, in batches and from a thread of its own; the one module that knows the SDK."""

from collections.abc import Iterable

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from flume.plan import Plan
from orchestrator.store import Commit
from orchestrator.tracing import Span, spans_of

FLUSH_MS = 5_000
"""How long a stopping process waits for the collector."""


class Tracer:
    """An `orchestrator.observer.Observer` that exports the spans of what ended; a collector that is away costs spans alone."""

    def __init__(self, endpoint: str, *, service: str, version: str) -> None:
        self._resource = Resource.create({"service.name": service, "service.version": version})
        self._scope = InstrumentationScope("flume", version)
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))

    def committed(self, size: int, seconds: float) -> None:
        """See `Observer.committed`."""

    def advanced(self, plan: Plan, commit: Commit) -> None:
        """See `Observer.advanced`."""
        self.export(spans_of(plan, commit))

    def export(self, spans: Iterable[Span]) -> None:
        """Queue spans; never blocks."""
        for span in spans:
            self._processor.on_end(self._readable(span))

    def close(self) -> None:
        """Send what is queued, as far as the collector takes it in `FLUSH_MS`."""
        self._processor.force_flush(FLUSH_MS)
        self._processor.shutdown()  # type: ignore[no-untyped-call] # the SDK leaves this one without types

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=None if span.parent_id is None else _context(span.trace_id, span.parent_id),
            resource=self._resource,
            attributes={**span.attributes, **({"error.type": span.error} if span.error else {})},
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
            start_time=span.start * 1_000_000,
            end_time=span.end * 1_000_000,
            instrumentation_scope=self._scope,
        )


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
