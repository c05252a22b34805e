"""The spans of traces as steps: one row a span, in the order in which one reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.engines import asked, collected, returned
from argus_lab.measures.intervals import union_length
from argus_lab.measures.labels import labels
from argus_lab.measures.membership import members
from argus_lab.measures.trees import UNKNOWN_START, Forest, forest_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NEEDED", "self_ns", "steps"]

TAKEN = (
    (
        "span_type",
        "step_kind",
        "component_type",
        "component_name",
        "name",
        "service",
        "start_time",
        "end_time",
    ),
    ("status", "error_type", "error_message", "request_model", "input_tokens", "output_tokens", "tool_name"),
)
KEYS = ("project", "session_id", "trace_id", "span_id", "parent_span_id")
NEEDED = (*KEYS, *TAKEN[0], *TAKEN[1], "session_source", "start_unix_nano", "duration_ns", "duration_ms")
"""Columns of the span table that steps are made of."""
NS_A_MS = 1_000_000


def steps(spans: Any) -> Any:
    """The spans in reading order, with depth, label and self time.

    Traces come by their first start. Within a trace a span is followed by all that is below it, siblings
    by start and then by ``span_id``. A span whose parent is not there is a root; a circle of parents is
    opened at its earliest span.

    Parameters
    ----------
    spans
        A frame of spans of whole traces: pandas, Polars (lazy too), pyarrow, a DuckDB relation or a Spark
        frame; light columns are enough.

    Returns
    -------
    A frame of the same kind, one row a span:

    ``project``, ``session_id``, ``trace_id``, ``span_id``, ``parent_span_id``
        Whose step it is. A span without a session of its own has that of the nearest span above it.
    ``step``
        1, 2, 3, ... in its trace.
    ``depth``
        0 for a root.
    ``is_orphan``
        A parent is named, and is not among the spans of the trace.
    ``label``
        What people call it: the component, tool or model, else the span's name; ``(no name)`` if nothing
        names it.
    ``span_type``, ``step_kind``, ``component_type``, ``component_name``, ``name``, ``service``
        As in the span table.
    ``start_time``, ``end_time``
        UTC.
    ``offset_ms``
        Start, in ms after the start of the trace's first step; negative if a clock is wrong.
    ``duration_ms``
        Null if unknown.
    ``self_ms``
        Duration less the time in which at least one child ran, ms. Of a child only the part within the
        span counts; a child with unknown times takes nothing.
    ``children``, ``descendants``
        Spans directly below, and all below.
    ``status``, ``error_type``, ``error_message``, ``request_model``, ``input_tokens``, ``output_tokens``, \
``tool_name``
        As in the span table. Tokens of wrappers are repeated here: sum with ``al.tokens``.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.steps import steps
    >>> spans = al.open(tiny_lake).trace("0af7651916cd43dd8448eb211c80319c")
    >>> steps(spans)[["step", "depth", "label", "offset_ms", "duration_ms"]]
       step  depth         label  offset_ms  duration_ms
    0     1      0  user.message        0.0        100.0
    1     2      1      llama3.2     1000.0        110.0
    2     3      1        search     2000.0        700.0
    3     4      1      llama3.2     3000.0        130.0
    """
    rows = members(collected(asked(spans, NEEDED, by="steps"), NEEDED))
    forest = forest_of(rows)
    return returned(_ordered(rows, forest), spans)


def self_ns(rows: pa.Table, forest: Forest) -> NDArray[np.int64]:
    """By row, its duration less the union of its children's, in nanoseconds; 0 where it is unknown."""
    is_known = pc.is_valid(rows["duration_ns"]).to_numpy() & (forest.start < UNKNOWN_START)
    length = pc.fill_null(rows["duration_ns"], 0).to_numpy()
    parent = forest.parent
    child = np.flatnonzero((parent >= 0) & is_known & is_known[parent])
    above = parent[child]
    low = np.clip(forest.start[child] - forest.start[above], 0, length[above])
    high = np.clip(forest.start[child] - forest.start[above] + length[child], 0, length[above])
    found: NDArray[np.int64] = length - union_length(above, low, high, len(parent))
    return found


def _ordered(rows: pa.Table, forest: Forest) -> pa.Table:
    made = {
        "step": forest.step,
        "depth": forest.depth,
        "is_orphan": forest.is_orphan,
        "label": labels(rows),
        **{name: rows[name] for name in TAKEN[0]},
        "offset_ms": _offset(forest),
        "duration_ms": rows["duration_ms"],
        "self_ms": pc.if_else(
            pc.is_valid(rows["duration_ms"]), pa.array(self_ns(rows, forest) / NS_A_MS), None
        ),
        "children": forest.children,
        "descendants": forest.descendants,
        **{name: rows[name] for name in TAKEN[1]},
    }
    return pa.table({name: rows[name] for name in KEYS} | made).take(forest.order)


def _offset(forest: Forest) -> pa.Array:
    """Start in ms after that of the trace's first step, or its first known one."""
    is_known = forest.start < UNKNOWN_START
    count = int(forest.trace.max(initial=-1)) + 1
    begun = np.full(count, UNKNOWN_START)
    np.minimum.at(begun, forest.trace, forest.start)
    head = np.flatnonzero((forest.step == 1) & is_known)
    begun[forest.trace[head]] = forest.start[head]
    since = np.where(is_known, forest.start - begun[forest.trace], 0)
    return pa.array(since / NS_A_MS, mask=~is_known)
