"""Two sets of spans side by side: what differs, and whether chance alone could be the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.errors import InvalidArgument
from argus_lab.measures import costs
from argus_lab.measures import counted as who
from argus_lab.measures.bootstrap import Mean, Quantile, interval, resampled
from argus_lab.measures.engines import returned
from argus_lab.measures.sides import Sides, two_sides
from argus_lab.measures.trees import NONE, UNKNOWN_START, codes, starts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from argus_lab.measures.bootstrap import Statistic

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Places = NDArray[np.int64]
    Metric = tuple[str, str, Statistic]

__all__ = ["compare"]

TIMES = ("start_time", "start_unix_nano", "duration_ns", "duration_ms", "time_to_first_token_ms", "status")
NEEDED = tuple(dict.fromkeys((*who.NEEDED_OF_CALLS, *costs.NEEDED, *TIMES)))
NS_A_MS = 1_000_000
NUMBERS = ("a", "b", "difference", "low", "high", "change")


def compare(
    spans_a: Any,
    spans_b: Any = None,
    *,
    by: str | None = None,
    values: Sequence[Any] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Any:
    """What differs between two sets of spans, with intervals that say how far it may be chance.

    Parameters
    ----------
    spans_a, spans_b
        Two frames of whole traces, such as before and after a change: pandas, Polars (lazy too), pyarrow,
        DuckDB relations, or Spark frames.
    by
        Instead of a second frame, a column of the first: the spans with one of its values are compared to
        those with another. The value that came first in time is ``a``.
    values
        Which two values of ``by``; needed if it has more than two.
    resamples
        How often the traces are drawn again. The same random numbers are used every time; more resamples
        tell how far an interval depends on them.
    confidence
        Of the intervals.

    Returns
    -------
    A frame of the same kind, one row a metric:

    ``metric``, ``unit``
        What is compared: see below.
    ``a``, ``b``, ``difference``
        The metric of both sides, and ``b`` less ``a``; null where nothing is known.
    ``low``, ``high``
        Percentile bootstrap interval of the difference. Whole traces are drawn again, since the spans of
        one are not independent (:mod:`argus_lab.measures.bootstrap`). Null with fewer than two traces on a
        side.
    ``n_a``, ``n_b``
        How many spans, calls or traces (see ``unit``) the numbers are made of.
    ``change``
        The difference by ``a``.
    ``is_clear``
        Whether the interval excludes 0; false where there is none.
    ``name_a``, ``name_b``
        The values of ``by``; null for two frames.

    The metrics are ``median_ms``, ``p95_ms`` (durations of the spans), ``error_rate`` (spans with the status
    ``ERROR``); ``call_median_ms``, ``call_p95_ms``, ``call_error_rate``, ``ttft_median_ms`` of model calls;
    ``input_tokens``, ``output_tokens``, ``cost_usd``: means of the calls whose usage counts, the cost of
    those that have a list price; and of traces ``trace_median_ms``, ``trace_p95_ms``,
    ``trace_error_rate`` (traces with an error) and ``model_calls`` (their mean number). Those of traces are
    left out where ``by`` divides traces, as ``request_model`` does: a part of a trace has no wall time.
    A metric that neither side has anything of has no row.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.compare import compare
    >>> spans = al.open(tiny_lake).spans()
    >>> found = compare(spans, by="project").set_index("metric")
    >>> found.loc["trace_median_ms", ["a", "b", "n_a", "n_b"]].tolist()
    [2515.0, 1100.0, 2.0, 1.0]
    """
    if resamples < 1 or not 0 < confidence < 1:
        raise InvalidArgument(
            f"resamples={resamples!r}, confidence={confidence!r}: a number above 0, and a share "
            "between 0 and 1, such as 0.95."
        )
    sides = two_sides((spans_a, spans_b), by, values, NEEDED, "compare")
    trace, strata = _strata(sides)
    both = (list(_metrics(sides, chosen, trace)) for chosen in (sides.is_a, sides.is_b))
    pairs = [(a, b) for a, b in zip(*both, strict=True) if len(a[2].values) or len(b[2].values)]
    enough = min(strata[0], strata[1]) + strata[2] > 1
    drawn = resampled([(a[2], b[2]) for a, b in pairs], strata, resamples if enough else 0)
    return returned(_table(pairs, [interval(each, confidence) for each in drawn], sides), spans_a)


def _strata(sides: Sides) -> tuple[Places, tuple[int, int, int]]:
    """By span the place of its trace: those of side a alone, of b alone, of both; and how many these are."""
    trace = codes(sides.rows["trace_id"]) + 1
    count = int(trace.max(initial=0)) + 1
    has = np.zeros((2, count), dtype=np.bool_)
    for side, chosen in zip(has, (sides.is_a, sides.is_b), strict=True):
        side[trace[chosen]] = True
    kind = np.select([has[0] & ~has[1], has[1] & ~has[0], has[0]], [0, 1, 2], default=3)
    order = np.argsort(kind, kind="stable")
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    sizes = np.bincount(kind, minlength=4)
    return place[trace], (int(sizes[0]), int(sizes[1]), int(sizes[2]))


def _metrics(sides: Sides, chosen: Flags, trace: Places) -> Iterator[Metric]:
    rows = sides.rows
    usage, calls, _ = who.marks(rows)
    is_error = pc.fill_null(pc.equal(rows["status"], "ERROR"), fill_value=False).to_numpy().astype(float)
    duration, first = _number(rows, "duration_ms"), _number(rows, "time_to_first_token_ms")
    calls, usage = calls & chosen, usage & chosen
    yield "median_ms", "ms, spans", _quantile(trace, duration, chosen, 0.5)
    yield "p95_ms", "ms, spans", _quantile(trace, duration, chosen, 0.95)
    yield "error_rate", "share of spans", Mean(trace[chosen], is_error[chosen])
    yield "call_median_ms", "ms, model calls", _quantile(trace, duration, calls, 0.5)
    yield "call_p95_ms", "ms, model calls", _quantile(trace, duration, calls, 0.95)
    yield "call_error_rate", "share of model calls", Mean(trace[calls], is_error[calls])
    yield "ttft_median_ms", "ms, model calls", _quantile(trace, first, calls, 0.5)
    for name in ("input_tokens", "output_tokens"):
        yield name, "tokens a model call", _mean(trace, _number(rows, name), usage)
    cost = np.full(rows.num_rows, np.nan)
    cost[usage] = costs.charges_of(rows.filter(pa.array(usage))).total
    yield "cost_usd", "USD a model call", _mean(trace, cost, usage)
    if sides.are_whole():
        yield from _of_traces(rows, chosen, trace, (is_error, calls))


def _of_traces(rows: pa.Table, chosen: Flags, trace: Places, marks: tuple[Floats, Flags]) -> Iterator[Metric]:
    is_error, calls = marks
    count = int(trace.max(initial=-1)) + 1
    there = np.unique(trace[chosen])
    start = starts_of(rows)
    length = pc.fill_null(rows["duration_ns"], 0).to_numpy()
    known = chosen & (start < UNKNOWN_START)
    first, last = np.full(count, UNKNOWN_START), np.full(count, NONE)
    np.minimum.at(first, trace[known], start[known])
    done = known & pc.is_valid(rows["duration_ns"]).to_numpy()
    np.maximum.at(last, trace[done], (start + length)[done])
    wall = np.where(last >= first, (last - np.minimum(first, last)) / NS_A_MS, np.nan)
    all_there = np.isin(np.arange(count), there)
    places = np.arange(count)
    yield "trace_median_ms", "ms, traces", _quantile(places, wall, all_there, 0.5)
    yield "trace_p95_ms", "ms, traces", _quantile(places, wall, all_there, 0.95)
    failed = np.bincount(trace[chosen], is_error[chosen], minlength=count) > 0
    yield "trace_error_rate", "share of traces", Mean(there, failed[there].astype(float))
    called = np.bincount(trace[calls], minlength=count).astype(float)
    yield "model_calls", "model calls a trace", Mean(there, called[there])


def _number(rows: pa.Table, name: str) -> Floats:
    found: Floats = rows[name].cast(pa.float64()).to_numpy()
    return found


def _mean(trace: Places, values: Floats, chosen: Flags) -> Mean:
    known = chosen & ~np.isnan(values)
    return Mean(trace[known], values[known])


def _quantile(trace: Places, values: Floats, chosen: Flags, at: float) -> Quantile:
    known = chosen & ~np.isnan(values)
    return Quantile.over(trace[known], values[known], at)


def _table(
    pairs: Sequence[tuple[Metric, Metric]], intervals: Sequence[tuple[float, float]], sides: Sides
) -> pa.Table:
    a = np.array([before.known() for (_, _, before), _ in pairs])
    b = np.array([after.known() for _, (_, _, after) in pairs])
    low, high = np.array(intervals, dtype=np.float64).reshape(-1, 2).T
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(a != 0, (b - a) / a, np.nan)
    numbers = dict(zip(NUMBERS, (a, b, b - a, low, high, change), strict=True))
    columns: dict[str, Any] = {
        "metric": pa.array([name for (name, _, _), _ in pairs], pa.string()),
        "unit": pa.array([unit for (_, unit, _), _ in pairs], pa.string()),
        **{name: pa.array(numbers[name], pa.float64(), from_pandas=True) for name in NUMBERS[:-1]},
        "n_a": pa.array([len(before.values) for (_, _, before), _ in pairs], pa.int64()),
        "n_b": pa.array([len(after.values) for _, (_, _, after) in pairs], pa.int64()),
        "change": pa.array(change, pa.float64(), from_pandas=True),
        "is_clear": pa.array((low > 0) | (high < 0)),
        "name_a": pa.array([sides.name_a] * len(pairs), pa.string()),
        "name_b": pa.array([sides.name_b] * len(pairs), pa.string()),
    }
    return pa.table(columns)
