"""What the receiver counts, as Prometheus metrics that add up over all processes.

``prometheus_client`` decides when it is imported whether its values live in one process or in
files that several share; the variable ``PROMETHEUS_MULTIPROC_DIR`` tells it. The supervisor sets
it for itself and its children before this module is imported. Without it the metrics are those of
one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = [
    "ACCEPTED",
    "BYTES",
    "CHATS",
    "CHATS_RUNNING",
    "COMMIT_SECONDS",
    "IGNORED",
    "IN_FLIGHT",
    "REFUSED",
    "REQUESTS",
    "RESTARTS",
    "SECONDS",
    "SHARED_DIRECTORY",
    "WARNINGS",
    "exposition",
]

SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_REGISTRY = CollectorRegistry()
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "argus_requests", "Requests answered.", ["signal", "encoding", "status"], registry=_REGISTRY
)
ACCEPTED = Counter("argus_spans_accepted", "Spans acknowledged as durable.", registry=_REGISTRY)
REFUSED = Counter("argus_spans_refused", "Spans refused and kept aside.", ["reason"], registry=_REGISTRY)
WARNINGS = Counter(
    "argus_repaired_text",
    "Requests or spans with text that is no valid Unicode, repaired.",
    registry=_REGISTRY,
)
BYTES = Counter("argus_received_bytes", "Bytes of trace bodies, as sent.", registry=_REGISTRY)
IGNORED = Counter(
    "argus_exports_ignored",
    "Requests with logs or metrics, answered and not kept.",
    ["signal"],
    registry=_REGISTRY,
)
SECONDS = Histogram(
    "argus_request_seconds",
    "Seconds from the head of a trace request to its answer.",
    buckets=_SECONDS,
    registry=_REGISTRY,
)
COMMIT_SECONDS = Histogram(
    "argus_journal_commit_seconds", "Seconds a group commit took.", buckets=_SECONDS, registry=_REGISTRY
)
IN_FLIGHT = Gauge(
    "argus_in_flight_bytes",
    "Bytes of request bodies held in memory.",
    multiprocess_mode="livesum",
    registry=_REGISTRY,
)
CHATS = Counter(
    "argus_chats", "Answers of models through /v1/chat, by how they ended.", ["end"], registry=_REGISTRY
)
CHATS_RUNNING = Gauge(
    "argus_chats_running",
    "Answers of models that are on their way.",
    multiprocess_mode="livesum",
    registry=_REGISTRY,
)
RESTARTS = Counter(
    "argus_child_restarts", "Workers and keepers started again after they died.", ["role"], registry=_REGISTRY
)


KEPT = {
    "spans": "Spans brought into the lake since the keeper started.",
    "duplicates": "Spans delivered again and left out.",
    "refused": "Refused spans put aside.",
    "commits": "Commits to the lake.",
    "malformed": "Journalled bodies that are no OTLP.",
    "damaged": "Journals with bytes that could not be read; they are kept in _journal/damaged.",
    "internal": "Requests put aside because of a mistake in argus-lab.",
}
"""What the keeper counts, by the name it counts it under."""

UNREAD = "unread."
"""Before a column's name: values sent for it that it cannot hold."""


class _Kept(Collector):
    """The keeper's counts, as the keeper last said them."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        for name, meaning in KEPT.items():
            yield CounterMetricFamily(f"argus_lake_{name}", meaning, value=self._counts.get(name, 0))
        unread = CounterMetricFamily(
            "argus_lake_unread_values",
            "Values sent for a column that the column cannot hold; kept in the column unread.",
            labels=["column"],
        )
        for name, count in self._counts.items():
            if name.startswith(UNREAD):
                unread.add_metric([name.removeprefix(UNREAD)], count)
        yield unread


def exposition(extra: Mapping[str, tuple[str, float]], kept: Mapping[str, int]) -> bytes:
    """All metrics in Prometheus' text format, with gauges measured now.

    Parameters
    ----------
    extra
        Name to meaning and value of what is looked up rather than counted.
    kept
        The keeper's counts.
    """
    registry = _REGISTRY
    if SHARED_DIRECTORY in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    looked_up = CollectorRegistry()
    for name, (meaning, value) in extra.items():
        Gauge(name, meaning, registry=looked_up, multiprocess_mode="mostrecent").set(value)
    looked_up.register(_Kept(kept))
    return generate_latest(registry) + generate_latest(looked_up)
