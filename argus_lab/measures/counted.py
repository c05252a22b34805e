"""Which spans count: whose usage is summed, and which are model calls. Each call once, whoever repeats it.

**Usage.** Spans of the types ``llm``, ``embedding`` and ``reranker`` whose input or output tokens are
known count. A *wrapper* does not: a span with usage that has another one with usage below it and no tool
or agent in between, such as the span of a framework around that of the provider's own instrumentation.
Agents and chains sum up what is below them and never count. A span of no known type with usage (an
instrumentation we do not know) counts if no other counts above or below it.

**Model calls.** Spans with ``span_type`` ``llm`` or ``step_kind`` ``llm_call``, again without wrappers:
of two calls above one another with no tool or agent in between, the lower is the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.engines import asked, collected, columns_of, deferred
from argus_lab.measures.trees import NONE, climbed, nearest, parents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from argus_lab.measures.engines import Frame
    from argus_lab.measures.trees import Places

    Flags = NDArray[np.bool_]

__all__ = ["BORDERS", "COUNTED", "MODEL_CALL", "NEEDED", "counted", "flags", "marked", "marked_lazily"]

COUNTED = ("llm", "embedding", "reranker")
"""Types of spans whose usage is summed; agents and chains repeat it."""
BORDERS = ("tool", "agent")
"""Types of spans below which something of its own happens."""
KEY = ("trace_id", "span_id")
NEEDED = (*KEY, "parent_span_id", "span_type", "step_kind", "input_tokens", "output_tokens")
"""Columns that tell which spans count."""

MODEL_CALL = (
    (nw.col("span_type") == "llm").fill_null(value=False)
    | (nw.col("step_kind") == "llm_call").fill_null(value=False)
)  # fmt: skip
"""The spans of model calls, wrappers among them."""

_IS_KNOWN = ~nw.col("input_tokens").is_null() | ~nw.col("output_tokens").is_null()
_MARKS = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("wraps_usage", pa.bool_()),
        ("wraps_call", pa.bool_()),
        ("stands_alone", pa.bool_()),
    ]
)
"""What a span's own row does not tell; only spans for which one of them is true have a row."""


def counted(spans: Any, *, by: str = "this measure") -> Any:
    """The spans whose usage counts; sums over them count each call once.

    Parameters
    ----------
    spans
        Whole traces, of any engine, or a Narwhals frame. Lazy frames stay lazy.
    by
        Who asks, for the message about a missing column.

    Returns
    -------
    The rows that count, with all their columns, as the kind of frame that came in.

    Examples
    --------
    >>> import argus_lab as al
    >>> spans = al.open(tiny_lake).spans()
    >>> counted(spans)["input_tokens"].tolist()
    [1200, 1600, 1500, 1200]
    """
    frame = asked(spans, NEEDED, by=by)
    chosen = marked(frame).filter(nw.col("is_counted")).select(*columns_of(frame))
    if isinstance(spans, (nw.DataFrame, nw.LazyFrame)):
        return chosen
    return (
        nw.maybe_reset_index(chosen).to_native() if isinstance(chosen, nw.DataFrame) else chosen.to_native()
    )


def marked(frame: Frame) -> Frame:
    """The frame with ``is_counted`` and ``is_model_call``, never null, behind its columns.

    Eager frames keep the order of their rows.
    """
    if isinstance(frame, nw.DataFrame):
        usage, calls = flags(collected(frame, NEEDED))
        frame = nw.maybe_reset_index(frame)
        return frame.with_columns(_series(frame, "is_counted", usage), _series(frame, "is_model_call", calls))
    return marked_lazily(frame)


def marked_lazily(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The same for a lazy frame, lazily."""
    exceptions = deferred(frame.select(*NEEDED), _exceptions, sql=_SQL, schema=_MARKS)
    joined = frame.join(exceptions, on=list(KEY), how="left")
    typed = nw.col("span_type").is_in(COUNTED).fill_null(value=False)
    marks = {name: nw.col(name).fill_null(value=False) for name in _MARKS.names[2:]}
    is_counted = _IS_KNOWN & ((typed & ~marks["wraps_usage"]) | marks["stands_alone"])
    is_call = MODEL_CALL & ~marks["wraps_call"]
    return joined.with_columns(is_counted.alias("is_counted"), is_call.alias("is_model_call")).drop(*marks)


def flags(rows: pa.Table) -> tuple[Flags, Flags]:
    """By row of whole traces: does its usage count, and is it a model call."""
    known, typed, wraps_usage, is_call, wraps_call, alone = _roles(rows)
    return known & ((typed & ~wraps_usage) | alone), is_call & ~wraps_call


def _exceptions(rows: pa.Table) -> pa.Table:
    _, _, wraps_usage, _, wraps_call, alone = _roles(rows)
    chosen = np.flatnonzero(wraps_usage | wraps_call | alone)
    keys = [rows[name].take(chosen) for name in KEY]
    found = pa.table([*keys, *(mark[chosen] for mark in (wraps_usage, wraps_call, alone))], schema=_MARKS)
    told = found.group_by(list(KEY)).aggregate([(name, "max") for name in _MARKS.names[2:]])
    return told.rename_columns(_MARKS.names)  # a row a span, though a span may have come twice


def _roles(rows: pa.Table) -> tuple[Flags, Flags, Flags, Flags, Flags, Flags]:
    """Known usage, counted type, wrapper of usage, call, wrapper of a call, counting for want of a type."""
    kind, sent, answered = rows["span_type"], rows["input_tokens"], rows["output_tokens"]
    total = pc.add(pc.fill_null(sent, 0), pc.fill_null(answered, 0))
    known = _flags(pc.or_(pc.is_valid(sent), pc.is_valid(answered)))
    used = _flags(pc.greater(total, 0))
    typed = _is_in(kind, COUNTED)
    is_call = _is_in(kind, ("llm",)) | _is_in(rows["step_kind"], ("llm_call",))
    border = _is_in(kind, BORDERS)
    parent = parents(rows)
    source = used & typed
    wraps_usage = source & climbed(parent, source, source | border)
    wraps_call = is_call & climbed(parent, is_call, is_call | border)
    return known, typed, wraps_usage, is_call, wraps_call, _alone(rows, parent, known & typed, used)


def _alone(rows: pa.Table, parent: Places, counts: Flags, used: Flags) -> Flags:
    """Spans of no known type with usage, with none above or below that counts."""
    untyped = used & _flags(pc.is_null(rows["span_type"]))
    if not untyped.any():
        return untyped
    stop = np.zeros(len(untyped), dtype=np.bool_)
    is_above = climbed(parent, counts | untyped, stop)
    found: Flags = untyped & ~is_above & (nearest(parent, counts) == NONE)
    return found


def _series(frame: nw.DataFrame[Any], name: str, values: Flags) -> nw.Series[Any]:
    given = pa.array(values) if frame.implementation.is_pyarrow() else values
    return nw.new_series(name, given, nw.Boolean(), backend=frame.implementation)


def _is_in(column: pa.ChunkedArray, values: tuple[str, ...]) -> Flags:
    return _flags(pc.is_in(column, pa.array(values, column.type)))


def _flags(column: pa.ChunkedArray) -> Flags:
    found: Flags = pc.fill_null(column, fill_value=False).to_numpy()
    return found


_SQL = """
WITH RECURSIVE light AS (
    SELECT trace_id, span_id, parent_span_id, span_type IS NULL AS is_untyped,
        coalesce(span_type IN ('tool', 'agent'), false) AS is_border,
        coalesce(span_type IN ('llm', 'embedding', 'reranker'), false) AS is_typed,
        coalesce(span_type = 'llm', false) OR coalesce(step_kind = 'llm_call', false) AS is_call,
        coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0 AS is_used,
        input_tokens IS NOT NULL OR output_tokens IS NOT NULL AS is_known,
        is_used AND is_typed AS is_usage
    FROM frame
),
above AS (  -- the parents of spans with usage, and of calls
    SELECT trace_id, parent_span_id AS span_id, bool_or(is_usage) AS usage, bool_or(is_call) AS call
    FROM light WHERE parent_span_id IS NOT NULL AND (is_usage OR is_call) GROUP BY ALL
),
first AS MATERIALIZED (
    SELECT l.*, a.usage, a.call FROM light l JOIN above a USING (trace_id, span_id)
    WHERE is_usage OR is_call OR NOT is_border
),
further AS MATERIALIZED (  -- what such a parent repeats nothing of, it hands on to its own parent
    SELECT trace_id, parent_span_id AS span_id, usage AND NOT is_usage AS usage,
        call AND NOT is_call AS call
    FROM first
    WHERE parent_span_id IS NOT NULL AND NOT is_border
        AND ((usage AND NOT is_usage) OR (call AND NOT is_call))
),
rest AS MATERIALIZED (SELECT * FROM light WHERE trace_id IN (SELECT trace_id FROM further)),
ahead AS (
    FROM further
    UNION
    SELECT l.trace_id, l.parent_span_id, a.usage AND NOT l.is_usage, a.call AND NOT l.is_call
    FROM ahead a JOIN rest l USING (trace_id, span_id)
    WHERE l.parent_span_id IS NOT NULL AND NOT l.is_border
        AND ((a.usage AND NOT l.is_usage) OR (a.call AND NOT l.is_call))
),
wrappers AS (
    SELECT trace_id, span_id, bool_or(usage AND is_usage) AS wraps_usage,
        bool_or(call AND is_call) AS wraps_call
    FROM (
        SELECT trace_id, span_id, usage, call, is_usage, is_call FROM first
        UNION ALL
        SELECT trace_id, span_id, a.usage, a.call, is_usage, is_call
        FROM ahead a JOIN rest USING (trace_id, span_id)
    )
    WHERE (usage AND is_usage) OR (call AND is_call) GROUP BY ALL
),
untyped AS MATERIALIZED (SELECT DISTINCT trace_id, span_id FROM light WHERE is_untyped AND is_used),
whole AS MATERIALIZED (SELECT * FROM light WHERE trace_id IN (SELECT trace_id FROM untyped)),
pairs AS (  -- of such traces, every span that counts or might, with each span above it
    SELECT trace_id, span_id, is_typed AND is_known AS counts, parent_span_id AS above
    FROM whole WHERE (is_typed AND is_known) OR (is_untyped AND is_used)
    UNION
    SELECT p.trace_id, p.span_id, p.counts, w.parent_span_id
    FROM pairs p JOIN whole w ON w.trace_id = p.trace_id AND w.span_id = p.above
    WHERE p.above IS NOT NULL
),
alone AS (
    SELECT trace_id, span_id FROM untyped
    WHERE (trace_id, span_id) NOT IN (
        SELECT (trace_id, above) FROM pairs WHERE above IS NOT NULL
        UNION ALL
        SELECT (p.trace_id, p.span_id) FROM pairs p JOIN whole w
            ON w.trace_id = p.trace_id AND w.span_id = p.above AND w.is_typed AND w.is_known AND NOT p.counts
    )
)
SELECT trace_id, span_id, coalesce(wraps_usage, false) AS wraps_usage,
    coalesce(wraps_call, false) AS wraps_call, stands_alone IS NOT NULL AS stands_alone
FROM wrappers FULL JOIN (SELECT *, true AS stands_alone FROM alone) USING (trace_id, span_id)
"""
"""The same as :func:`_exceptions`, in DuckDB's words; ``frame`` are the spans."""
