"""Which spans count, in DuckDB's words: the same as :mod:`argus_lab.measures.counted`, as joins.

Nearly always a wrapper stands right above what it repeats, so one join with the parents of the spans with
usage tells it. What needs more than a look at the children (usage that spans without any hand on upwards,
usage on spans of no known type) is rare and is computed at once, when the measure is called: the planner
then knows how little it is, and leaves the join out if there is nothing.
"""
# ruff: noqa: S608  made of the constants below

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from argus_lab.measures.engines import eagerly, lazy_frame, queried

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["counted_in_duckdb", "marked_in_duckdb"]


def marked_in_duckdb(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """A relation of whole traces with ``is_counted`` and ``is_model_call``.

    Reads, at once, the few columns that tell whether there is something rare in the relation.
    """
    spans = frame.to_native()
    rare = _rare(spans)
    if not rare.num_rows:
        return lazy_frame(queried(spans, _marks("h.usage", "h.call", "false", "")))
    joined = "LEFT JOIN beside r ON f.trace_id = r.trace_id AND f.span_id = r.span_id"
    marks = _marks("h.usage OR r.usage", "h.call OR r.call", "coalesce(r.alone, false)", joined)
    return lazy_frame(queried(spans, marks, rare))


def counted_in_duckdb(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The rows of a relation of whole traces that count; it is looked at in the same way."""
    spans = frame.to_native()
    if not _rare(spans).num_rows:
        return lazy_frame(queried(spans, _COUNTED))
    names = frame.collect_schema().names()
    return marked_in_duckdb(frame).filter(nw.col("is_counted")).select(*names)


def _rare(spans: Any) -> pa.Table:
    """Spans about which more than their children has to be known."""
    found = eagerly(spans, f"WITH {_LIGHT} {_PASSING}")
    return eagerly(spans, f"WITH RECURSIVE {_LIGHT}, {_RARE}", found) if found.num_rows else found


def _marks(usage: str, call: str, alone: str, joined: str) -> str:
    counts = (
        f"coalesce({_TYPED.format('f.')}, false) AND NOT (coalesce({usage}, false) AND {_USED.format('f.')})"
    )
    return f"""
        WITH {_LIGHT}, {_HANDED}
        SELECT f.*,
            (f.input_tokens IS NOT NULL OR f.output_tokens IS NOT NULL)
                AND ({counts} OR {alone}) AS is_counted,
            coalesce({_CALL.format("f.")}, false) AND NOT coalesce({call}, false) AS is_model_call
        FROM frame f LEFT JOIN handed h ON f.trace_id = h.trace_id AND f.span_id = h.span_id {joined}
    """


_TYPED = "({0}span_type IN ('llm', 'embedding', 'reranker'))"
_CALL = "({0}span_type = 'llm' OR {0}step_kind = 'llm_call')"
_USED = "(coalesce({0}input_tokens, 0) + coalesce({0}output_tokens, 0) > 0)"

_LIGHT = f"""
light AS NOT MATERIALIZED (
    SELECT trace_id, span_id, nullif(parent_span_id, span_id) AS parent_span_id, span_type, step_kind,
        input_tokens, output_tokens,
        coalesce({_TYPED.format("")}, false) AS is_typed, coalesce({_CALL.format("")}, false) AS is_call,
        {_USED.format("")} AS is_used, is_used AND is_typed AS is_usage,
        input_tokens IS NOT NULL OR output_tokens IS NOT NULL AS is_known
    FROM frame
)
"""

_HANDED = f"""
handed AS (  -- to the parents of spans with usage, and of calls
    SELECT trace_id, parent_span_id AS span_id, bool_or(is_usage) AS usage, bool_or(is_call) AS call
    FROM light WHERE parent_span_id IS NOT NULL AND ({_TYPED.format("")} OR {_CALL.format("")})
    GROUP BY trace_id, parent_span_id
)
"""

_COUNTED = f"""
WITH {_LIGHT}, repeated AS (
    SELECT DISTINCT trace_id, parent_span_id AS span_id, true AS is_used
    FROM light WHERE is_usage AND parent_span_id IS NOT NULL
)
SELECT f.* FROM (
    FROM frame WHERE {_TYPED.format("")} AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
) f ANTI JOIN repeated r
    ON f.trace_id = r.trace_id AND f.span_id = r.span_id AND {_USED.format("f.")} = r.is_used
"""
"""What counts where nothing is rare."""

_PASSING = """
-- in parts that the scan of a file can tell by single columns, so that the ids of few spans are read
SELECT * FROM light
WHERE (span_type IS NULL OR span_type NOT IN ('tool', 'agent', 'llm')) AND NOT (is_usage AND is_call)
UNION ALL
SELECT * FROM light WHERE span_type = 'llm' AND (input_tokens IS NULL OR input_tokens <= 0)
    AND (output_tokens IS NULL OR output_tokens <= 0)
UNION ALL
SELECT * FROM light WHERE span_type = 'llm' AND input_tokens > 0 AND output_tokens < 0 AND NOT is_used
UNION ALL
SELECT * FROM light WHERE span_type = 'llm' AND input_tokens < 0 AND output_tokens > 0 AND NOT is_used
"""
"""Spans that are no borders and not both usage and call: what they lack they hand on upwards."""

_RARE = """
halfway AS (SELECT * FROM beside WHERE parent_span_id IS NOT NULL),
further AS MATERIALIZED (
    SELECT DISTINCT p.trace_id, p.parent_span_id AS span_id, c.is_usage AND NOT p.is_usage AS usage,
        c.is_call AND NOT p.is_call AS call
    FROM halfway p JOIN light c ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id
    WHERE (c.is_usage AND NOT p.is_usage) OR (c.is_call AND NOT p.is_call)
),
ahead AS (
    FROM further
    UNION
    SELECT p.trace_id, p.parent_span_id, a.usage AND NOT p.is_usage, a.call AND NOT p.is_call
    FROM ahead a JOIN halfway p USING (trace_id, span_id)
    WHERE (a.usage AND NOT p.is_usage) OR (a.call AND NOT p.is_call)
),
untyped AS MATERIALIZED (SELECT DISTINCT trace_id, span_id FROM beside WHERE span_type IS NULL AND is_used),
whole AS MATERIALIZED (SELECT * FROM light WHERE trace_id IN (SELECT trace_id FROM untyped)),
pairs AS (  -- of such traces, every span that counts or might, with each span above it
    SELECT trace_id, span_id, is_typed AND is_known AS counts, parent_span_id AS above
    FROM whole WHERE (is_typed AND is_known) OR (span_type IS NULL AND is_used)
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
SELECT trace_id, span_id, bool_or(usage) AS usage, bool_or(call) AS call, bool_or(alone) AS alone
FROM (
    SELECT trace_id, span_id, usage, call, false AS alone FROM ahead
    UNION ALL
    SELECT trace_id, span_id, false, false, true FROM alone
)
GROUP BY trace_id, span_id
"""
"""Of these: spans that usage or calls reach through others, and those of no known type that count."""
