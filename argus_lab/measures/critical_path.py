"""Where the wall time of a trace went: at each moment, the one span that the trace was waiting for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.engines import asked, collected, returned
from argus_lab.measures.labels import NEEDED as LABELS
from argus_lab.measures.labels import labels
from argus_lab.measures.trees import NONE, UNKNOWN_START, forest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from argus_lab.measures.trees import Forest

    Whole = NDArray[np.int64]
    Segment = tuple[int, int, int, int]

__all__ = ["NEEDED", "UNRECORDED", "critical_path", "paths"]

UNRECORDED = "(nothing recorded)"
"""The label of time in which no span of the trace ran."""

TREE = ("trace_id", "span_id", "parent_span_id", "start_time", "start_unix_nano", "duration_ns")
TOLD = ("service", "component_type", "step_kind")
NEEDED = (*TREE, *TOLD, *LABELS)
NS_A_MS = 1_000_000
INSTANT = pa.timestamp("us", "UTC")


def critical_path(spans: Any) -> Any:
    """The wall time of each trace, cut into segments that each belong to one span.

    From the end of the trace backwards, the time belongs to the child that finished last; when that one
    began, to the child that finished last before then, and so on; in each child likewise. Time in which no
    child ran is the span's own. Of children that run side by side, the one that finishes last has the time:
    so parallel work counts once, and making a segment shorter is what makes the trace shorter, as far as the
    next child allows. Work that goes on after its parent has ended counts too.

    The segments of a trace add up to its wall time, from its first start to its last end, exactly.
    Spans whose start or duration is not known have no time of their own. A span whose parent is not there is
    a root.

    Parameters
    ----------
    spans
        A frame of whole traces: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame.

    Returns
    -------
    A frame of the same kind, traces by their start, segments by time:

    ``trace_id``, ``segment``
        The trace, and 1, 2, 3, ... in it.
    ``span_id``
        Whose time it is; null where no span ran (between two roots, say).
    ``name``, ``label``, ``service``, ``component_type``, ``step_kind``
        Of that span. The label is its component, tool or model, else its name; ``(nothing recorded)`` where
        no span ran. ``groupby("label")["duration_ms"].sum()`` tells where the time went.
    ``start_time``, ``offset_ms``
        Start of the segment, UTC, and in milliseconds after the start of the trace.
    ``duration_ms``, ``share``
        Its length, and its part of the trace's wall time, 0 to 1.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.critical_path import critical_path
    >>> spans = al.open(tiny_lake).trace("0af7651916cd43dd8448eb211c80319c")
    >>> critical_path(spans)[["label", "offset_ms", "duration_ms"]]
                    label  offset_ms  duration_ms
    0        user.message        0.0        100.0
    1  (nothing recorded)      100.0        900.0
    2            llama3.2     1000.0        110.0
    3  (nothing recorded)     1110.0        890.0
    4              search     2000.0        700.0
    5  (nothing recorded)     2700.0        300.0
    6            llama3.2     3000.0        130.0
    """
    rows = collected(asked(spans, NEEDED, by="critical_path"), NEEDED)
    return returned(paths(rows), spans)


def paths(rows: pa.Table) -> pa.Table:
    """The same of an Arrow table with the columns ``NEEDED``."""
    forest = forest_of(rows)
    found = np.array(list(_segments(rows, forest)), dtype=np.int64).reshape(-1, 4)
    return _described(rows, forest.trace, found)


@dataclass(frozen=True)
class _Times:
    """By row, nanoseconds: when the span itself ran, and when it or any span below it did."""

    start: list[int]
    end: list[int]
    first: list[int]
    last: list[int]


def _segments(rows: pa.Table, forest: Forest) -> Iterator[Segment]:
    """Trace, row (``NONE``: nobody's), start and end of every segment, in order."""
    times = _times(rows, forest)
    below, roots = _children(forest, times)
    parent = forest.parent.tolist()
    for trace, tops in enumerate(roots):
        low = min((times.first[top] for top in tops), default=UNKNOWN_START)
        high = max((times.last[top] for top in tops), default=NONE)
        found: list[Segment] = []
        ahead = [(NONE, low, high)] if low < high else []
        while ahead:
            at, low, high = ahead.pop()
            moment = high
            for child in tops if at == NONE else below[at]:
                begins, ends = max(times.first[child], low), min(times.last[child], moment)
                if begins < ends:
                    if ends < moment:
                        found.extend(_owned(trace, at, (ends, moment), parent, times))
                    ahead.append((child, begins, ends))
                    moment = begins
            if low < moment:
                found.extend(_owned(trace, at, (low, moment), parent, times))
        yield from sorted(found, key=_by_start)


def _by_start(segment: Segment) -> int:
    return segment[2]


def _owned(
    trace: int, at: int, stretch: tuple[int, int], parent: list[int], times: _Times
) -> Iterator[Segment]:
    """The stretch given to the span, and where the span did not run, to the nearest above that did."""
    open_stretches = [stretch]
    while at >= 0 and open_stretches:
        start, end = times.start[at], times.end[at]
        left = []
        for low, high in open_stretches:
            inner, outer = max(low, start), min(high, end)
            if inner >= outer:
                left.append((low, high))
                continue
            yield trace, at, inner, outer
            left += [each for each in ((low, inner), (outer, high)) if each[0] < each[1]]
        open_stretches, at = left, parent[at]
    yield from ((trace, NONE, low, high) for low, high in open_stretches)


def _times(rows: pa.Table, forest: Forest) -> _Times:
    length = pc.fill_null(rows["duration_ns"], 0).to_numpy()
    is_known = (forest.start < UNKNOWN_START) & pc.is_valid(rows["duration_ns"]).to_numpy()
    start = forest.start.copy()
    end = np.where(is_known, start + length, NONE)
    start[end == NONE] = UNKNOWN_START
    first, last = start.copy(), end.copy()
    # A start alone still says that the trace had begun.
    first = np.minimum(first, forest.start)
    by_depth = np.argsort(-forest.depth, kind="stable")
    levels = np.split(by_depth, np.flatnonzero(np.diff(forest.depth[by_depth])) + 1)
    for level in levels[:-1]:
        np.minimum.at(first, forest.parent[level], first[level])
        np.maximum.at(last, forest.parent[level], last[level])
    return _Times(start.tolist(), end.tolist(), first.tolist(), last.tolist())


def _children(forest: Forest, times: _Times) -> tuple[list[list[int]], list[list[int]]]:
    """By row its children, and by trace its roots, those that finish last first."""
    below: list[list[int]] = [[] for _ in times.start]
    roots: list[list[int]] = [[] for _ in range(int(forest.trace.max(initial=NONE)) + 1)]
    trace, parent = forest.trace.tolist(), forest.parent.tolist()
    place = np.empty(len(parent), dtype=np.int64)
    place[forest.order] = np.arange(len(parent))
    latest_first = -np.array(times.last, dtype=np.int64)
    for at in np.lexsort((place, np.array(times.first, dtype=np.int64), latest_first)).tolist():
        (below[parent[at]] if parent[at] >= 0 else roots[trace[at]]).append(at)
    return below, roots


def _described(rows: pa.Table, trace_of: Whole, found: Whole) -> pa.Table:
    trace, at, start, end = found.T
    is_new = np.diff(trace, prepend=-1) != 0
    first = np.flatnonzero(is_new)
    sizes = np.diff(np.append(first, len(trace)))
    begun = np.repeat(start[first], sizes)
    wall = np.repeat(np.add.reduceat(end - start, first) if len(first) else start, sizes)
    whose = pa.array(at, mask=at == NONE)
    member = np.zeros(int(trace_of.max(initial=NONE)) + 1, dtype=np.int64)
    member[trace_of] = np.arange(len(trace_of))  # any span of the trace knows its id
    columns = {
        "trace_id": rows["trace_id"].take(pa.array(member[trace])),
        "segment": pa.array(np.arange(len(trace)) - np.repeat(first, sizes) + 1),
        "span_id": rows["span_id"].take(whose),
        "name": rows["name"].take(whose),
        "label": pc.if_else(pa.array(at == NONE), UNRECORDED, labels(rows).take(whose)),
        **{name: rows[name].take(whose) for name in TOLD},
        "start_time": pa.array(start // 1000).cast(INSTANT),
        "offset_ms": pa.array((start - begun) / NS_A_MS),
        "duration_ms": pa.array((end - start) / NS_A_MS),
        "share": pa.array((end - start) / np.maximum(wall, 1)),
    }
    return pa.table(columns)
