"""Which agent did it: the one that a span names, else that of the nearest span above it that names one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.frames import pandas_of
from argus_lab.measures.engines import asked, collected, columns_of, deferred, lazy_frame, queried, quoted
from argus_lab.measures.trees import nearest, parents

if TYPE_CHECKING:
    Lazy = nw.LazyFrame[Any]

__all__ = ["NEEDED", "agents_lazily", "with_agents"]

KEY = ("trace_id", "span_id")
NEEDED = (*KEY, "parent_span_id", "agent_name")
"""Columns that tell which agent a span belongs to."""
_ABOVE = "agent above"
_FOUND = pa.schema([("trace_id", pa.string()), ("span_id", pa.string()), (_ABOVE, pa.string())])


def with_agents(spans: Any) -> Any:
    """The spans, each with the agent that it worked for.

    Senders name the agent on the agent's own span, seldom on the model calls and tools below it. Here every
    span without an ``agent_name`` gets that of the nearest span above it that names one, so that
    ``al.tokens(al.with_agents(spans), by="agent_name")`` says what each agent used.

    Parameters
    ----------
    spans
        A frame of whole traces: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame. Lazy
        frames stay lazy.

    Returns
    -------
    The same rows, as the kind of frame that came in (pandas: numbered from 0), with every column they had
    and:

    ``agent_name``
        As sent, else that of the nearest span above; null where no span above names one.

    Examples
    --------
    >>> import pandas as pd
    >>> from argus_lab.measures.agents import with_agents
    >>> from argus_lab.testing import make_span
    >>> agent = make_span(0, agent_name="mira")
    >>> call = make_span(1, parent_span_id=agent["span_id"])
    >>> with_agents(pd.DataFrame([agent, call]))["agent_name"].tolist()
    ['mira', 'mira']
    """
    frame = asked(spans, NEEDED, by="with_agents")
    if isinstance(frame, nw.LazyFrame):
        return agents_lazily(frame).to_native()
    return _eager(frame).to_native()


def agents_lazily(frame: Lazy) -> Lazy:
    """The same for a Narwhals frame that is lazy."""
    order = columns_of(frame)
    if frame.implementation.is_duckdb():
        names = "".join(f"f.{quoted(name)}, " for name in order if name != "agent_name")
        return lazy_frame(queried(frame.to_native(), _SQL.format(names=names))).select(*order)
    found = deferred(frame.select(*NEEDED), _inherited, schema=_FOUND)
    joined = frame.join(found, on=list(KEY), how="left")
    return joined.with_columns(agent_name=nw.coalesce("agent_name", _ABOVE)).select(*order)


def _eager(frame: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    rows = collected(frame, NEEDED)
    names = pc.coalesce(rows["agent_name"], _above(rows)).combine_chunks()
    if frame.implementation.is_pyarrow():
        native = frame.to_native()
        at = native.column_names.index("agent_name")
        changed = native.set_column(at, "agent_name", names.cast(native.schema.field("agent_name").type))
        return nw.from_native(changed, eager_only=True)
    frame = nw.maybe_reset_index(frame)
    if frame.implementation.is_pandas():
        told = pandas_of(pa.table({"agent_name": names}))["agent_name"]
        return frame.with_columns(nw.from_native(told, series_only=True))
    made = nw.new_series("agent_name", names.to_pylist(), nw.String(), backend=frame.implementation)
    return frame.with_columns(made)


def _inherited(rows: pa.Table) -> pa.Table:
    """Spans that name no agent and have one above them: which."""
    above = _above(rows)
    chosen = pc.and_(pc.is_null(rows["agent_name"]), pc.is_valid(above))
    found = pa.table([rows["trace_id"], rows["span_id"], above], schema=_FOUND).filter(chosen)
    told = found.group_by(list(KEY)).aggregate([(_ABOVE, "min")])
    return told.rename_columns(_FOUND.names)  # a row a span, though a span may have come twice


def _above(rows: pa.Table) -> pa.ChunkedArray:
    is_named = pc.is_valid(rows["agent_name"]).to_numpy()
    place = nearest(parents(rows), is_named)
    return rows["agent_name"].take(pa.array(place, mask=place < 0))


_SQL = """
WITH RECURSIVE named AS MATERIALIZED (
    SELECT hash(trace_id) AS trace, hash(span_id) AS span, any_value(agent_name) AS agent
    FROM frame WHERE agent_name IS NOT NULL GROUP BY ALL
),
loose AS MATERIALIZED (  -- of traces that name an agent, all spans that do not: elsewhere none is inherited
    SELECT hash(trace_id) AS trace, hash(span_id) AS span, hash(parent_span_id) AS parent
    FROM frame SEMI JOIN named ON hash(frame.trace_id) = named.trace
    WHERE agent_name IS NULL AND parent_span_id <> span_id
),
walked AS (  -- downwards from spans that name their agent, through those that do not
    SELECT l.trace, l.span, n.agent FROM loose l JOIN named n ON l.trace = n.trace AND l.parent = n.span
    UNION
    SELECT l.trace, l.span, w.agent FROM walked w JOIN loose l ON l.trace = w.trace AND l.parent = w.span
),
above AS (SELECT trace, span, min(agent) AS agent FROM walked GROUP BY trace, span)
SELECT {names}coalesce(f.agent_name, a.agent) AS agent_name
FROM frame f LEFT JOIN above a ON hash(f.trace_id) = a.trace AND hash(f.span_id) = a.span
"""
"""Spans are joined by hashes of their ids, as in :mod:`argus_lab.measures.wrappers`."""
