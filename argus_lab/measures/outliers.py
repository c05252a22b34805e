"""Spans that are far above what is usual for their like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from argus_lab.errors import InvalidArgument
from argus_lab.measures.engines import asked, collected, columns_of, returned
from argus_lab.measures.grouping import keys
from argus_lab.measures.trees import codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

__all__ = ["SMALLEST", "outliers"]

SMALLEST = 8
"""A smaller group does not tell what is usual."""
NORMAL_MAD = 0.6745
"""The MAD of a normal distribution with standard deviation 1."""
NORMAL_MEAN = 1.253314
"""Its standard deviation by its mean absolute deviation."""
KEYS = ("project", "session_id", "trace_id", "span_id", "name", "start_time")
RESULT = ("value", "median", "mad", "score", "times_median")


def outliers(
    spans: Any, *, by: str | Sequence[str] = "name", column: str = "duration_ms", threshold: float = 3.5
) -> Any:
    """Spans whose value is far above that of their group, the furthest first.

    How far is the modified z-score of the value's logarithm: its distance from the group's median, by the
    median absolute deviation, times 0.6745 (Iglewicz & Hoaglin 1993, who suggest 3.5 as threshold).
    Logarithms, since durations and tokens are skewed: half and twice the usual are equally far. Where more
    than half of a group has one and the same value, that deviation is 0 and the mean absolute deviation
    times 1.2533 takes its place.

    Values that are unknown, 0 or negative take no part. Groups of fewer than 8 values have no outliers.

    Parameters
    ----------
    spans
        A frame of spans: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame.
    by
        A column or several: like is compared with like.
    column
        The numbers that are compared: ``duration_ms``, ``input_tokens``, or a column of your own.
    threshold
        The least score.

    Returns
    -------
    A frame of the same kind, sorted by ``score`` (falling), ``trace_id``, ``span_id``:

    ``project``, ``session_id``, ``trace_id``, ``span_id``, ``name``, ``start_time``, and ``by``
        Which span it is, and its group.
    ``value``, ``median``
        Its value and its group's median, in the unit of the column.
    ``mad``
        The group's median absolute deviation, of natural logarithms.
    ``score``, ``times_median``
        How far the value is above the median: as a modified z-score, and as a multiple.

    Examples
    --------
    >>> import pandas as pd
    >>> from argus_lab.measures.outliers import outliers
    >>> from argus_lab.testing import make_span
    >>> times = [90.0, 95.0, 98.0, 100.0, 101.0, 103.0, 108.0, 950.0]
    >>> rows = [make_span(n, name="chat", duration_ms=ms) for n, ms in enumerate(times)]
    >>> outliers(pd.DataFrame(rows))[["name", "value", "median", "times_median"]].round(2)
       name  value  median  times_median
    0  chat  950.0   100.5          9.45
    """
    frame = asked(spans, dict.fromkeys((*KEYS, column)), by="outliers")
    groups = keys(by, columns_of(frame), RESULT)
    rows = collected(frame, list(dict.fromkeys([*KEYS, *groups, column])))
    kind = rows.schema.field(column).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise InvalidArgument(f"column={column!r} holds {kind}; outliers compares numbers.")
    return returned(_found(rows, groups, column, threshold), spans)


def _found(rows: pa.Table, groups: Sequence[str], column: str, threshold: float) -> pa.Table:
    values = rows[column].cast(pa.float64()).to_numpy()
    kept = np.flatnonzero((values > 0) & np.isfinite(values))
    group = _numbered(rows, groups)[kept]
    logs = np.log(values[kept])
    count = np.bincount(group)
    median = _medians(group, logs, count)
    distance = np.abs(logs - median[group])
    mad = _medians(group, distance, count)
    mean = np.bincount(group, distance) / np.maximum(count, 1)
    scale = np.where(mad > 0, mad / NORMAL_MAD, mean * NORMAL_MEAN)[group]
    usable = (scale > 0) & (count[group] >= SMALLEST)
    score = np.divide(logs - median[group], scale, out=np.zeros_like(logs), where=usable)
    far = np.flatnonzero(usable & (score >= threshold))
    at, group = kept[far], group[far]
    middle = np.exp(median[group])
    made = rows.select(list(dict.fromkeys([*KEYS, *groups]))).take(pa.array(at))
    numbers = (values[at], middle, mad[group], score[far], values[at] / middle)
    for name, found in zip(RESULT, numbers, strict=True):
        made = made.append_column(name, pa.array(found, pa.float64()))
    return made.sort_by([("score", "descending"), ("trace_id", "ascending"), ("span_id", "ascending")])


def _numbered(rows: pa.Table, groups: Sequence[str]) -> Places:
    found = np.zeros(rows.num_rows, dtype=np.int64)
    for name in groups:
        code = codes(rows[name]) + 1
        found = np.unique(found * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1]
    return found


def _medians(group: Places, values: Floats, count: Places) -> Floats:
    """By group, the median of its values; groups are numbered without gaps but for empty ones."""
    ordered = values[np.lexsort((values, group))]
    first = np.cumsum(count) - count
    low, high = first + np.maximum(count - 1, 0) // 2, first + count // 2
    if not len(ordered):
        return np.zeros(len(count))
    last = len(ordered) - 1
    found: Floats = (ordered[np.minimum(low, last)] + ordered[np.minimum(high, last)]) / 2
    return found
