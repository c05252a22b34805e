"""Spans as trees: who is whose parent, depth, subtrees and reading order, over arrays of rows.

A row is a place 0..n-1; parents are places too. Everything here works on whole arrays, so that a million
spans take seconds. Broken traces are trees as well: a span whose parent never arrived is a root, and a
circle of parents is opened at its earliest span.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["MISSING", "NONE", "Forest", "climbed", "codes", "forest_of", "nearest", "parents", "starts_of"]

NONE = -1
"""The parent of a root."""
MISSING = -2
"""The parent of a span that names one which is not there."""
UNKNOWN_START = np.iinfo(np.int64).max
"""Spans that started nobody knows when come last among their siblings."""


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees of the traces, each array by row."""

    parent: Places
    """Place of the parent; negative for a root. No circles."""
    is_orphan: Flags
    """A parent is named and not there."""
    depth: Places
    """0 for a root."""
    children: Places
    descendants: Places
    order: Places
    """The rows in reading order: traces by start, within a trace depth first, siblings by start."""
    place: Places
    """Where a row stands in that order, from 0."""
    trace: Places
    """Number of the trace, counted in reading order."""
    step: Places
    """1, 2, 3, ... in the reading order of its trace."""
    start: Places
    """Start in nanoseconds since 1970; the largest integer if unknown."""


def codes(column: pa.ChunkedArray | pa.Array) -> Places:
    """A number for each distinct value, in the order of the values; -1 for null.

    Examples
    --------
    >>> codes(pa.chunked_array([["b", None, "a", "b"]])).tolist()
    [1, -1, 0, 1]
    """
    found = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    found = found.dictionary_encode()
    rank = np.empty(len(found.dictionary), dtype=np.int64)
    rank[pc.sort_indices(found.dictionary).to_numpy()] = np.arange(len(rank))
    at = pc.fill_null(found.indices, NONE).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(at < 0, NONE, rank[at]) if len(rank) else at


def parents(rows: pa.Table) -> Places:
    """By row, the place of its parent in the same trace; ``NONE`` or ``MISSING`` where there is no such row.

    Needs ``trace_id``, ``span_id`` and ``parent_span_id``. Of two rows with one id the first is the parent; a
    span that names itself has none.

    Examples
    --------
    >>> rows = {"trace_id": ["t"] * 3, "span_id": ["a", "b", "c"], "parent_span_id": [None, "a", "x"]}
    >>> parents(pa.table(rows)).tolist()
    [-1, 0, -2]
    """
    count = rows.num_rows
    if not count:
        return np.empty(0, dtype=np.int64)
    ids = pa.chunked_array([*rows["span_id"].chunks, *rows["parent_span_id"].chunks], pa.string())
    both = codes(ids)
    trace = codes(rows["trace_id"]) * (int(both.max()) + 2)
    own, above = trace + both[:count], trace + both[count:]
    usable = np.flatnonzero(both[:count] >= 0)
    order = usable[np.argsort(own[usable], kind="stable")]
    at = np.searchsorted(own[order], above)
    found = order[np.minimum(at, max(len(order) - 1, 0))] if len(order) else np.zeros(count, dtype=np.int64)
    is_there = (at < len(order)) & (own[found] == above) & (both[found] >= 0)
    is_root = (both[count:] < 0) | (both[:count] == both[count:])
    return np.where(is_root, NONE, np.where(is_there, found, MISSING))


def climbed(parent: Places, start: Flags, is_end: Flags) -> Flags:
    """The places that one comes to going up from ``start``, stopping at (and including) ``is_end``.

    The start itself is not among them unless it is above another start.
    """
    seen = np.zeros(len(parent), dtype=np.bool_)
    ahead = np.unique(parent[start])
    while len(ahead := ahead[ahead >= 0]):
        ahead = ahead[~seen[ahead]]
        seen[ahead] = True
        ahead = np.unique(parent[ahead[~is_end[ahead]]])
    return seen


def nearest(parent: Places, is_wanted: Flags) -> Places:
    """By place, the nearest place above it (itself left out) that is wanted; ``NONE`` if there is none."""
    # Each place jumps to its parent; a jump to an unwanted place is replaced by that place's own jump.
    jump = np.maximum(parent, NONE)
    for _ in range(len(parent).bit_length() + 1):
        moving = np.flatnonzero((jump >= 0) & ~is_wanted[jump])
        if not len(moving):
            return jump
        jump[moving] = jump[jump[moving]]
    jump[(jump >= 0) & ~is_wanted[jump]] = NONE  # what is left goes round in a circle
    return jump


def starts_of(rows: pa.Table) -> Places:
    """Starts in nanoseconds, from ``start_unix_nano``, else ``start_time``; the latest number if unknown."""
    micros = pc.cast(rows["start_time"], pa.int64())
    fits = pc.less(pc.abs(micros), UNKNOWN_START // 1000)
    of_time = pc.if_else(fits, pc.multiply(pc.if_else(fits, micros, 0), 1000), UNKNOWN_START - 1)
    both = pc.coalesce(rows["start_unix_nano"], of_time, pa.scalar(UNKNOWN_START, pa.int64()))
    found: Places = both.to_numpy()
    return found


def forest_of(rows: pa.Table) -> Forest:
    """The trees of these spans.

    Needs ``trace_id``, ``span_id``, ``parent_span_id``, ``start_time`` and ``start_unix_nano``.

    Examples
    --------
    >>> from argus_lab.testing import make_span
    >>> spans = pa.Table.from_pylist([make_span(n) for n in (2, 0, 1)])
    >>> forest = forest_of(spans)
    >>> forest.order.tolist(), forest.depth.tolist(), forest.children.tolist()
    ([1, 2, 0], [1, 0, 1], [0, 2, 0])
    """
    count = rows.num_rows
    start, span = starts_of(rows), codes(rows["span_id"])
    above = parents(rows)
    parent = _opened(np.maximum(above, NONE), start, span)
    trace = _traces(codes(rows["trace_id"]), start)
    depth = _summed(parent, (parent >= 0).astype(np.int64))
    size = _sizes(parent, depth)
    # Roots stand behind all children in this order, so that one running sum places both.
    group = np.where(parent >= 0, parent, count + trace)
    by_group = np.lexsort((span, start, group))
    before = np.cumsum(size[by_group]) - size[by_group]
    group = group[by_group]
    is_first = np.diff(group, prepend=-1) != 0
    is_first[np.searchsorted(group, count) + 1 :] = False  # roots of all traces stand in one row
    offset = np.empty(count, dtype=np.int64)
    offset[by_group] = before - np.maximum.accumulate(np.where(is_first, before, 0))
    place = _summed(parent, offset + (parent >= 0))
    order = np.empty(count, dtype=np.int64)
    order[place] = np.arange(count)
    first = np.full(int(trace.max(initial=NONE)) + 1, count)
    np.minimum.at(first, trace, place)
    children = np.bincount(parent[parent >= 0], minlength=count)
    step = place - first[trace] + 1
    return Forest(parent, above == MISSING, depth, children, size - 1, order, place, trace, step, start)


def _opened(parent: Places, start: Places, span: Places) -> Places:
    """The parents with every circle opened at its earliest span, which becomes a root."""
    jump = parent.copy()
    for _ in range(len(parent).bit_length() + 1):
        going = np.flatnonzero(jump >= 0)
        if not len(going):
            return parent
        jump[going] = jump[jump[going]]
    members = np.unique(jump[jump >= 0])  # after so many steps one is in the circle and comes to all of it
    ahead = np.searchsorted(members, parent[members])
    rank = np.empty(len(members), dtype=np.int64)
    rank[np.lexsort((members, span[members], start[members]))] = np.arange(len(members))
    earliest = rank.copy()
    for _ in range(len(members).bit_length() + 1):
        earliest = np.minimum(earliest, earliest[ahead])
        ahead = ahead[ahead]
    opened = parent.copy()
    opened[members[rank == earliest]] = NONE
    return opened


def _summed(parent: Places, values: Places) -> Places:
    """By place, the sum of the values from there up to the root."""
    total, jump = values.copy(), parent.copy()
    while len(going := np.flatnonzero(jump >= 0)):
        total[going] += total[jump[going]]
        jump[going] = jump[jump[going]]
    return total


def _sizes(parent: Places, depth: Places) -> Places:
    """By place, the number of spans in its subtree, itself included."""
    size = np.ones(len(parent), dtype=np.int64)
    by_depth = np.argsort(depth, kind="stable")
    ends = np.searchsorted(depth[by_depth], np.arange(1, int(depth.max(initial=0)) + 2))
    for low, high in zip(ends[-2::-1], ends[:0:-1], strict=True):
        level = by_depth[low:high]
        np.add.at(size, parent[level], size[level])
    return size


def _traces(trace: Places, start: Places) -> Places:
    """The traces numbered by their first start, then by id."""
    trace = trace - trace.min(initial=0)
    first = np.full(int(trace.max(initial=NONE)) + 1, UNKNOWN_START)
    np.minimum.at(first, trace, start)
    number = np.empty(len(first), dtype=np.int64)
    number[np.lexsort((np.arange(len(first)), first))] = np.arange(len(first))
    return number[trace]
