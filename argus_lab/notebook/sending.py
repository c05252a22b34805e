"""Spans on their way out: labelled with project and service, and kept while no receiver answers."""

from __future__ import annotations

import copy
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

__all__ = ["Sender"]

log = logging.getLogger("argus.notebook")

KEPT = 10_000
"""Spans kept while nobody answers; of more, the newest."""

BATCH = 512


class Sender(SpanExporter):
    """An exporter that gives spans their project, and waits for a receiver instead of dropping them.

    Parameters
    ----------
    exporter
        Sends what it is given.
    labels
        Resource attributes that every span gets, whatever provider made it.
    is_listening
        Whether sending can succeed now.
    where
        Where spans are sent, for messages.
    """

    def __init__(
        self, exporter: SpanExporter, labels: dict[str, str], is_listening: Callable[[], bool], where: str
    ) -> None:
        self._exporter, self._labels = exporter, Resource(labels)
        self._is_listening, self._where = is_listening, where
        self._kept: deque[ReadableSpan] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self.dropped = 0
        """Spans that are lost: not taken when they were sent, or too many to keep."""
        self.has_told = False
        self._has_told_loss = False

    @property
    def kept(self) -> int:
        """How many spans wait for a receiver."""
        return len(self._kept)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send these spans and those kept before; keep them if nobody answers."""
        with self._lock:
            self._keep([self._labelled(span) for span in spans])
            return self._send()

    def retry(self) -> None:
        """Send what was kept, if somebody answers by now."""
        with self._lock:
            self._send()

    def adopt(self, other: Sender) -> None:
        """Keep what another sender kept, under the labels that it has, and answer for what it lost."""
        with other._lock, self._lock:
            self._keep(other._kept)
            self.dropped += other.dropped
            other._kept.clear()
            other.dropped = 0

    def shutdown(self) -> None:
        """Send what was kept, and say how many spans are lost."""
        self.retry()
        waited = len(self._kept)
        self.dropped += waited
        self._kept.clear()
        if waited:
            log.warning(
                "%d spans were not sent: nobody answers at %s. Start the receiver with:  argus-lab serve",
                self.dropped,
                self._where,
            )
        elif self.dropped:
            log.warning(
                "%d spans were not sent: they were not taken at %s, or too many to keep for it",
                self.dropped,
                self._where,
            )
        self._exporter.shutdown()

    def _keep(self, spans: Collection[ReadableSpan]) -> None:
        self.dropped += max(0, len(self._kept) + len(spans) - KEPT)
        self._kept.extend(spans)

    def _send(self) -> SpanExportResult:
        result = SpanExportResult.SUCCESS
        while self._kept:
            if not self._is_listening():
                self._tell()
                return SpanExportResult.SUCCESS  # kept is not lost
            batch = [self._kept.popleft() for _ in range(min(BATCH, len(self._kept)))]
            self.has_told = False
            if not self._is_taken(batch):
                result = SpanExportResult.FAILURE
        return result

    def _is_taken(self, batch: list[ReadableSpan]) -> bool:
        lost = len(batch)
        try:
            if self._exporter.export(batch) is SpanExportResult.SUCCESS:
                lost = 0
        finally:  # an exporter that raises has lost them, too
            self.dropped += lost
        if lost and not self._has_told_loss:
            self._has_told_loss = True  # the exporter tried for long, and logs why each time
            log.warning("%d spans were not taken at %s, and are lost", lost, self._where)
        return not lost

    def _tell(self) -> None:
        if not self.has_told:
            self.has_told = True
            log.warning(
                "nobody answers at %s: spans are kept here (the newest %s) and sent once somebody does. "
                "Start the receiver with:  argus-lab serve",
                self._where,
                f"{KEPT:,}",
            )

    def _labelled(self, span: ReadableSpan) -> ReadableSpan:
        found = copy.copy(span)
        found._resource = span.resource.merge(self._labels)  # noqa: SLF001  the SDK has no other way
        return found
