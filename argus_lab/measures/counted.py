"""Which spans count: whose usage is summed, which are model calls, and which are tool calls. Each once.

**Usage.** Spans of the types ``llm``, ``embedding`` and ``reranker`` whose input or output tokens are
known count. A *wrapper* does not: a span with usage that has another one with usage below it and no tool
or agent in between, such as the span of a framework around that of the provider's own instrumentation.
Agents and chains sum up what is below them and never count. A span of no known type with usage (an
instrumentation we do not know) counts if no other counts above or below it.

**Model calls.** Spans with ``span_type`` ``llm`` or ``step_kind`` ``llm_call``, again without wrappers:
of two calls above one another with no tool or agent in between, the lower is the call. An answer that
came in a span of its own (Logfire does so when it streams: type and component ``llm``, no step kind)
is no second call, though its usage counts.

**Tool calls.** Spans with ``step_kind`` ``tool_call``, or of the type ``tool`` if no step kind is known. A
call over MCP that several spans recorded (the framework's, the client's, the server's) is one call, the
outermost: a tool call over MCP (component type ``mcp``, or an MCP method) is left out if the nearest tool
call, model call or agent above it is a call of the same tool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.engines import asked, collected, columns_of, deferred
from argus_lab.measures.trees import NONE, climbed, nearest, parents
from argus_lab.measures.wrappers import counted_in_duckdb, marked_in_duckdb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from argus_lab.measures.engines import Frame
    from argus_lab.measures.trees import Places

    Flags = NDArray[np.bool_]

__all__ = [
    "ANSWER",
    "BORDERS",
    "COUNTED",
    "MODEL_CALL",
    "NEEDED",
    "NEEDED_OF_CALLS",
    "TOOL_CALL",
    "Marks",
    "answers",
    "counted",
    "counted_lazily",
    "marked",
    "marked_lazily",
    "marks",
    "tools",
]

COUNTED = ("llm", "embedding", "reranker")
"""Types of spans whose usage is summed; agents and chains repeat it."""
BORDERS = ("tool", "agent")
"""Types of spans below which something of its own happens."""
KEY = ("trace_id", "span_id")
NEEDED = (*KEY, "parent_span_id", "span_type", "step_kind", "input_tokens", "output_tokens")
"""Columns that tell whose usage counts."""
NEEDED_OF_CALLS = (*NEEDED, "component_type", "component_name", "tool_name", "mcp_method")
"""Columns that tell which spans are calls, too."""


def _holds(name: str, value: str) -> nw.Expr:
    return (nw.col(name) == value).fill_null(value=False)


ANSWER = _holds("span_type", "llm") & nw.col("step_kind").is_null() & _holds("component_type", "llm")
"""Answers of model calls that came in a span of their own."""
MODEL_CALL = (_holds("span_type", "llm") | _holds("step_kind", "llm_call")) & ~ANSWER
"""The spans of model calls, wrappers among them."""
TOOL_CALL = _holds("step_kind", "tool_call") | (
    nw.col("step_kind").is_null() & _holds("span_type", "tool")
)  # fmt: skip
"""The spans of tool calls, both ends of a call over MCP among them."""

_IS_KNOWN = ~nw.col("input_tokens").is_null() | ~nw.col("output_tokens").is_null()
_MARKS = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("wraps_usage", pa.bool_()),
        ("wraps_call", pa.bool_()),
        ("stands_alone", pa.bool_()),
        ("repeats_call", pa.bool_()),
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
    chosen = marked(_whole(frame)).filter(nw.col("is_counted")).select(*columns_of(frame))
    if isinstance(spans, (nw.DataFrame, nw.LazyFrame)):
        return chosen
    return (
        nw.maybe_reset_index(chosen).to_native() if isinstance(chosen, nw.DataFrame) else chosen.to_native()
    )


def marked(frame: Frame) -> Frame:
    """The frame with ``is_counted``, ``is_model_call`` and ``is_tool_call``, never null, behind its columns.

    Eager frames keep the order of their rows.
    """
    if isinstance(frame, nw.DataFrame):
        found = marks(collected(frame, NEEDED_OF_CALLS))
        frame = nw.maybe_reset_index(frame)
        return frame.with_columns(*(_series(frame, name, flags) for name, flags in found._asdict().items()))
    return marked_lazily(frame)


def marked_lazily(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The same for a lazy frame, lazily."""
    if frame.implementation.is_duckdb():
        return marked_in_duckdb(frame)
    exceptions = deferred(frame.select(*NEEDED_OF_CALLS), _exceptions, schema=_MARKS)
    joined = frame.join(exceptions, on=list(KEY), how="left")
    typed = nw.col("span_type").is_in(COUNTED).fill_null(value=False)
    told = {name: nw.col(name).fill_null(value=False) for name in _MARKS.names[2:]}
    found = {
        "is_counted": _IS_KNOWN & ((typed & ~told["wraps_usage"]) | told["stands_alone"]),
        "is_model_call": MODEL_CALL & ~told["wraps_call"],
        "is_tool_call": TOOL_CALL & ~told["repeats_call"],
    }
    return joined.with_columns(**found).drop(*told)


def counted_lazily(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The rows of a lazy frame that count, lazily; in DuckDB cheaper than with marks."""
    if frame.implementation.is_duckdb():
        return counted_in_duckdb(frame)
    # Said twice: the engine can tell the second before it looks for wrappers.
    return marked_lazily(_whole(frame)).filter(nw.col("is_counted") & _IS_KNOWN)


def _whole(frame: Any) -> Any:
    """The frame with nulls for columns that it lacks: those that tell calls tell nothing of usage."""
    have = columns_of(frame)
    unknown = {name: nw.lit(None, nw.String) for name in NEEDED_OF_CALLS if name not in have}
    return frame.with_columns(**unknown) if unknown else frame


class Marks(NamedTuple):
    """By row of whole traces, each call once."""

    is_counted: Flags
    is_model_call: Flags
    is_tool_call: Flags


def marks(rows: pa.Table) -> Marks:
    """Does its usage count, is it a model call, is it a tool call."""
    found = _roles(rows)
    return Marks(
        found.known & ((found.typed & ~found.wraps_usage) | found.alone),
        found.call & ~found.wraps_call,
        found.tool & ~found.repeats,
    )


def answers(rows: pa.Table) -> Flags:
    """Answers of model calls that came in a span of their own: no calls."""
    found: Flags = (
        _is_in(rows["span_type"], ("llm",))
        & _flags(pc.is_null(rows["step_kind"]))
        & _is_in(rows["component_type"], ("llm",))
    )
    return found


def tools(rows: pa.Table) -> Flags:
    """The spans of tool calls, both ends of a call over MCP among them."""
    by_type = _is_in(rows["span_type"], ("tool",)) & _flags(pc.is_null(rows["step_kind"]))
    found: Flags = _is_in(rows["step_kind"], ("tool_call",)) | by_type
    return found


def _exceptions(rows: pa.Table) -> pa.Table:
    roles = _roles(rows)
    marked_by = (roles.wraps_usage, roles.wraps_call, roles.alone, roles.repeats)
    chosen = np.flatnonzero(np.logical_or.reduce(marked_by))
    keys = [rows[name].take(chosen) for name in KEY]
    found = pa.table([*keys, *(mark[chosen] for mark in marked_by)], schema=_MARKS)
    told = found.group_by(list(KEY)).aggregate([(name, "max") for name in _MARKS.names[2:]])
    return told.rename_columns(_MARKS.names)  # a row a span, though a span may have come twice


class _Roles(NamedTuple):
    known: Flags
    """Its usage is known."""
    typed: Flags
    """Of a type whose usage counts."""
    wraps_usage: Flags
    alone: Flags
    """Counting for want of a type."""
    call: Flags
    wraps_call: Flags
    tool: Flags
    repeats: Flags
    """An end of a call over MCP that stands below another one."""


def _roles(rows: pa.Table) -> _Roles:
    kind, sent, answered = rows["span_type"], rows["input_tokens"], rows["output_tokens"]
    total = pc.add(pc.fill_null(sent, 0), pc.fill_null(answered, 0))
    known = _flags(pc.or_(pc.is_valid(sent), pc.is_valid(answered)))
    used = _flags(pc.greater(total, 0))
    typed = _is_in(kind, COUNTED)
    of_model = _is_in(kind, ("llm",)) | _is_in(rows["step_kind"], ("llm_call",))
    call = of_model & ~answers(rows)
    border = _is_in(kind, BORDERS)
    parent = parents(rows)
    source = used & typed
    wraps_usage = source & climbed(parent, source, source | border)
    wraps_call = call & climbed(parent, call, call | border)
    alone = _alone(rows, parent, known & typed, used)
    tool = tools(rows)
    repeats = _repeats(rows, parent, tool, of_model | _is_in(kind, ("agent",)))
    return _Roles(known, typed, wraps_usage, alone, call, wraps_call, tool, repeats)


def _repeats(rows: pa.Table, parent: Places, tool: Flags, other: Flags) -> Flags:
    """Calls over MCP that repeat the call above them: same tool, no other call and no agent between."""
    found = np.zeros(rows.num_rows, dtype=np.bool_)
    is_mcp = _is_in(rows["component_type"], ("mcp",)) | _flags(pc.is_valid(rows["mcp_method"]))
    inner = np.flatnonzero(tool & is_mcp & (parent >= 0))
    if not len(inner):
        return found
    above = nearest(parent, tool | other)[inner]
    inner, above = inner[above >= 0], above[above >= 0]
    inner, above = inner[tool[above]], above[tool[above]]
    names = pc.coalesce(rows["tool_name"], rows["component_name"])
    found[inner] = _flags(pc.equal(names.take(inner), names.take(above)))
    return found


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
