"""OpenTelemetry's SDK, set up for chats: at the kernel's end and at the receiver's.

A tracer provider of its own, so that nobody's global one is touched, and so that one process can make
spans of several projects. Spans are exported in a thread of the SDK: neither a stream nor an event loop
waits for them. They go to the receiver, and to what the standard ``OTEL_EXPORTER_OTLP_*`` variables name
as well. Spans are started and ended by hand, never held open by a context manager across a generator, so
leaving a stream early leaves nothing behind.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from argus_lab.errors import MissingExtra

try:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:
    raise MissingExtra.of("the OpenTelemetry SDK with its OTLP exporter", "chat") from error

from argus_lab.chat.spans import SCOPE
from argus_lab.notebook.endpoint import Target, is_listening, target_of
from argus_lab.notebook.exporting import exporter_to
from argus_lab.notebook.sending import Sender

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["Tracing", "context_of", "ids_of", "traceparent_of"]

DELAY_MS = 200
"""How long a span waits for others: short, since a reader waits for it."""
MOST_LABELS = 64
"""Projects and services whose providers are kept; of more, those used last."""
VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

_propagator = TraceContextTextMapPropagator()


class Tracing:
    """Tracers for chats whose spans go to one receiver.

    Parameters
    ----------
    receiver
        Its address, such as ``http://127.0.0.1:4000``.
    environ
        Where ``OTEL_EXPORTER_OTLP_ENDPOINT`` may name another place, which gets the spans too.
    keeps
        Keep spans while the receiver does not answer, and send them once it does.
    """

    def __init__(self, receiver: str, environ: Mapping[str, str], *, keeps: bool) -> None:
        own = target_of({}, receiver)
        exporter: SpanExporter = exporter_to(own)
        self._sender = Sender(exporter, {}, lambda: is_listening(own), own.traces) if keeps else None
        self._processors = [BatchSpanProcessor(self._sender or exporter, schedule_delay_millis=DELAY_MS)]
        also = _also(environ, own)
        if also is not None:
            self._processors.append(BatchSpanProcessor(exporter_to(also)))
        self._providers: OrderedDict[tuple[str, str], TracerProvider] = OrderedDict()
        self._lock = threading.Lock()

    def tracer(self, project: str, service: str) -> trace.Tracer:
        """A tracer whose spans belong to this project and service."""
        with self._lock:
            provider = self._providers.get((project, service)) or self._made(project, service)
            self._providers[project, service] = provider
            self._providers.move_to_end((project, service))
            if len(self._providers) > MOST_LABELS:
                self._providers.popitem(last=False)  # its spans are with the processors, which all share
        return provider.get_tracer(SCOPE)

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what there is; false if that takes longer, or the receiver does not answer."""
        # The SDK's own flush knows no limit, and an exporter tries for long.
        sending = threading.Thread(target=self._flush, name="argus-chat-flush", daemon=True)
        sending.start()
        sending.join(timeout)
        return not sending.is_alive() and not (self._sender and self._sender.kept)

    def shutdown(self) -> None:
        """Send what there is, and end."""
        for processor in self._processors:
            processor.shutdown()  # type: ignore[no-untyped-call]

    def _flush(self) -> None:
        for processor in self._processors:
            processor.force_flush()
        if self._sender is not None:
            self._sender.retry()

    def _made(self, project: str, service: str) -> TracerProvider:
        labels = {"argus.project": project, "argus.service": service, "service.name": service}
        provider = TracerProvider(resource=Resource.create(labels), shutdown_on_exit=False)
        for processor in self._processors:
            provider.add_span_processor(processor)
        return provider


def _also(environ: Mapping[str, str], own: Target) -> Target | None:
    if not any(environ.get(name, "").strip() for name in VARIABLES):
        return None
    named = target_of(environ)
    return None if named == own else named


def context_of(traceparent: str, tracestate: str = "") -> Context:
    """The context that a message carries; an empty one if it carries none."""
    return _propagator.extract({"traceparent": traceparent, "tracestate": tracestate}, context=Context())


def traceparent_of(span: trace.Span) -> str:
    """A span as ``traceparent``; empty if it is none, as with ``OTEL_SDK_DISABLED``."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, context=trace.set_span_in_context(span, Context()))
    return carrier.get("traceparent", "")


def ids_of(span: trace.Span) -> tuple[str, str]:
    """A span's trace id and span id in lowercase hex; empty if it is none."""
    context = span.get_span_context()
    if not context.is_valid:
        return "", ""
    return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)
