"""How much happens in each stretch of time: spans, traces, calls and tokens, idle times included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.errors import InvalidArgument
from argus_lab.measures import counted as who
from argus_lab.measures.engines import asked, columns_of, lazily, returned
from argus_lab.measures.grouping import TIME, in_memory, keys, known_sum, length_us, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["throughput"]

NEEDED = (*who.NEEDED_OF_CALLS, "start_time", "status")
COUNTS = ("spans", "traces", "model_calls", "tool_calls", "errors")
TOKENS = ("input_tokens", "output_tokens")
KINDS = dict.fromkeys((*COUNTS, *TOKENS), "int")
ORDER = (*COUNTS, "spans_per_s", *TOKENS, "tokens_per_s")
MOST_ROWS = 10_000_000
INSTANT = pa.timestamp("us", "UTC")


def throughput(spans: Any, *, every: str, by: str | Sequence[str] | None = None) -> Any:
    """Spans, traces, calls, errors and tokens in each stretch of time.

    Parameters
    ----------
    spans
        A frame of whole traces: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame.
        A lazy frame is summed up in its engine, at once.
    every
        Stretches of time by the spans' start, such as ``"1h"`` or ``"15m"``, counted in UTC.
    by
        A column or several: rows for each combination of their values, null among them.

    Returns
    -------
    A frame of the same kind, sorted by ``time`` and ``by``. Every group has a row for every stretch from the
    first span of the frame to the last, so that series have no gaps and can be stacked. Spans without a
    start are in none.

    ``time``
        Start of the stretch, UTC.
    ``spans``
        Spans that start in it.
    ``traces``
        Traces that have a span which starts in it.
    ``model_calls``, ``input_tokens``, ``output_tokens``
        Calls of models and tokens of spans whose usage counts (:mod:`argus_lab.measures.counted`). Tokens
        are 0 where no span starts, and null where spans start and no count is known.
    ``tool_calls``, ``errors``
        Tool calls, one over MCP once, as in ``al.tool_calls``; and spans with the status ``ERROR``.
    ``spans_per_s``, ``tokens_per_s``
        Spans, and input and output tokens, by the seconds of the stretch.

    Raises
    ------
    InvalidArgument
        The stretches are so short, or the groups so many, that there would be over ten million rows.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.throughput import throughput
    >>> spans = al.open(tiny_lake).spans(project="customer-bot")
    >>> throughput(spans, every="2s")[["spans", "traces", "model_calls", "spans_per_s"]]
       spans  traces  model_calls  spans_per_s
    0      2       1            1          1.0
    1      2       1            1          1.0
    2      2       1            1          1.0
    """
    frame = asked(spans, NEEDED, by="throughput")
    names = keys(by, columns_of(frame), (*ORDER, TIME))
    length = length_us(every)
    lazy = lazily(frame, list(dict.fromkeys([*names, *NEEDED])))
    marked = who.marked(timed(lazy, length)).lazy().filter(~nw.col("start_time").is_null())
    counts = nw.col("is_counted")
    parts = marked.with_columns(
        nw.when(nw.col("status") == "ERROR").then(1).alias("error"),
        nw.when(nw.col("is_model_call")).then(1).alias("model call"),
        nw.when(nw.col("is_tool_call")).then(1).alias("tool call"),
        *(nw.when(counts).then(nw.col(name)).alias(f"counted {name}") for name in TOKENS),
    )
    groups = [TIME, *names]
    grouped = parts.group_by(*groups).agg(
        nw.len().alias("spans"),
        nw.col("trace_id").n_unique().alias("traces"),
        nw.col("model call").count().alias("model_calls"),
        nw.col("tool call").count().alias("tool_calls"),
        nw.col("error").count().alias("errors"),
        *(part for name in TOKENS for part in known_sum(f"counted {name}", name)),
    )
    rows = in_memory(grouped, groups, KINDS, TOKENS)
    return returned(_rates(_without_gaps(rows, names, length, every), length), spans)


def _without_gaps(rows: pa.Table, names: list[str], length: int, every: str) -> pa.Table:
    """A row for each group and stretch, zeros where there was none."""
    if not rows.num_rows:
        return rows
    moments = rows[TIME].cast(pa.int64()).to_numpy()
    stretches = np.arange(moments.min(), moments.max() + 1, length)
    groups, group = _distinct(rows, names)
    size = len(stretches) * groups.num_rows
    if size > MOST_ROWS:
        raise InvalidArgument(
            f"every={every!r} makes {len(stretches):,} stretches from {rows[TIME][0]} to {rows[TIME][-1]}, "
            f"for {groups.num_rows:,} groups: over {MOST_ROWS:,} rows. Take longer stretches or fewer groups."
        )
    at = (moments - stretches[0]) // length * groups.num_rows + group
    taken = np.full(size, -1, dtype=np.int64)
    taken[at] = np.arange(rows.num_rows)
    place = pa.array(np.where(taken < 0, 0, taken))
    is_there = pa.array(taken >= 0)
    columns: dict[str, Any] = {TIME: pa.array(np.repeat(stretches, groups.num_rows)).cast(INSTANT)}
    which = pa.array(np.tile(np.arange(groups.num_rows), len(stretches)))
    columns |= {name: groups[name].take(which) for name in names}
    none = pa.scalar(0, pa.int64())
    columns |= {name: pc.if_else(is_there, rows[name].take(place), none) for name in KINDS}
    return pa.table(columns)


def _distinct(rows: pa.Table, names: list[str]) -> tuple[pa.Table, np.ndarray[Any, np.dtype[np.int64]]]:
    """The groups in order, null last, and by row the place of its own."""
    numbered = rows.select(names).append_column("row", pa.array(np.arange(rows.num_rows)))
    if not names:
        return numbered.slice(0, 1), np.zeros(rows.num_rows, dtype=np.int64)
    listed = numbered.group_by(names, use_threads=False).aggregate([("row", "list")])
    listed = listed.sort_by([(name, "ascending") for name in names])
    members = listed["row_list"].combine_chunks()
    place = np.empty(rows.num_rows, dtype=np.int64)
    place[members.flatten().to_numpy()] = np.repeat(
        np.arange(listed.num_rows), pc.list_value_length(members).to_numpy()
    )
    return listed, place


def _rates(rows: pa.Table, length: int) -> pa.Table:
    seconds = length / 1e6
    known = pc.or_(pc.is_valid(rows["input_tokens"]), pc.is_valid(rows["output_tokens"]))
    total = pc.add(pc.fill_null(rows["input_tokens"], 0), pc.fill_null(rows["output_tokens"], 0))
    total = pc.if_else(known, total.cast(pa.float64()), pa.scalar(None, pa.float64()))
    rows = rows.append_column("spans_per_s", pc.divide(rows["spans"].cast(pa.float64()), seconds))
    rows = rows.append_column("tokens_per_s", pc.divide(total, seconds))
    names = [name for name in rows.column_names if name not in ORDER]
    return rows.select([*names, *ORDER])
