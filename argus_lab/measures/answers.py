"""What an answer takes: the model calls and tokens of a trace, from the question to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from argus_lab.measures import counted as who
from argus_lab.measures.engines import asked, columns_of, lazily
from argus_lab.measures.grouping import TIME, in_groups, keys, length_us, settled, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    Lazy = nw.LazyFrame[Any]

__all__ = ["answers"]

COUNTS = ("input_tokens", "output_tokens", "total_tokens")
QUANTILES = {"p50": 0.5, "p90": 0.9}
KINDS = {
    "answers": "int",
    "calls": "int",
    "calls_per_answer": "float",
    **{f"{name}_{q}": "float" for name in COUNTS for q in QUANTILES},
    "total_tokens_mean": "float",
    "total_tokens_max": "int",
}
"""The columns of the result and their types."""
TRACE = "trace_id"


def answers(spans: Any, *, by: str | Sequence[str] | None = None, every: str | None = None) -> Any:
    """Tokens and model calls that an answer takes.

    An answer is a trace in which a model was called, from the question to its end: an agent that thinks four
    times before it answers has four calls in it, and their tokens are added up. Calls are those whose usage
    counts (:mod:`argus_lab.measures.counted`): each once, whoever repeats its usage.

    Parameters
    ----------
    spans
        A frame of whole traces: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame.
        Lazy frames stay lazy (a DuckDB relation is looked at once when this is called: see ``counted``).
    by
        A column or several: a row for each combination of the calls' values, null among them. An answer to
        which two models contributed is then two, each with the calls of one.
    every
        Stretches of time by the start of an answer's first call, such as ``"1h"`` or ``"1d"``, counted in
        UTC.

    Returns
    -------
    A frame of the same kind, sorted by ``time`` and ``by``:

    ``time`` (with ``every``)
        Start of the stretch, UTC; null for answers without a start.
    ``answers``, ``calls``
        How many there are, and how many calls they took.
    ``calls_per_answer``
        Their mean number.
    ``input_tokens_p50``, ``input_tokens_p90``, ``output_tokens_p50``, ``output_tokens_p90``,
    ``total_tokens_p50``, ``total_tokens_p90``
        Median and 90th percentile of the answers' sums, interpolated linearly. Counts that a sender left
        out of a call are not in its answer's sum; an answer whose calls all lack one takes no part in it.
    ``total_tokens_mean``, ``total_tokens_max``
        Mean and largest sum of input and output.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.answers import answers
    >>> found = answers(al.open(tiny_lake).spans(), by="project")
    >>> found[["project", "answers", "calls", "total_tokens_p50"]]
            project  answers  calls  total_tokens_p50
    0  customer-bot        2      3            2270.0
    1      shop-bot        1      1            1280.0
    """
    frame = asked(spans, (*who.NEEDED, "start_time"), by="answers")
    groups = keys(by, columns_of(frame), (*KINDS, TIME, *COUNTS))
    needed = dict.fromkeys([*groups, *who.NEEDED, "start_time"])
    calls = who.counted_lazily(lazily(frame, list(needed)))
    each = _summed(calls, [name for name in groups if name != TRACE])
    at = list(groups)
    if every:
        each, at = timed(each, length_us(every)), [TIME, *groups]
    each, by_these = in_groups(each, at)
    return settled(each.group_by(*by_these).agg(*_numbers()), spans, at, KINDS)


def _summed(calls: Lazy, groups: Sequence[str]) -> Lazy:
    """A row an answer: its start, its calls, its sums."""
    sent, answered = nw.col("input_tokens"), nw.col("output_tokens")
    calls = calls.with_columns((sent.fill_null(0) + answered.fill_null(0)).alias("total_tokens"))
    sums = [nw.col(name).sum().alias(f"sum of {name}") for name in COUNTS]
    known = [nw.col(name).count().alias(f"known {name}") for name in COUNTS]
    first = nw.col("start_time").min().alias("start_time")
    rows = calls.group_by(*groups, TRACE).agg(nw.len().alias("calls"), first, *sums, *known)
    told = [
        nw.when(nw.col(f"known {name}") > 0).then(nw.col(f"sum of {name}")).cast(nw.Float64).alias(name)
        for name in COUNTS
    ]
    return rows.with_columns(*told)


def _numbers() -> list[nw.Expr]:
    quantiles = [
        nw.col(name).quantile(q, "linear").alias(f"{name}_{words}")
        for name in COUNTS
        for words, q in QUANTILES.items()
    ]
    return [
        nw.len().alias("answers"),
        nw.col("calls").sum().alias("calls"),
        nw.col("calls").mean().alias("calls_per_answer"),
        *quantiles,
        nw.col("total_tokens").mean().alias("total_tokens_mean"),
        nw.col("total_tokens").max().alias("total_tokens_max"),
    ]
