"""How long spans take, how soon models answer, and how fast they write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from argus_lab.measures.engines import asked, columns_of, lazily, quoted
from argus_lab.measures.grouping import TIME, in_groups, keys, length_us, settled, timed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Lazy = nw.LazyFrame[Any]

__all__ = ["DURATIONS", "FIRST_TOKENS", "KINDS", "SEEN", "latency", "latency_of"]

USAGE = ("output_tokens", "reasoning_tokens")
NEEDED = ("duration_ms", "status", "time_to_first_token_ms", "span_type", "step_kind", *USAGE)
QUANTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99}
FIRST = {"ttft_p50_ms": 0.5, "ttft_p95_ms": 0.95}
DURATIONS = {
    "count": "int",
    "mean_ms": "float",
    **dict.fromkeys(QUANTILES, "float"),
    "max_ms": "float",
    "errors": "int",
}
FIRST_TOKENS = {"ttft_count": "int", **dict.fromkeys(FIRST, "float"), "output_tokens_per_s": "float"}
KINDS = DURATIONS | FIRST_TOKENS
"""The columns of the result and their types."""
SEEN = {"spans": "int", "first_us": "int", "last_us": "int"}
"""Further ones: all spans of the group, and when the first and the last of them started, Unix µs."""


def latency(spans: Any, *, by: str | Sequence[str] | None = None, every: str | None = None) -> Any:
    """How long spans take: mean and quantiles of their durations, time to first token, writing speed.

    Parameters
    ----------
    spans
        A frame of spans: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame.
    by
        A column or several: a row for each combination of their values, null among them.
    every
        Stretches of time by the spans' start, such as ``"1h"`` or ``"15m"``, counted in UTC.

    Returns
    -------
    A frame of the same kind, sorted by ``time`` and ``by``:

    ``time`` (with ``every``)
        Start of the stretch, UTC; null for spans without a start.
    ``count``
        Spans whose duration is known. The milliseconds below are theirs.
    ``mean_ms``, ``p50_ms``, ``p90_ms``, ``p95_ms``, ``p99_ms``, ``max_ms``
        Milliseconds. Quantiles are interpolated linearly (Hyndman & Fan 1996, type 7: what NumPy, pandas
        and DuckDB's ``quantile_cont`` compute), so they are exact, not estimated.
    ``errors``
        Spans with the status ``ERROR``, whether their duration is known or not.
    ``ttft_count``, ``ttft_p50_ms``, ``ttft_p95_ms``
        Spans whose time to first token is known, and its quantiles, milliseconds. Wrappers are among
        them: one that tells the time of the call below it is one more.
    ``output_tokens_per_s``
        Median over the spans of model calls, wrappers among them, of their writing speed:
        ``output_tokens`` by the seconds from the first token to the end. By the whole duration where the
        first token's time is unknown, and for calls with ``reasoning_tokens``: nobody knows whether those
        came before the first token or were streamed. Calls that wrote nothing or took no time are left out.

    Where nothing is known, a number is null.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.latency import latency
    >>> spans = al.open(tiny_lake).spans(project="customer-bot")
    >>> latency(spans, by="name")[["name", "count", "p50_ms"]]
                      name  count  p50_ms
    0                 chat      3   130.0
    1  execute_tool search      1   700.0
    2         user.message      2   120.0
    """
    return latency_of(spans, KINDS, by=by, every=every)


def latency_of(
    spans: Any,
    kinds: Mapping[str, str],
    *,
    by: str | Sequence[str] | None = None,
    every: str | None = None,
) -> Any:
    """Some columns of :func:`latency`, for those who wait for them: ``DURATIONS``, ``FIRST_TOKENS``.

    With ``every`` they may be ``SEEN`` too.
    """
    frame = asked(spans, (*NEEDED, *(("start_time",) if every else ())), by="latency")
    groups = keys(by, columns_of(frame), (*KINDS, TIME))
    length = length_us(every) if every else None
    lazy = lazily(frame, list(dict.fromkeys([*groups, *NEEDED, *(["start_time"] if every else [])])))
    if length is not None:
        lazy, groups = timed(lazy, length), [TIME, *groups]
    lazy, at = in_groups(lazy, groups)
    grouped = (_by_sql if lazy.implementation.is_duckdb() else _by_expressions)(lazy, at, kinds)
    return settled(grouped, spans, groups, kinds)


def _speed() -> nw.Expr:
    """Output tokens a second, null where it is none of a model call's."""
    is_call = (nw.col("span_type") == "llm") | (nw.col("step_kind") == "llm_call")
    first = nw.col("time_to_first_token_ms")
    # A first token after the end is a clock's mistake: then the whole duration is taken.
    is_plain = nw.col("reasoning_tokens").fill_null(0) == 0
    writing = nw.when((first >= 0) & (first < nw.col("duration_ms")) & is_plain).then(
        nw.col("duration_ms") - first
    )
    seconds = nw.coalesce(writing, nw.col("duration_ms")) / 1000
    wrote = is_call & (nw.col("output_tokens") > 0) & (seconds > 0)
    return nw.when(wrote).then(nw.col("output_tokens") / seconds)


def _by_expressions(lazy: Lazy, groups: Sequence[str], kinds: Mapping[str, str]) -> Lazy:
    duration, first = nw.col("duration_ms"), nw.col("time_to_first_token_ms")
    is_error = nw.when(nw.col("status") == "ERROR").then(1)
    started = nw.col("started_us")
    numbers = {
        "count": duration.count(),
        "mean_ms": duration.mean(),
        **{name: duration.quantile(q, "linear") for name, q in QUANTILES.items()},
        "max_ms": duration.max(),
        "errors": nw.col("is_error").count(),
        "ttft_count": first.count(),
        **{name: first.quantile(q, "linear") for name, q in FIRST.items()},
        "output_tokens_per_s": nw.col("speed").median(),
        "spans": nw.len(),
        "first_us": started.min(),
        "last_us": started.max(),
    }
    rows = lazy.with_columns(_speed().alias("speed"), is_error.alias("is_error"))
    if "first_us" in kinds:
        moment = nw.col("start_time").cast(nw.Datetime("us", "UTC")).dt.timestamp("us")
        rows = rows.with_columns(moment.alias("started_us"))
    return rows.group_by(*groups).agg(*(numbers[name].alias(name) for name in kinds))


def _by_sql(lazy: Lazy, groups: Sequence[str], kinds: Mapping[str, str]) -> Lazy:
    """The same for DuckDB, which sorts once for a list of quantiles and once each for one by one."""
    has_speed = "output_tokens_per_s" in kinds
    rows = (lazy.with_columns(_speed().alias("speed")) if has_speed else lazy).to_native()
    at = ", ".join(quoted(name) for name in groups)
    numbers = {
        "count": "count(duration_ms)",
        "mean_ms": "avg(duration_ms)",
        "max_ms": "max(duration_ms)",
        "errors": "count(*) FILTER (status = 'ERROR')",
        "ttft_count": "count(time_to_first_token_ms)",
        "output_tokens_per_s": "median(speed)",
        "spans": "count(*)",
        "first_us": "min(epoch_us(start_time))",
        "last_us": "max(epoch_us(start_time))",
    }
    listed = (("whole", "duration_ms", QUANTILES), ("first", "time_to_first_token_ms", FIRST))
    asked_for = [each for each in listed if each[2].keys() & kinds.keys()]
    aggregates = [f'{text} AS "{name}"' for name, text in numbers.items() if name in kinds]
    aggregates += [
        f'quantile_cont({column}, {list(quantiles.values())}) AS "{name}"'
        for name, column, quantiles in asked_for
    ]
    grouped = rows.aggregate(f"{at}, {', '.join(aggregates)}", at)
    parts = [
        f'"{name}"[{n}] AS "{quantile}"'
        for name, _, quantiles in asked_for
        for n, quantile in enumerate(quantiles, 1)
    ]
    made: Lazy = nw.from_native(grouped.project(", ".join(["*", *parts])))
    return made
