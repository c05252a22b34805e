"""Sessions of spans that name none: inherited within their trace.

Often only the root of a trace, or the services that know the conversation, carry a session id. In
whole traces a span without one belongs to the session of its nearest ancestor that names one, else
to the one that the trace names first. It is worked out when traces are read, so that the order in
which their spans arrived does not matter.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

__all__ = ["NEEDED", "inherited"]

NEEDED = ("trace_id", "span_id", "parent_span_id", "session_id", "session_source", "start_unix_nano")
"""Columns that :func:`inherited` looks at."""

_LATEST = 2**63 - 1


def inherited(rows: pa.Table) -> pa.Table:
    """Whole traces, with ``session_id`` and ``session_source`` of spans that inherit their session.

    Examples
    --------
    >>> rows = pa.table({
    ...     "trace_id": ["t", "t"], "span_id": ["a", "b"], "parent_span_id": [None, "a"],
    ...     "session_id": ["chat-7", "t"], "session_source": ["attribute", "trace"],
    ...     "start_unix_nano": [1, 2],
    ... })
    >>> inherited(rows).select(["session_id", "session_source"]).to_pylist()[1]
    {'session_id': 'chat-7', 'session_source': 'inherited'}
    """
    spans = rows.select(list(NEEDED)).to_pylist()
    named = [span for span in spans if span["session_source"] == "attribute"]
    if not named or len(named) == len(spans):
        return rows
    by_id = {(span["trace_id"], span["span_id"]): span for span in spans}
    named.sort(key=_start, reverse=True)
    first = {span["trace_id"]: span["session_id"] for span in named}
    found = [_session(span, by_id, first) for span in spans]
    sources = [
        "inherited" if session != span["session_id"] else span["session_source"]
        for span, session in zip(spans, found, strict=True)
    ]
    for name, values in (("session_id", found), ("session_source", sources)):
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(values, pa.string()))
    return rows


def _start(span: dict[str, Any]) -> int:
    start = span["start_unix_nano"]
    return _LATEST if start is None else start


def _session(
    span: dict[str, Any], by_id: dict[tuple[str, str], dict[str, Any]], first: dict[str, str]
) -> str:
    """The session of the nearest span upwards that names one, else the first of the trace."""
    at: dict[str, Any] | None = span
    seen = set()
    while at is not None and at["span_id"] not in seen:
        if at["session_source"] == "attribute":
            break
        seen.add(at["span_id"])  # a broken sender may make a circle
        at = by_id.get((span["trace_id"], at["parent_span_id"]))
    else:
        at = None
    return str(at["session_id"] if at else first.get(span["trace_id"], span["session_id"]))
