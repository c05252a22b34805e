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
from argus_lab.measures.wrappers import counted_in_duckdb, marked_in_duckdb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from argus_lab.measures.engines import Frame
    from argus_lab.measures.trees import Places

    Flags = NDArray[np.bool_]

__all__ = [
    "BORDERS",
    "COUNTED",
    "MODEL_CALL",
    "NEEDED",
    "counted",
    "counted_lazily",
    "flags",
    "marked",
    "marked_lazily",
]

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
    if frame.implementation.is_duckdb():
        return marked_in_duckdb(frame)
    exceptions = deferred(frame.select(*NEEDED), _exceptions, schema=_MARKS)
    joined = frame.join(exceptions, on=list(KEY), how="left")
    typed = nw.col("span_type").is_in(COUNTED).fill_null(value=False)
    marks = {name: nw.col(name).fill_null(value=False) for name in _MARKS.names[2:]}
    is_counted = _IS_KNOWN & ((typed & ~marks["wraps_usage"]) | marks["stands_alone"])
    is_call = MODEL_CALL & ~marks["wraps_call"]
    return joined.with_columns(is_counted.alias("is_counted"), is_call.alias("is_model_call")).drop(*marks)


def counted_lazily(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The rows of a lazy frame that count, lazily; in DuckDB cheaper than with marks."""
    if frame.implementation.is_duckdb():
        return counted_in_duckdb(frame)
    # Said twice: the engine can tell the second before it looks for wrappers.
    return marked_lazily(frame).filter(nw.col("is_counted") & _IS_KNOWN)


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
