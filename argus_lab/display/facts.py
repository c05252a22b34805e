"""The numbers a page begins with, of one trace or session: those that ``al.traces`` and ``al.sessions`` give.

Made here from rows in memory, since a page waits for no query engine to plan a sum over a few spans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.counted import marks
from argus_lab.measures.trees import MISSING, codes, parents, starts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["facts_of", "in_order"]

Row = dict[str, Any]

SUMS = {"input_tokens": "input_tokens", "output_tokens": "output_tokens", "cost_usd": "reported_cost_usd"}
"""Columns that are summed over the spans that count, and what the sums are called."""
NS_A_MS = 1_000_000


def facts_of(spans: pa.Table) -> Row:
    """The facts of whole traces taken together: one trace, or one session.

    Examples
    --------
    >>> from argus_lab.schema import SPANS
    >>> from argus_lab.testing import make_span
    >>> rows = [make_span(n) for n in range(4)]
    >>> found = facts_of(pa.Table.from_pylist(rows, schema=SPANS.arrow()))
    >>> found["name"], found["spans"], found["model_calls"], found["tool_calls"], found["input_tokens"]
    ('POST /chat', 4, 2, 1, 2400)
    """
    rows = spans.take(in_order(spans))
    counts, calls, tools = marks(rows)
    turns = _number(pc.equal(rows["step_kind"], "user_message"))
    above = parents(rows)
    told: Row = {
        **{name: _first(rows[name]) for name in ("project", "session_id", "trace_id", "user_id")},
        "name": _first(rows["name"].filter(pc.is_null(rows["parent_span_id"]))) or _first(rows["name"]),
        "start_time": pc.min(rows["start_time"]).as_py(),
        "duration_ms": _length(rows),
        "spans": rows.num_rows,
        "turns": turns or len(rows["trace_id"].filter(pa.array(calls)).unique()),
        "model_calls": int(calls.sum()),
        "tool_calls": int(tools.sum()),
        "errors": _number(pc.equal(rows["status"], "ERROR")),
        "models": _names(pc.coalesce(rows["request_model"], rows["response_model"])),
        "services": _names(rows["service"]),
        "is_complete": not (above == MISSING).any(),
    }
    mask = pa.array(counts)
    return told | {new: pc.sum(rows[name].filter(mask)).as_py() for name, new in SUMS.items()}


def in_order(spans: pa.Table) -> NDArray[np.int64]:
    """The rows by start, then id."""
    return np.lexsort((codes(spans["span_id"]), starts_of(spans)))


def _length(rows: pa.Table) -> float | None:
    """From the first start to the last end, in ms."""
    last = pc.max(pc.add(rows["start_unix_nano"], rows["duration_ns"])).as_py()
    return None if last is None else (last - pc.min(rows["start_unix_nano"]).as_py()) / NS_A_MS


def _number(flag: pa.ChunkedArray) -> int:
    return pc.sum(flag).as_py() or 0


def _first(column: pa.ChunkedArray) -> Any:
    known = column.drop_null()
    return known[0].as_py() if len(known) else None


def _names(column: pa.ChunkedArray) -> str | None:
    return ", ".join(sorted(column.drop_null().unique().to_pylist())) or None
