"""One row a trace."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pyarrow as pa

from argus_lab.measures.aggregates import Of, aggregated
from argus_lab.measures.engines import asked
from argus_lab.measures.totals import NEEDED, TOTALS, finished, prepared

__all__ = ["traces"]

HEAD = ("project", "service", "name", "session_id")
OF_TRACE = {
    "head": Of("head", order=("child", "at", "span"), fields=HEAD),
    "user_id": Of("least", "user_id"),
    "is_complete": Of("within", "parent_span_id"),
}
TEXT, WHOLE, TIME = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
COLUMNS = {
    "project": TEXT,
    "trace_id": TEXT,
    "session_id": TEXT,
    "service": TEXT,
    "name": TEXT,
    "start_time": TIME,
    "end_time": TIME,
    "duration_ms": pa.float64(),
    "spans": WHOLE,
    "model_calls": WHOLE,
    "tool_calls": WHOLE,
    "errors": WHOLE,
    "input_tokens": WHOLE,
    "output_tokens": WHOLE,
    "cache_read_tokens": WHOLE,
    "cache_write_tokens": WHOLE,
    "reasoning_tokens": WHOLE,
    "reported_cost_usd": pa.float64(),
    "models": TEXT,
    "tools": TEXT,
    "user_id": TEXT,
    "is_complete": pa.bool_(),
}


def traces(spans: Any) -> Any:
    """One row a trace: when, how long, what was called, what it used, and whether it is whole.

    Parameters
    ----------
    spans
        A frame of spans of whole traces, of any engine; light columns are enough.

    Returns
    -------
    A frame of the same kind, lazy if that was, sorted by ``start_time`` and ``trace_id`` (a DuckDB
    relation is looked at once when this is called, for spans that inherit their session):

    ``project``, ``session_id``, ``service``, ``name``
        Of the root; of the first root if there are several, of the first span if the root is missing.
    ``trace_id``
        One row each, also if services of two projects took part.
    ``start_time``, ``end_time``, ``duration_ms``
        First start, last end, UTC; from the first start to the last end, ms.
    ``spans``, ``model_calls``, ``tool_calls``, ``errors``
        How many; model calls without wrappers; tool calls, one over MCP once, as in ``al.tool_calls``;
        errors are spans with the status ``ERROR``, among them those that only repeat what failed below
        them. Failures where they arose: ``al.errors(spans, by="trace_id")``.
    ``input_tokens``, ``output_tokens``, ``cache_read_tokens``, ``cache_write_tokens``, \
``reasoning_tokens``
        Sums over the spans whose usage counts (``al.tokens`` says which). Null where none is known.
    ``reported_cost_usd``
        Cost that the senders of the same spans reported, US dollars; null where none did. By list price:
        ``al.tokens(spans, by="trace_id")``.
    ``models``, ``tools``
        Models asked for, and tools called: distinct, sorted, joined by ``", "``; null if none.
    ``user_id``
        The one that is known; of several the first by the alphabet.
    ``is_complete``
        Every parent that is named is there.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.traces import traces
    >>> spans = al.open(tiny_lake).spans(project="customer-bot")
    >>> traces(spans)[["name", "duration_ms", "spans", "model_calls", "input_tokens", "models"]]
               name  duration_ms  spans  model_calls  input_tokens    models
    0  user.message       3130.0      4            2          2800  llama3.2
    1  user.message       1900.0      2            1          1500  llama3.2
    """
    rows, plain = prepared(asked(spans, NEEDED, by="traces"))
    groups = aggregated(rows, ["trace_id"], TOTALS | OF_TRACE, plain=plain)
    told = {name: nw.col("head").struct.field(name) for name in HEAD}
    return finished(groups.with_columns(**told), spans, COLUMNS, ("start_time", "trace_id"))
