"""Which spans count, in DuckDB's words: the same as :mod:`argus_lab.measures.counted`, as joins.

One scan finds all: who is the parent of usage and calls, which spans hand them on upwards, which have usage
and no known type, and which are tool calls over MCP. What is rare is part of the same query. Its tables
are empty then, and DuckDB leaves off a scan as soon as it sees that what it is joined with is empty.

Spans are joined by hashes of their ids, since DuckDB joins numbers faster than texts: 64 bits of the trace
and 64 of the span. That in a lake of a billion spans two agree by chance has a probability under 10^-20.
"""
# ruff: noqa: S608  made of the constants below

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.measures.engines import lazy_frame, queried

if TYPE_CHECKING:
    import narwhals as nw

__all__ = ["counted_in_duckdb", "marked_in_duckdb"]


def marked_in_duckdb(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """A relation of whole traces with ``is_counted``, ``is_model_call`` and ``is_tool_call``."""
    return lazy_frame(queried(frame.to_native(), _MARKED))


def counted_in_duckdb(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The rows of a relation of whole traces that count.

    Keeps those columns of it that are asked for afterwards, so it is for few and light ones.
    """
    return lazy_frame(queried(frame.to_native(), _COUNTED))


_TYPED = "coalesce({0}span_type IN ('llm', 'embedding', 'reranker'), false)"
_OF_MODEL = "(coalesce({0}span_type = 'llm', false) OR coalesce({0}step_kind = 'llm_call', false))"
_ANSWER = "({0}span_type = 'llm' AND {0}step_kind IS NULL AND {0}component_type = 'llm')"
_CALL = f"({_OF_MODEL} AND NOT coalesce({_ANSWER}, false))"
_TOOL = "coalesce({0}step_kind = 'tool_call', {0}span_type = 'tool', false)"
_NAME = "coalesce({0}tool_name, {0}component_name)"
_MCP = f"({_TOOL} AND (coalesce({{0}}component_type = 'mcp', false) OR {{0}}mcp_method IS NOT NULL))"
_USED = "(coalesce({0}input_tokens, 0) + coalesce({0}output_tokens, 0) > 0)"
_KNOWN = "({0}input_tokens IS NOT NULL OR {0}output_tokens IS NOT NULL)"

_KEYS = """
    hash(trace_id) AS argus_trace, hash(span_id) AS argus_span,
    CASE WHEN nullif(parent_span_id, span_id) IS NOT NULL THEN hash(parent_span_id) END AS argus_parent
"""
_ROLES = f"""
    {_TYPED.format("")} AND {_USED.format("")} AS argus_usage,
    {_TYPED.format("")} AND {_KNOWN.format("")} AS argus_known,
    span_type IS NULL AND {_USED.format("")} AS argus_open
"""
_MADE = "argus_trace, argus_span, argus_parent, argus_usage, argus_known, argus_open"
_INSIDE = "(span_type IS NULL OR span_type NOT IN ('tool', 'agent'))"
"""Usage and calls are handed on upwards by spans that are no borders, and never beyond one."""

_IS = "{0}.argus_trace = {1}.argus_trace AND {0}.argus_span = {1}.argus_span"
_ABOVE = "{0}.argus_trace = {1}.argus_trace AND {0}.argus_span = {1}.argus_parent"
_OF = "hash(f.trace_id) = {0}.argus_trace AND hash(f.span_id) = {0}.{1}"

_OPEN = "open AS (SELECT argus_trace, argus_span FROM inside WHERE argus_open)"
_WHOLE = f"""
whole AS MATERIALIZED (
    SELECT {_KEYS}, {_ROLES} FROM frame SEMI JOIN open ON hash(frame.trace_id) = open.argus_trace
)
"""
_ALONE = f"""
pairs AS (  -- of such traces, every span that counts or might, with each span above it
    SELECT argus_trace, argus_span, argus_known, argus_parent
    FROM whole SEMI JOIN open USING (argus_trace) WHERE argus_known OR argus_open
    UNION
    SELECT p.argus_trace, p.argus_span, p.argus_known, w.argus_parent
    FROM pairs p JOIN whole w ON {_ABOVE.format("w", "p")}
),
alone AS (
    SELECT DISTINCT o.argus_trace, o.argus_span FROM open o
    ANTI JOIN pairs p ON {_ABOVE.format("o", "p")}
    ANTI JOIN (
        SELECT p.argus_trace, p.argus_span FROM pairs p JOIN whole w ON {_ABOVE.format("w", "p")}
        WHERE w.argus_known AND NOT p.argus_known
    ) b ON {_IS.format("o", "b")}
)
"""
"""Spans with usage and no known type that count, since no other counts above or below them."""

_FEW = "(SELECT unnest(spans, recursive := true) FROM (SELECT list({0}) AS spans FROM {1}))"
"""A table as one list, which the planner takes for short: of a recursion it assumes the opposite."""

_OVER_MCP = f"""
over_mcp AS (
    SELECT argus_trace, argus_span, argus_parent, argus_tool FROM scanned
    WHERE argus_tool IS NOT NULL AND argus_parent IS NOT NULL
),
whole AS MATERIALIZED (  -- traces with anything rare, read again
    SELECT {_KEYS}, {_ROLES}, CASE WHEN {_TOOL.format("")} THEN hash({_NAME.format("")}) END AS argus_tool,
        {_TOOL.format("")} OR {_OF_MODEL.format("")} OR coalesce(span_type = 'agent', false) AS argus_end
    FROM frame SEMI JOIN (SELECT argus_trace FROM open UNION ALL SELECT argus_trace FROM over_mcp) rare
        ON hash(frame.trace_id) = rare.argus_trace
)
"""
_REPEATED = f"""
climbing AS (
    FROM over_mcp
    UNION
    SELECT c.argus_trace, c.argus_span, a.argus_parent, c.argus_tool
    FROM climbing c JOIN whole a ON {_ABOVE.format("a", "c")} WHERE NOT a.argus_end
),
repeated AS (
    SELECT c.argus_trace, c.argus_span FROM climbing c
    SEMI JOIN whole a ON {_ABOVE.format("a", "c")} AND a.argus_tool = c.argus_tool
)
"""
"""Tool calls over MCP below a call of the same tool: the climb begins at these alone."""

_MARKED = f"""
WITH RECURSIVE scanned AS MATERIALIZED (
    SELECT {_KEYS}, {_ROLES}, {_INSIDE} AS argus_inside, {_CALL.format("")} AS argus_call,
        CASE WHEN {_MCP.format("")} THEN hash({_NAME.format("")}) END AS argus_tool
    FROM frame WHERE {_INSIDE} OR {_MCP.format("")}
),
inside AS (FROM scanned WHERE argus_inside),
handed AS MATERIALIZED (  -- to the parents of spans with usage, and of calls
    SELECT argus_trace, argus_parent, bool_or(argus_usage) AS usage, bool_or(argus_call) AS call
    FROM inside WHERE argus_parent IS NOT NULL AND (argus_usage OR argus_call) GROUP BY ALL
),
passing AS (SELECT * FROM inside WHERE argus_parent IS NOT NULL AND NOT (argus_usage AND argus_call)),
ahead AS (
    SELECT p.argus_trace, p.argus_parent, h.usage AND NOT p.argus_usage AS usage,
        h.call AND NOT p.argus_call AS call
    FROM passing p JOIN handed h ON {_ABOVE.format("p", "h")}
    WHERE (h.usage AND NOT p.argus_usage) OR (h.call AND NOT p.argus_call)
    UNION
    SELECT p.argus_trace, p.argus_parent, a.usage AND NOT p.argus_usage, a.call AND NOT p.argus_call
    FROM ahead a JOIN passing p ON {_ABOVE.format("p", "a")}
    WHERE (a.usage AND NOT p.argus_usage) OR (a.call AND NOT p.argus_call)
),
{_OPEN},
{_OVER_MCP},
{_ALONE},
{_REPEATED},
rare AS (
    SELECT argus_trace, argus_span, bool_or(usage) AS usage, bool_or(call) AS call, bool_or(alone) AS alone,
        bool_or(repeated) AS repeated
    FROM (
        SELECT argus_trace, argus_parent AS argus_span, usage, call, false AS alone, false AS repeated
        FROM ahead
        UNION ALL
        SELECT argus_trace, argus_span, false, false, true, false FROM alone
        UNION ALL
        SELECT argus_trace, argus_span, false, false, false, true FROM repeated
    )
    GROUP BY ALL
)
SELECT f.*,
    {_KNOWN.format("f.")} AND (coalesce(r.alone, false) OR ({_TYPED.format("f.")}
        AND NOT ((coalesce(h.usage, false) OR coalesce(r.usage, false)) AND {_USED.format("f.")}))
    ) AS is_counted,
    {_CALL.format("f.")} AND NOT (coalesce(h.call, false) OR coalesce(r.call, false)) AS is_model_call,
    {_TOOL.format("f.")} AND NOT coalesce(r.repeated, false) AS is_tool_call
FROM frame f
LEFT JOIN handed h ON {_OF.format("h", "argus_parent")}
LEFT JOIN {_FEW.format("rare", "rare")} r ON {_OF.format("r", "argus_span")}
"""

_COUNTED = f"""
WITH RECURSIVE inside AS MATERIALIZED (SELECT *, {_KEYS}, {_ROLES} FROM frame WHERE {_INSIDE}),
below AS (SELECT * FROM inside WHERE argus_parent IS NOT NULL),
handed AS (SELECT DISTINCT argus_trace, argus_parent FROM below WHERE argus_usage),
passing AS (SELECT argus_trace, argus_span, argus_parent FROM below WHERE NOT argus_usage),
ahead AS (
    SELECT p.argus_trace, p.argus_parent FROM passing p SEMI JOIN handed h ON {_ABOVE.format("p", "h")}
    UNION
    SELECT p.argus_trace, p.argus_parent FROM ahead a JOIN passing p ON {_ABOVE.format("p", "a")}
),
{_OPEN},
{_WHOLE},
{_ALONE},
wrapping AS (FROM handed UNION ALL FROM {_FEW.format("ahead", "ahead")})
SELECT i.* EXCLUDE ({_MADE})
FROM inside i ANTI JOIN wrapping w ON {_ABOVE.format("i", "w")} AND i.argus_usage WHERE i.argus_known
UNION ALL
SELECT i.* EXCLUDE ({_MADE})
FROM inside i SEMI JOIN {_FEW.format("alone", "alone")} a ON {_IS.format("i", "a")} WHERE i.argus_open
"""
