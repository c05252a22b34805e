"""What each model call cost: the parts of its price, and why a call has none."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures import counted as who
from argus_lab.measures import prices
from argus_lab.measures.charges import Charges, charged, flaw, step
from argus_lab.measures.engines import asked, collected, returned

__all__ = ["NEEDED", "charges_of", "costs"]

KEYS = ("project", "session_id", "trace_id", "span_id", "start_time", "provider", "request_model")
USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
NEEDED = (*KEYS, "response_model", "span_type", *USAGE, "cost_usd")


def costs(spans: Any) -> Any:
    """What each call cost by list price on the day it was made, in parts, beside what its sender reported.

    Calls are the spans whose usage counts (:mod:`argus_lab.measures.counted`): each call once, whoever
    repeats its usage. Prices are those of the installed ``genai-prices`` release for the span's start;
    discounts of batches and service tiers are not known to it from a span. Models that run on machines of
    one's own, and models that the table does not have, cost null, never 0; ``why_unpriced`` says which it is.

    Parameters
    ----------
    spans
        A frame of whole traces: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame.

    Returns
    -------
    A frame of the same kind, a row a call, sorted by ``start_time``, ``trace_id``, ``span_id``:

    ``project``, ``session_id``, ``trace_id``, ``span_id``, ``start_time``, ``provider``,
    ``request_model``, ``response_model``, ``input_tokens``, ``output_tokens``, ``cache_read_tokens``,
    ``cache_write_tokens``, ``reasoning_tokens``
        As in the span table.
    ``fresh_input_cost_usd``, ``cache_read_cost_usd``, ``cache_write_cost_usd``, ``output_cost_usd``
        US dollars for input tokens that were in no cache, for those read from and written to one, and
        for the answer with its reasoning. Cache counts that were not sent are taken as 0.
    ``request_cost_usd``
        What a request costs beside its tokens; 0 for most models.
    ``cost_usd``
        Their sum; null if one of them is not known.
    ``reported_cost_usd``
        The cost that the span itself reports.
    ``price_source``
        Entry of the price table, ``provider/model``.
    ``why_unpriced``
        Why ``cost_usd`` is null, in words.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.costs import costs
    >>> costs(al.open(tiny_lake).spans())[["request_model", "cost_usd", "why_unpriced"]].head(1)
      request_model  cost_usd                                       why_unpriced
    0      llama3.2       NaN  ollama runs models on machines of your own: th...
    """
    frame = asked(spans, dict.fromkeys((*NEEDED, *who.NEEDED)), by="costs")
    calls = who.counted(frame, by="costs")
    order = [(name, "ascending") for name in ("start_time", "trace_id", "span_id")]
    return returned(_described(collected(calls, NEEDED).sort_by(order)), spans)


def charges_of(rows: pa.Table) -> Charges:
    """The charges of calls, a row each."""
    calls = nw.from_native(rows, eager_only=True)
    calls = calls.with_columns(step().alias("step"), flaw().alias("flaw"), nw.lit(1).alias("calls"))
    start = rows["start_time"].cast(pa.int64())
    into = np.mod(pc.fill_null(start, 0).to_numpy(), prices.period_us())
    period = pc.subtract(start, pa.array(into, pa.int64()))
    return charged(calls.to_arrow().append_column("period", period))


def _described(rows: pa.Table) -> pa.Table:
    found = charges_of(rows)
    columns: dict[str, Any] = {name: rows[name] for name in (*KEYS, "response_model", *USAGE)}
    parts = {
        "fresh_input_cost_usd": found.fresh,
        "cache_read_cost_usd": found.cache_read,
        "cache_write_cost_usd": found.cache_write,
        "output_cost_usd": found.output,
        "request_cost_usd": found.request,
        "cost_usd": found.total,
    }
    columns |= {name: pa.array(values, pa.float64(), from_pandas=True) for name, values in parts.items()}
    columns["reported_cost_usd"] = rows["cost_usd"]
    return pa.table(columns | {"price_source": found.source, "why_unpriced": found.why})
