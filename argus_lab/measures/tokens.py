"""Tokens and what they cost, summed: each call once, and never silently 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures import counted as who
from argus_lab.measures import prices as price_table
from argus_lab.measures.aggregates import Of, aggregated
from argus_lab.measures.charges import PRICED_BY, charged, flaw, step
from argus_lab.measures.engines import asked, columns_of, lazily, returned
from argus_lab.measures.grouping import TIME, in_groups, in_memory, keys, length_us, settled, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    Lazy = nw.LazyFrame[Any]

__all__ = ["alike_calls", "tokens", "tokens_of_alike", "tokens_of_calls"]

USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
SUMS = (*USAGE, "fresh_input_tokens", "total_tokens", "reported_cost_usd")
KINDS = {"calls": "int", **dict.fromkeys(SUMS, "int")} | {"reported_cost_usd": "float"}
"""The columns of the result without prices and their types."""
TOTALS = {"calls": Of("rows"), **{name: Of("sum", name) for name in SUMS if name != "total_tokens"}}
PRICED = ("cost_usd", "priced_calls", "unpriced_calls", "unpriced_models")
ORDER = [name for name in KINDS if name != "reported_cost_usd"]
ORDER += ["cost_usd", "reported_cost_usd", "priced_calls", "unpriced_calls", "unpriced_models"]
MODELS = ("provider", "request_model", "response_model", "start_time")
NO_MODEL = "(no model)"

_CACHED = nw.col("cache_read_tokens").fill_null(0) + nw.col("cache_write_tokens").fill_null(0)
_INPUT, _OUTPUT = nw.col("input_tokens"), nw.col("output_tokens")
_FRESH = _INPUT - _CACHED
_PARTS = (
    nw.when(_FRESH >= 0).then(_FRESH).alias("fresh_input_tokens"),
    nw.col("cost_usd").alias("reported_cost_usd"),
)
_TOTAL = (_INPUT.fill_null(0) + _OUTPUT.fill_null(0)).alias("total_tokens")  # of what counts, one is known


def tokens(
    spans: Any, *, by: str | Sequence[str] | None = None, every: str | None = None, prices: bool = True
) -> Any:
    """Tokens of the model calls and what they cost.

    Summed are the spans whose usage counts (:mod:`argus_lab.measures.counted`): each call once, whoever
    repeats its usage. A sum over no known number is null. Costs are those of
    :func:`~argus_lab.measures.costs.costs`: by list price on the day of the call. Calls without a price are
    counted and their models named.

    Parameters
    ----------
    spans
        A frame of whole traces: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame.
    by
        A column or several: a row for each combination of their values, null among them.
    every
        Stretches of time by the calls' start, such as ``"1h"`` or ``"1d"``, counted in UTC.
    prices
        Whether to price the calls. A lazy frame is then read at once (summed up in its engine first);
        without prices it stays lazy.

    Returns
    -------
    A frame of the same kind, sorted by ``time`` and ``by``:

    ``time`` (with ``every``)
        Start of the stretch, UTC; null for calls without a start.
    ``calls``
        Calls whose usage counts.
    ``input_tokens``, ``output_tokens``
        Cached tokens and reasoning included.
    ``cache_read_tokens``, ``cache_write_tokens``, ``reasoning_tokens``
        Parts of these, where they were sent.
    ``fresh_input_tokens``
        Input tokens that were in no cache; caches not sent are taken as empty. Calls that count more
        cached tokens than input are left out (``audit_tokens`` lists them).
    ``total_tokens``
        Input and output.
    ``reported_cost_usd``
        Cost that the senders themselves reported, US dollars.
    ``cost_usd``
        Cost of the calls that have a price, US dollars.
    ``priced_calls``, ``unpriced_calls``
        How many have one and how many have none.
    ``unpriced_models``
        The models of the latter, sorted, joined by ``", "``; null if there are none. Why they have no
        price, ``costs`` says.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.tokens import tokens
    >>> spans = al.open(tiny_lake).spans()
    >>> tokens(spans, by="project")[["project", "calls", "input_tokens", "unpriced_models"]]
            project  calls  input_tokens unpriced_models
    0  customer-bot      3          4300        llama3.2
    1      shop-bot      1          1200        llama3.2
    """
    needed = dict.fromkeys((*who.NEEDED, *USAGE, "cost_usd", *MODELS))
    frame = asked(spans, needed, by="tokens")
    groups = keys(by, columns_of(frame), (*KINDS, *PRICED, TIME, "period", "step", "flaw"))
    lazy = lazily(frame, list(dict.fromkeys([*groups, *needed])))
    if every:
        lazy, groups = timed(lazy, length_us(every)), [TIME, *groups]
    calls = who.counted_lazily(lazy).with_columns(*_PARTS)
    if prices:
        return _priced(calls, spans, groups)
    calls, at = in_groups(calls, groups)
    return settled(_added_up(calls, at), spans, groups, KINDS)


def tokens_of_calls(
    calls: Any,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    cost: str = "list_cost_usd",
) -> pa.Table:
    """The same of calls of which it is known already that they count, and what each costs; in memory.

    Parameters
    ----------
    calls
        A frame of the spans that count, with a column of their costs by list price (null: no price).
    by, every
        As in :func:`tokens`.
    cost
        That column.

    Examples
    --------
    >>> import pandas as pd
    >>> from argus_lab.testing import make_span
    >>> calls = pd.DataFrame([make_span(n, input_tokens=9, request_model="m") for n in (1, 2)])
    >>> found = tokens_of_calls(calls.assign(paid=[0.5, None]), cost="paid").to_pandas()
    >>> found[["calls", "cost_usd", "unpriced_models"]]
       calls  cost_usd unpriced_models
    0      2       0.5               m
    """
    return tokens_of_alike(alike_calls(calls, by=by, every=every, cost=cost), by=by, with_time=bool(every))


def alike_calls(
    calls: Any,
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
    cost: str = "list_cost_usd",
) -> pa.Table:
    """What :func:`tokens_of_calls` tells, with a row for the calls of a group that have a price, and others.

    Those without one have a row for each model. Of these rows, or of some of them, :func:`tokens_of_alike`
    tells the same by fewer columns. Parameters are those of :func:`tokens_of_calls`.
    """
    needed = dict.fromkeys((*USAGE, "cost_usd", *MODELS, cost))
    frame = asked(calls, needed, by="tokens_of_calls")
    groups = keys(by, columns_of(frame), (*KINDS, *PRICED, TIME))
    lazy = lazily(frame, list(dict.fromkeys([*groups, *needed])))
    if every:
        lazy, groups = timed(lazy, length_us(every)), [TIME, *groups]
    named = nw.coalesce("response_model", "request_model", nw.lit(NO_MODEL))
    paid = nw.col(cost)
    unpriced = nw.when(paid.is_null()).then(named)
    lazy = lazy.with_columns(*_PARTS, paid.alias("paid"), unpriced.alias("unpriced_models"))
    at = [*groups, "unpriced_models"]
    alike = _added_up(lazy, at, paid=Of("sum", "paid"))
    rows = in_memory(alike, at, KINDS | {"paid": "float"})
    count, none = rows["calls"], pa.scalar(0, pa.int64())
    is_priced = pc.is_null(rows["unpriced_models"])
    rows = rows.rename_columns({"paid": "cost_usd"})
    rows = rows.append_column("priced_calls", pc.if_else(is_priced, count, none))
    return rows.append_column("unpriced_calls", pc.if_else(is_priced, none, count))


def tokens_of_alike(
    rows: pa.Table, *, by: str | Sequence[str] | None = None, with_time: bool = False
) -> pa.Table:
    """What :func:`tokens_of_calls` tells by these columns, of rows of :func:`alike_calls` that have them.

    Examples
    --------
    >>> import pandas as pd
    >>> from argus_lab.testing import make_span
    >>> calls = pd.DataFrame([make_span(n, input_tokens=9, service=name) for n, name in enumerate("aab")])
    >>> rows = alike_calls(calls.assign(list_cost_usd=0.5), by=["service", "project"])
    >>> found = tokens_of_alike(rows, by="project").to_pandas()
    >>> found[["project", "calls", "input_tokens", "cost_usd"]]
            project  calls  input_tokens  cost_usd
    0  customer-bot      3            27       1.5
    """
    names = keys(by, rows.column_names, (*KINDS, *PRICED, TIME))
    groups = [TIME, *names] if with_time else names
    return _summed(rows.select([*groups, *KINDS, *PRICED]), groups)


def _added_up(calls: Lazy, at: Sequence[str], **more: Of) -> Lazy:
    return aggregated(calls, at, TOTALS | more).with_columns(_TOTAL)


def _priced(calls: Lazy, spans: Any, groups: list[str]) -> Any:
    """The engine sums up calls that have one price; those few sums are priced and summed up again."""
    names = {name: f"call's {name}" for name in PRICED_BY}  # a group may be by provider, say
    calls = timed(calls, price_table.period_us(), "period")
    calls = calls.with_columns(step().alias("step"), flaw().alias("flaw"))
    calls = calls.with_columns(**{alias: nw.col(name) for name, alias in names.items()})
    grouped = _added_up(calls, [*groups, *names.values()])
    alike = in_memory(grouped, [*groups, *names.values()], KINDS)
    same_price = alike.select([*names.values(), *USAGE, "calls"])
    same_price = same_price.rename_columns([*PRICED_BY, *USAGE, "calls"])
    moment = PRICED_BY.index("period")
    same_price = same_price.set_column(moment, "period", same_price["period"].cast(pa.int64()))
    found = charged(same_price)
    is_priced = pc.is_null(found.why)
    count = alike["calls"]
    none = pa.scalar(0, pa.int64())
    named = pc.coalesce(same_price["response_model"], same_price["request_model"], pa.scalar(NO_MODEL))
    rows = alike.select([*groups, *KINDS])
    rows = rows.append_column("cost_usd", pa.array(found.total, pa.float64(), from_pandas=True))
    rows = rows.append_column("priced_calls", pc.if_else(is_priced, count, none))
    rows = rows.append_column("unpriced_calls", pc.if_else(is_priced, none, count))
    rows = rows.append_column("unpriced_models", pc.if_else(is_priced, pa.scalar(None, pa.string()), named))
    return returned(_summed(rows, groups), spans)


def _summed(rows: pa.Table, groups: Sequence[str]) -> pa.Table:
    """One row a group of the rows that are alike in their price."""
    ways = dict.fromkeys((*KINDS, *PRICED), "sum") | {"unpriced_models": "distinct"}
    if not groups:
        rows = rows.append_column("all", pa.array([0] * rows.num_rows, pa.int8()))
    at = list(groups) or ["all"]
    found = rows.group_by(at, use_threads=False).aggregate(list(ways.items()))
    found = found.rename_columns([*at, *ways])
    lists = found["unpriced_models"].to_pylist()
    texts = [", ".join(sorted(filter(None, names))) or None for names in lists]
    found = found.set_column(
        found.column_names.index("unpriced_models"), "unpriced_models", pa.array(texts, pa.string())
    )
    if groups:
        found = found.sort_by([(name, "ascending") for name in groups])
    return found.select([*groups, *ORDER])
