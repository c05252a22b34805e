"""Which operations explain that traces take longer or shorter than others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.errors import InvalidArgument
from argus_lab.measures import critical_path as path
from argus_lab.measures.engines import returned
from argus_lab.measures.labels import labels
from argus_lab.measures.sides import two_sides

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["explain"]

NEEDED = (*path.NEEDED, "status")


def explain(
    spans_a: Any, spans_b: Any = None, *, by: str | None = None, values: Sequence[Any] | None = None
) -> Any:
    """Where the change of the traces' wall time comes from, by operation, the largest change first.

    The wall time of each trace is cut into segments that each belong to one span
    (:func:`~argus_lab.measures.critical_path.critical_path`), so the times of all operations add up to the
    traces' mean wall time, and their differences to its change.

    Parameters
    ----------
    spans_a, spans_b
        Two frames of whole traces, such as before and after a change: pandas, Polars (lazy too), pyarrow,
        DuckDB relations, or Spark frames.
    by, values
        Instead of a second frame, a column of the first and two of its values, as in
        :func:`~argus_lab.measures.compare.compare`. Compared are the traces with the one value and those
        with the other, all their spans; traces with both, or with a third value, are left out.

    Returns
    -------
    A frame of the same kind, one row an operation, sorted by the size of the difference:

    ``label``
        The component, tool or model, else the span's name; ``(nothing recorded)`` where no span ran.
    ``a_ms``, ``b_ms``, ``difference_ms``
        Mean time on the critical path, milliseconds a trace, and ``b`` less ``a``.
    ``share``
        Part of the change of the mean wall time; the shares add up to 1, and one that works against the
        change is negative. Null if the mean did not change.
    ``calls_a``, ``calls_b``
        Spans of this operation, a trace.
    ``errors_a``, ``errors_b``
        Share of these with the status ``ERROR``; null without spans.

    Examples
    --------
    >>> import pandas as pd
    >>> from argus_lab.measures.explain import explain
    >>> from argus_lab.testing import make_span
    >>> before = pd.DataFrame([make_span(2, duration_ms=200.0)])
    >>> after = pd.DataFrame([make_span(6, duration_ms=700.0)])
    >>> explain(before, after)[["label", "a_ms", "b_ms", "share"]]
        label   a_ms   b_ms  share
    0  search  200.0  700.0    1.0
    """
    sides = two_sides((spans_a, spans_b), by, values, NEEDED, "explain")
    chosen = (sides.is_a, sides.is_b) if by is None else sides.of_traces()
    if by is not None and not (chosen[0].any() and chosen[1].any()):
        raise InvalidArgument(
            f"by={by!r}: no trace has only the value {sides.name_b if chosen[0].any() else sides.name_a!r}. "
            "Give explain two frames, such as the traces before and after a moment."
        )
    found = [_operations(sides.rows.filter(pa.array(side))) for side in chosen]
    return returned(_joined(*found), spans_a)


def _operations(rows: pa.Table) -> pa.Table:
    """By label, milliseconds and spans a trace, and the share of these that failed."""
    traces = max(pc.count_distinct(rows["trace_id"]).as_py(), 1)
    segments = path.paths(rows).select(["label", "duration_ms"])
    time = segments.group_by("label", use_threads=False).aggregate([("duration_ms", "sum")])
    failed = pc.fill_null(pc.equal(rows["status"], "ERROR"), fill_value=False).cast(pa.float64())
    spans = pa.table({"label": labels(rows), "failed": failed})
    count = spans.group_by("label", use_threads=False).aggregate([("failed", "count"), ("failed", "mean")])
    both = count.join(time, "label", join_type="full outer")
    return pa.table(
        {
            "label": both["label"],
            "ms": pc.divide(pc.fill_null(both["duration_ms_sum"], 0.0), float(traces)),
            "calls": pc.divide(pc.fill_null(both["failed_count"], 0).cast(pa.float64()), float(traces)),
            "errors": both["failed_mean"],
        }
    )


def _joined(a: pa.Table, b: pa.Table) -> pa.Table:
    rows = a.join(b, "label", join_type="full outer", left_suffix="_a", right_suffix="_b")
    rows = rows.sort_by("label")  # joined in any order; sums of fractions depend on it
    a_ms, b_ms, calls_a, calls_b = (
        pc.fill_null(rows[name], 0.0) for name in ("ms_a", "ms_b", "calls_a", "calls_b")
    )
    difference = pc.subtract(b_ms, a_ms)
    whole = pc.sum(difference).as_py() or 0.0
    size = pc.abs(difference)
    nothing = pa.scalar(None, pa.float64())
    made = {
        "label": rows["label"],
        "a_ms": a_ms,
        "b_ms": b_ms,
        "difference_ms": difference,
        "share": pc.divide(difference, pa.scalar(whole) if whole else nothing),
        "calls_a": calls_a,
        "calls_b": calls_b,
        "errors_a": rows["errors_a"],
        "errors_b": rows["errors_b"],
        "size": size,
    }
    return pa.table(made).sort_by([("size", "descending"), ("label", "ascending")]).drop_columns("size")
