"""Spans that are far above what is usual for their like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from argus_lab.errors import InvalidArgument
from argus_lab.measures.engines import asked, collected, columns_of, eagerly, quoted, returned
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
JUST_BELOW = 1 - 1e-9
"""By so much a limit that was worked out backwards is lowered: logarithms and powers round."""
FEW_GROUPS = 10_000
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
    wanted = list(dict.fromkeys([*KEYS, *groups, column]))
    in_engine = frame.implementation.is_duckdb()  # then only rows that are far leave it
    rows = collected(frame, list(dict.fromkeys([*groups, column])) if in_engine else wanted)
    kind = rows.schema.field(column).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise InvalidArgument(f"column={column!r} holds {kind}; outliers compares numbers.")
    group = _numbered(rows, groups)
    usual = _usual(group, rows[column], threshold)
    if in_engine:
        rows, group = _fetched(frame, wanted, column, _limits(rows.select(groups), group, usual))
    found = _found(rows, group, usual, column, threshold)
    return returned(found.select(list(dict.fromkeys([*KEYS, *groups, *RESULT]))), spans)


class Usual(NamedTuple):
    """What is usual in each group, by its number; of logarithms."""

    median: Floats
    mad: Floats
    scale: Floats
    """How far a score of 1 is; 0 where nothing is an outlier."""
    least: Floats
    """The least value (no logarithm) worth a look, a little below the limit; infinite where there is none."""


def _usual(group: Places, column: pa.ChunkedArray, threshold: float) -> Usual:
    values = _floats(column)
    kept = np.flatnonzero((values > 0) & np.isfinite(values))
    size = int(group.max(initial=-1)) + 1
    group, logs = group[kept], np.log(values[kept])
    count = np.bincount(group, minlength=size)
    median = _medians(group, logs, count)
    distance = np.abs(logs - median[group])
    mad = _medians(group, distance, count)
    mean = np.bincount(group, distance, minlength=size) / np.maximum(count, 1)
    scale = np.where(mad > 0, mad / NORMAL_MAD, mean * NORMAL_MEAN) * (count >= SMALLEST)
    with np.errstate(over="ignore"):
        least = np.exp(median + threshold * scale) * JUST_BELOW
    return Usual(median, mad, scale, np.where(scale > 0, least, np.inf))


def _limits(groups: pa.Table, group: Places, usual: Usual) -> pa.Table:
    """Groups that may have outliers: their values, their numbers, and from where on it is worth a look."""
    first = np.zeros(len(usual.least), dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    usable = np.flatnonzero(np.isfinite(usual.least))
    found = groups.take(pa.array(first[usable]))
    found = found.append_column("argus_group", pa.array(usable))
    return found.append_column("argus_least", pa.array(usual.least[usable]))


def _fetched(frame: Any, wanted: Sequence[str], column: str, limits: pa.Table) -> tuple[pa.Table, Places]:
    """The rows of a relation from their groups' limits on, and the numbers of the groups."""
    names = [name for name in limits.column_names if not name.startswith("argus_")]
    same = " AND ".join(f"f.{name} IS NOT DISTINCT FROM b.{name}" for name in map(quoted, names))
    told = ", ".join(f"f.{name}" for name in map(quoted, wanted))
    far = f"f.{quoted(column)} >= b.argus_least"
    sql = f"SELECT {told}, b.argus_group FROM frame f JOIN beside b ON {same} AND {far}"  # noqa: S608  quoted
    rows = eagerly(frame.to_native(), sql, limits)
    return rows.drop_columns("argus_group"), rows["argus_group"].to_numpy()


def _found(rows: pa.Table, group: Places, usual: Usual, column: str, threshold: float) -> pa.Table:
    values = _floats(rows[column])
    may = np.flatnonzero((values > 0) & np.isfinite(values) & (values >= usual.least[group]))
    score = (np.log(values[may]) - usual.median[group[may]]) / usual.scale[group[may]]
    far = score >= threshold
    at, score = may[far], score[far]
    middle = np.exp(usual.median[group[at]])
    made = rows.take(pa.array(at))
    numbers = (values[at], middle, usual.mad[group[at]], score, values[at] / middle)
    for name, found in zip(RESULT, numbers, strict=True):
        made = made.append_column(name, pa.array(found, pa.float64()))
    return made.sort_by([("score", "descending"), ("trace_id", "ascending"), ("span_id", "ascending")])


def _floats(column: pa.ChunkedArray) -> Floats:
    found: Floats = column.cast(pa.float64()).to_numpy()
    return found


def _numbered(rows: pa.Table, groups: Sequence[str]) -> Places:
    found = np.zeros(rows.num_rows, dtype=np.int64)
    for name in groups:
        code = codes(rows[name]) + 1
        found = found * (int(code.max(initial=0)) + 1) + code
        if found.max(initial=0) > FEW_GROUPS:
            found = np.unique(found, return_inverse=True)[1]
    return found


def _medians(group: Places, values: Floats, count: Places) -> Floats:
    """By group, the median of its values; 0 for an empty one."""
    if len(count) <= FEW_GROUPS:  # sorted by small numbers, which takes a tenth of the time
        ordered = values[np.argsort(group.astype(np.uint16), kind="stable")]
        parts = np.split(ordered, np.cumsum(count)[:-1])
        return np.array([np.median(part) if len(part) else 0.0 for part in parts])
    ordered = np.append(values[np.lexsort((values, group))], 0.0)
    first = np.cumsum(count) - count
    low, high = first + np.maximum(count - 1, 0) // 2, first + count // 2
    found: Floats = np.where(count > 0, (ordered[low] + ordered[high]) / 2, 0.0)
    return found
