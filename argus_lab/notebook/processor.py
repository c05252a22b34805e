"""The span processor of a kernel: one for ever, whatever it is connected to."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from argus_lab.notebook.sending import Sender

__all__ = ["KernelProcessor", "processor_of"]

DELAY_MS = 200
"""How long a span waits for others: short, since a reader waits for it."""

DELAY_VARIABLE = "OTEL_BSP_SCHEDULE_DELAY"

MARK = "_argus_processor"
"""A provider keeps its processor under this name, which survives that this module is loaded again."""


class KernelProcessor(SpanProcessor):
    """Tags spans with where they began, and hands them to a sender, if one is connected.

    OpenTelemetry cannot take a processor out of a provider, so this one stays and is switched.
    """

    def __init__(self) -> None:
        self.sender: Sender | None = None
        self._batch: BatchSpanProcessor | None = None
        self._tags: Callable[[], dict[str, Any]] = dict
        self._counts: dict[int, int] = {}
        self._lock = threading.Lock()

    def connect(self, sender: Sender, tags: Callable[[], dict[str, Any]]) -> None:
        """Send spans this way from now on; those that ended before go where they were meant to go."""
        if self._batch is not None and self.sender is not None:
            self._batch.force_flush()
            sender.adopt(self.sender)
        self.disconnect()
        self._tags = tags
        delay = None if os.environ.get(DELAY_VARIABLE) else DELAY_MS
        self.sender, self._batch = sender, BatchSpanProcessor(sender, schedule_delay_millis=delay)

    def disconnect(self) -> None:
        """Send what is there, and nothing more."""
        batch, self._batch = self._batch, None
        if batch is not None:
            batch.shutdown()  # type: ignore[no-untyped-call]
        self.sender = None

    @property
    def is_connected(self) -> bool:
        """Whether spans are sent."""
        return self._batch is not None

    def watch(self, trace_id: int) -> None:
        """Count the spans of a trace from now on."""
        self._counts[trace_id] = 0

    def watched(self, trace_id: int) -> int:
        """How many spans of a watched trace were handed on; it is no longer watched."""
        with self._lock:
            return self._counts.pop(trace_id, 0)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Say where the span begins."""
        if self._batch is not None:
            span.set_attributes(self._tags())

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on."""
        batch = self._batch
        if batch is None or not span.context.trace_flags.sampled:
            return
        batch.on_end(span)
        trace_id = span.context.trace_id
        with self._lock:
            if trace_id in self._counts:
                self._counts[trace_id] += 1

    def shutdown(self) -> None:
        """Send what is there: the provider ends, or the process."""
        self.disconnect()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is there, within the time; false if it takes longer."""
        batch, sender = self._batch, self.sender
        if batch is None or sender is None:
            return True

        def send() -> None:
            batch.force_flush()
            sender.retry()

        # The SDK's own flush knows no limit, and an exporter tries for long.
        sending = threading.Thread(target=send, name="argus-flush", daemon=True)
        sending.start()
        sending.join(timeout_millis / 1000)
        return not sending.is_alive()


def processor_of(provider: Any) -> KernelProcessor:
    """The provider's processor; a provider never gets a second one."""
    found = getattr(provider, MARK, None)
    if found is None:
        found = KernelProcessor()
        provider.add_span_processor(found)
        setattr(provider, MARK, found)
    made: KernelProcessor = found
    return made
