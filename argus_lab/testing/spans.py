"""Rows of the span table and a clock, the same at every run.

>>> clock = ticks(every=timedelta(seconds=2))
>>> [moment.isoformat() for moment in (next(clock), next(clock))]
['2026-03-01T12:00:00+00:00', '2026-03-01T12:00:02+00:00']
>>> make_span(3, service="tools")["service"]
'tools'
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from argus_lab.errors import UnknownColumn
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NOON", "make_span", "ticks"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When test time begins."""

SPANS_A_TRACE = 4
TRACES_A_SESSION = 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

KINDS: tuple[dict[str, Any], ...] = (
    {"name": "POST /chat", "kind": "SERVER", "service": "gateway", "step_kind": "user_message"},
    {
        "name": "chat",
        "kind": "CLIENT",
        "service": "support-agent",
        "step_kind": "llm_call",
        "span_type": "llm",
        "component_type": "llm",
        "component_name": "llama3.2",
        "operation": "chat",
        "provider": "ollama",
        "request_model": "llama3.2",
        "input_tokens": 1200,
        "output_tokens": 80,
        "usage_source": "gen_ai.usage.input_tokens",
    },
    {
        "name": "execute_tool search",
        "kind": "INTERNAL",
        "service": "tools",
        "step_kind": "tool_call",
        "span_type": "tool",
        "component_type": "custom_tool",
        "component_name": "search",
        "operation": "execute_tool",
        "tool_name": "search",
    },
)
"""What the spans of a trace are, in turn: a request, then model and tool calls."""


def ticks(start: datetime = NOON, *, every: timedelta = timedelta(seconds=1)) -> Iterator[datetime]:
    """A clock for tests: ``start``, then ``every`` later at each ``next()``, for ever."""
    moment = start
    while True:
        yield moment
        moment += every


def make_span(n: int = 0, **columns: Any) -> dict[str, Any]:
    """The ``n``-th test span as a row of the span table, with every column.

    Four spans make a trace (a request and its model and tool calls), two traces a session. What is
    given wins, and times follow it: ``start_time`` moves the end and the date, ``duration_ms`` the end.

    Parameters
    ----------
    n
        Which span: the same number gives the same span.
    **columns
        Values of the span table's columns.

    Raises
    ------
    UnknownColumn
        For a name that is no column, with the nearest one.

    Examples
    --------
    >>> span = make_span(1, duration_ms=250.0)
    >>> span["name"], span["input_tokens"], span["end_time"].isoformat()
    ('chat', 1200, '2026-03-01T12:00:01.250000+00:00')
    >>> span["parent_span_id"] == make_span(0)["span_id"]
    True
    """
    unknown = [name for name in columns if name not in SPANS.names]
    if unknown:
        raise UnknownColumn.of(unknown, SPANS.names)
    row: dict[str, Any] = dict.fromkeys(SPANS.names)
    row |= _identity(n) | KINDS[0 if n % SPANS_A_TRACE == 0 else 1 + (n + 1) % 2]
    row |= _timing(n, columns) | columns
    return row


def _identity(n: int) -> dict[str, Any]:
    trace = n // SPANS_A_TRACE
    first = trace * SPANS_A_TRACE
    return {
        "org": "default",
        "project": "customer-bot",
        "trace_id": _digest(f"trace {trace}", 16),
        "span_id": _digest(f"span {n}", 8),
        "parent_span_id": None if n == first else _digest(f"span {first}", 8),
        "session_id": f"session-{trace // TRACES_A_SESSION}",
        "session_source": "attribute",
        "status": "UNSET",
    }


def _timing(n: int, given: dict[str, Any]) -> dict[str, Any]:
    start = given.get("start_time", NOON + timedelta(seconds=n))
    duration_ms = given.get("duration_ms", 100.0 + 10 * (n % 7))
    row: dict[str, Any] = {"start_time": start, "duration_ms": duration_ms}
    if start is not None:
        start = start.astimezone(UTC)
        row["start_unix_nano"] = (start - EPOCH) // MICROSECOND * 1000
    if duration_ms is not None:
        row["duration_ns"] = round(duration_ms * 1e6)
    if start is not None and duration_ms is not None:
        row["end_time"] = start + timedelta(milliseconds=duration_ms)
    received = given.get("received_at") or (row.get("end_time") or start or NOON) + timedelta(seconds=1)
    return row | {"received_at": received, "date": (start or received).date()}


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
