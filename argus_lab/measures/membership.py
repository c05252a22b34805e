"""Which session a span belongs to.

Often only the root of a trace, or the services that know the conversation, carry a session id. A span
whose own id is a stopgap (its trace id, or a guess) belongs to the session of the nearest span above it
that names one, else to the first that its trace names. Frames of a lake come that way; here it holds for
others, too, and for those that were joined from several reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.engines import deferred, eagerly, lazy_frame, queried
from argus_lab.measures.trees import NONE, codes, nearest, parents, starts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Lazy = nw.LazyFrame[Any]

__all__ = ["NEEDED", "SOURCES", "members", "with_sessions"]

KEYS = ("trace_id", "span_id", "parent_span_id")
NEEDED = (*KEYS, "session_id", "session_source", "start_time", "start_unix_nano")
SOURCES = ("attribute", "inherited", "inferred", "trace")
"""Where a session id comes from, the surest first."""


def members(rows: pa.Table) -> pa.Table:
    """Whole traces with ``session_id`` and ``session_source`` as they are among each other.

    Examples
    --------
    >>> from argus_lab.testing import make_span
    >>> named = make_span(0, session_id="chat-7")
    >>> rows = [named, make_span(1, session_id=named["trace_id"], session_source="trace")]
    >>> members(pa.Table.from_pylist(rows))["session_id"].to_pylist()
    ['chat-7', 'chat-7']
    """
    session = pc.coalesce(rows["session_id"], rows["trace_id"])
    source = pc.coalesce(rows["session_source"], pa.scalar("trace"))
    chosen, giver = _givers(rows)
    if len(chosen):
        at = np.arange(rows.num_rows)
        at[chosen] = giver
        is_new = np.zeros(rows.num_rows, dtype=np.bool_)
        is_new[chosen] = True
        session = session.take(at)
        source = pc.if_else(pa.array(is_new), "inherited", source)
    rows = rows.set_column(rows.column_names.index("session_id"), "session_id", session)
    return rows.set_column(rows.column_names.index("session_source"), "session_source", source)


def _givers(rows: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows that inherit a session, and the rows that they have it from."""
    source = rows["session_source"]
    is_known = pc.is_valid(rows["session_id"]).to_numpy()
    is_named = pc.fill_null(pc.equal(source, "attribute"), fill_value=False).to_numpy() & is_known
    is_loose = ~pc.fill_null(pc.is_in(source, pa.array(SOURCES[:2])), fill_value=False).to_numpy()
    trace = codes(rows["trace_id"])
    trace = np.where(trace < 0, NONE, trace)
    named = np.flatnonzero(is_named & (trace >= 0))
    if not len(named) or not is_loose.any():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    order = named[np.lexsort((codes(rows["span_id"])[named], starts_of(rows)[named]))]
    first = np.full(int(trace.max()) + 1, NONE)
    first[trace[order][::-1]] = order[::-1]  # the earliest is written last
    found = nearest(parents(rows), is_named)
    found = np.where(found >= 0, found, np.where(trace >= 0, first[trace], NONE))
    chosen = np.flatnonzero(is_loose & (found >= 0))
    return chosen, found[chosen]


def with_sessions(frame: Lazy) -> Lazy:
    """The same for a lazy frame, lazily; needs the same columns.

    A relation of DuckDB is asked at once whether any span inherits a session from another, which in frames
    of ``lake.scan()`` none does: then nothing is joined. Nor are ids of traces read where all have a session.
    """
    source = nw.coalesce(nw.col("session_source"), nw.lit("trace"))
    if not frame.implementation.is_duckdb():
        made = deferred(frame.select(*NEEDED), _inherited, schema=_INHERITED)
    elif "heir" in (found := eagerly(frame.to_native(), _LOOK)["found"].to_pylist()):
        made = lazy_frame(queried(frame.to_native(), _SQL))
    else:
        whose = nw.coalesce(nw.col("session_id"), nw.col("trace_id")) if found else nw.col("session_id")
        return frame.with_columns(whose.alias("session_id"), source.alias("session_source"))
    joined = frame.join(made, on=["trace_id", "span_id"], how="left")
    inherits = ~nw.col("inherited_id").is_null()
    return joined.with_columns(
        nw.coalesce(nw.col("inherited_id"), nw.col("session_id"), nw.col("trace_id")).alias("session_id"),
        nw.when(inherits).then(nw.lit("inherited")).otherwise(source).alias("session_source"),
    ).drop("inherited_id")


_INHERITED = pa.schema([("trace_id", pa.string()), ("span_id", pa.string()), ("inherited_id", pa.string())])


def _inherited(rows: pa.Table) -> pa.Table:
    chosen, giver = _givers(rows)
    keys = [rows[name].take(chosen) for name in ("trace_id", "span_id")]
    found = pa.table([*keys, rows["session_id"].take(giver)], schema=_INHERITED)
    told = found.group_by(["trace_id", "span_id"]).aggregate([("inherited_id", "min")])
    return told.rename_columns(_INHERITED.names)  # a row a span, though a span may have come twice


_LOOK = """
WITH named AS (
    SELECT trace_id FROM frame WHERE session_source = 'attribute' AND session_id IS NOT NULL
),
loose AS (
    SELECT DISTINCT trace_id FROM frame
    WHERE session_source IS NULL OR session_source NOT IN ('attribute', 'inherited')
)
(SELECT 'heir' AS found FROM named SEMI JOIN loose USING (trace_id) LIMIT 1)
UNION ALL
(SELECT 'nameless' FROM frame WHERE session_id IS NULL LIMIT 1)
"""
"""Is there a trace of which some spans name a session and some might inherit it; and a span without any."""

_SQL = """
WITH RECURSIVE loose AS MATERIALIZED (
    SELECT DISTINCT trace_id, span_id, parent_span_id FROM frame
    WHERE session_source IS NULL OR session_source NOT IN ('attribute', 'inherited')
),
whole AS MATERIALIZED (
    SELECT trace_id, span_id, parent_span_id, start_unix_nano, start_time, session_id,
        coalesce(session_source = 'attribute', false) AND session_id IS NOT NULL AS is_named
    FROM frame WHERE trace_id IN (SELECT trace_id FROM loose)
),
named AS (
    SELECT trace_id, count(DISTINCT session_id) AS sessions,
        first(session_id ORDER BY start_time NULLS LAST, start_unix_nano NULLS LAST, span_id) AS first_id
    FROM whole WHERE is_named GROUP BY trace_id
),
climb AS (  -- only where a trace names several sessions does it matter which is nearest
    SELECT l.trace_id, l.span_id, l.parent_span_id AS above, NULL::VARCHAR AS found
    FROM loose l JOIN named n ON n.trace_id = l.trace_id AND n.sessions > 1
    UNION
    SELECT c.trace_id, c.span_id, w.parent_span_id, CASE WHEN w.is_named THEN w.session_id END
    FROM climb c JOIN whole w ON w.trace_id = c.trace_id AND w.span_id = c.above
    WHERE c.found IS NULL AND c.above IS NOT NULL
),
nearest AS (SELECT trace_id, span_id, min(found) AS found FROM climb GROUP BY ALL)
SELECT l.trace_id, l.span_id, min(coalesce(c.found, n.first_id)) AS inherited_id
FROM loose l JOIN named n USING (trace_id) LEFT JOIN nearest c USING (trace_id, span_id)
GROUP BY ALL
"""
"""The same as :func:`_inherited`, in DuckDB's words; ``frame`` are the spans."""
