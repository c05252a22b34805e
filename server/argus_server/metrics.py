"""What the receiver counts, as Prometheus metrics that add up over all processes.

``prometheus_client`` decides when it is imported whether its values live in one process or in
files that several share; the variable ``PROMETHEUS_MULTIPROC_DIR`` tells it. The supervisor sets
it for itself and its children before this module is imported. Without it the metrics are those of
one process.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

__all__ = [
    "ACCEPTED",
    "BYTES",
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
    "argus_span_warnings", "Values of accepted spans outside the conventions.", registry=_REGISTRY
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
RESTARTS = Counter(
    "argus_child_restarts", "Workers and keepers started again after they died.", ["role"], registry=_REGISTRY
)


def exposition(extra: dict[str, tuple[str, float]]) -> bytes:
    """All metrics in Prometheus' text format, with gauges measured now.

    Parameters
    ----------
    extra
        Name to meaning and value of what is looked up rather than counted.
    """
    registry = _REGISTRY
    if SHARED_DIRECTORY in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    looked_up = CollectorRegistry()
    for name, (meaning, value) in extra.items():
        Gauge(name, meaning, registry=looked_up, multiprocess_mode="mostrecent").set(value)
    return generate_latest(registry) + generate_latest(looked_up)
