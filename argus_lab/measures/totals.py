"""What traces and sessions add up to: spans, calls, tokens, cost, names. Lazy, in the engine of the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa

from argus_lab.measures import counted, membership
from argus_lab.measures.aggregates import Of
from argus_lab.measures.engines import collected, lazily, returned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_lab.measures.engines import Frame

    Lazy = nw.LazyFrame[Any]

__all__ = ["NEEDED", "SUMS", "TEXTS", "TOTALS", "finished", "prepared"]

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
SUMS = (*TOKENS, "cost_usd")
"""Columns summed over the spans that count."""
TEXTS = ("input_text", "output_text")
"""Heavy columns, used if they are there."""
WHOSE = ("project", "service", "name", "user_id", "status", "end_time", "duration_ns")
NAMES = ("request_model", "response_model", "agent_name")
NEEDED = tuple(dict.fromkeys((*membership.NEEDED, *counted.NEEDED_OF_CALLS, *SUMS, *WHOSE, *NAMES)))
"""Columns of the span table that totals are made of."""
_LATEST = 2**63 - 1


def prepared(frame: Frame, more: Sequence[str] = ()) -> tuple[Lazy, Lazy]:
    """The spans, lazily, with what the totals are made of; and the same without what calls are counted by.

    The second is cheaper to read. ``more`` columns are kept too.
    """
    lazy = membership.with_sessions(lazily(frame, [*NEEDED, *more]))
    plain = lazy.with_columns(
        (nw.col("status") == "ERROR").fill_null(value=False).cast(nw.Int64).alias("error"),
        (nw.col("start_unix_nano") + nw.col("duration_ns")).alias("end_ns"),
        nw.coalesce(nw.col("request_model"), nw.col("response_model")).alias("model"),
        # Both ends of a call over MCP have one name: which is the call need not be known.
        nw.when(counted.TOOL_CALL).then(nw.coalesce("tool_name", "component_name")).alias("tool"),
        nw.col("start_unix_nano").fill_null(_LATEST).alias("at"),
        nw.col("span_id").fill_null("").alias("span"),
        # In a trace with calls, the lowest is no wrapper: which ones are need not be known.
        counted.MODEL_CALL.alias("called"),
        (~nw.col("parent_span_id").is_null()).cast(nw.Int64).alias("child"),
    )
    sums = [nw.when(nw.col("is_counted")).then(nw.col(name)).alias(name) for name in SUMS]
    calls = [nw.col(f"is_{name}").cast(nw.Int64).alias(name) for name in ("model_call", "tool_call")]
    return counted.marked_lazily(plain).with_columns(*sums, *calls), plain


TOTALS = {
    "start_time": Of("least", "start_time"),
    "end_time": Of("most", "end_time"),
    "start_ns": Of("least", "start_unix_nano"),
    "end_ns": Of("most", "end_ns"),
    "spans": Of("rows"),
    "model_calls": Of("sum", "model_call"),
    "tool_calls": Of("sum", "tool_call"),
    "errors": Of("sum", "error"),
    **{name: Of("sum", name) for name in TOKENS},
    "reported_cost_usd": Of("sum", "cost_usd"),
    "models": Of("names", "model"),
    "tools": Of("names", "tool"),
}
"""The aggregates of a group of prepared spans."""


def finished(groups: Lazy, like: Any, kinds: Mapping[str, pa.DataType], order: Sequence[str]) -> Any:
    """The groups with these columns in these types, sorted, as the kind of frame that came in."""
    ends = (nw.col("end_ns") - nw.col("start_ns")) / 1_000_000
    known = {"duration_ms": ends}
    columns = [_cast(known.get(name, nw.col(name)), kind).alias(name) for name, kind in kinds.items()]
    rows = groups.select(*columns).sort(*order, nulls_last=True)
    if isinstance(nw.from_native(like), nw.LazyFrame):
        return rows.to_native()
    return returned(collected(rows, list(kinds)).cast(pa.schema(list(kinds.items()))), like)


def _cast(column: nw.Expr, kind: pa.DataType) -> nw.Expr:
    if pa.types.is_integer(kind):
        return column.cast(nw.Int64)
    return column.cast(nw.Float64) if pa.types.is_floating(kind) else column
