"""Trees, scopes and intervals over arrays give what a walk from span to span gives."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.measures.intervals import union_length
from argus_lab.measures.steps import steps
from argus_lab.measures.trees import UNKNOWN_START, climbed, forest_of, nearest, parents, starts_of
from tests.measures.generated import tables
from tests.measures.walks import parents_of, read, start_of


@given(tables())
def test_reading_order_and_depth_are_those_of_a_walk(table: pa.Table):
    """Depth first, siblings by start; orphans are roots, circles are opened, in generated traces."""
    rows = table.to_pylist()
    forest = forest_of(table)
    expected = read(rows)
    assert forest.order.tolist() == [n for n, _ in expected]
    assert forest.depth[forest.order].tolist() == [depth for _, depth in expected]
    up = parents_of(rows)
    assert [None if n < 0 else n for n in forest.parent.tolist()] == up
    assert forest.children.tolist() == [up.count(n) for n in range(len(rows))]
    below = [0] * len(rows)
    for n in range(len(rows)):
        at = up[n]
        while at is not None:
            below[at] += 1
            at = up[at]
    assert forest.descendants.tolist() == below
    known = {(row["trace_id"], row["span_id"]) for row in rows}
    named = [row["parent_span_id"] is not None for row in rows]
    there = [(row["trace_id"], row["parent_span_id"]) in known for row in rows]
    assert forest.is_orphan.tolist() == [n and not t for n, t in zip(named, there, strict=True)]


@given(tables())
def test_self_time_is_what_no_child_covers(table: pa.Table):
    """Self time of each step against a count of the microseconds that no child touches."""
    rows = table.to_pylist()
    up = parents_of(rows)
    found = {(row["trace_id"], row["span_id"]): row for row in steps(table).to_pylist()}
    for n, row in enumerate(rows):
        one = found[row["trace_id"], row["span_id"]]
        if row["duration_ns"] is None:
            assert one["self_ms"] is None
            continue
        left = [(0, row["duration_ns"])]
        for m, child in enumerate(rows):
            if (
                up[m] != n
                or child["duration_ns"] is None
                or UNKNOWN_START in {start_of(child), start_of(row)}
            ):
                continue
            low = start_of(child) - start_of(row)
            left = [part for free in left for part in _cut(free, low, low + child["duration_ns"])]
        assert abs(one["self_ms"] - sum(high - low for low, high in left) / 1e6) < 1e-9


def _cut(free: tuple[int, int], low: int, high: int) -> list[tuple[int, int]]:
    """What is left of a stretch without another."""
    parts = [(free[0], min(free[1], low)), (max(free[0], high), free[1])]
    return [(a, b) for a, b in parts if a < b] if low < high else [free]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 40)), max_size=12))
def test_union_counts_each_moment_once(stretches: list[tuple[int, int, int]]):
    """The union's length by group is the number of unit steps that some stretch covers."""
    group, low, high = (np.array([s[k] for s in stretches], dtype=np.int64) for k in range(3))
    covered = [{t for g, a, b in stretches if g == k for t in range(a, b)} for k in range(3)]
    assert union_length(group, low, high, 3).tolist() == [len(each) for each in covered]


@given(tables(), st.data())
def test_what_is_above_is_found_without_a_walk(table: pa.Table, data: st.DataObject):
    """``nearest`` and ``climbed`` against walks from each span, circles of parents among them."""
    up = np.maximum(parents(table), -1)
    flags = st.lists(st.booleans(), min_size=len(up), max_size=len(up)).map(lambda b: np.array(b, dtype=bool))
    wanted, stop = data.draw(flags), data.draw(flags)
    expected, reached = [], set()
    for n in range(len(up)):
        at, seen = int(up[n]), set()
        while at >= 0 and not wanted[at] and at not in seen:
            seen.add(at)
            at = int(up[at])
        expected.append(at if at >= 0 and wanted[at] else -1)
        at = int(up[n])
        while wanted[n] and at >= 0 and at not in reached:
            reached.add(at)
            at = -1 if stop[at] else int(up[at])
    assert nearest(up, wanted).tolist() == expected
    # What was reached before was gone on from before.
    assert set(np.flatnonzero(climbed(up, wanted, stop)).tolist()) == reached


def test_a_chain_of_a_hundred_thousand_spans_has_a_depth():
    """Depth and self time do not recurse: a chain longer than Python's stack."""
    count = 100_000
    names = np.char.mod("%08x", np.arange(count))
    start = np.arange(count) * 1000
    rows = pa.table(
        {
            "trace_id": ["t"] * count,
            "span_id": names,
            "parent_span_id": pa.array(np.roll(names, 1), mask=np.arange(count) == 0),
            "start_unix_nano": start,
            "start_time": pa.array(start // 1000, pa.timestamp("us", "UTC")),
        }
    )
    forest = forest_of(rows)
    assert forest.depth.tolist() == list(range(count))
    assert forest.descendants.tolist() == list(range(count - 1, -1, -1))


def test_a_start_beyond_nanoseconds_sorts_late():
    """A start after 2262 has no nanoseconds; it is later than all others and not unknown."""
    late = pa.array([7 * 10**15, 250_000_000_000_000_000, None], pa.timestamp("us", "UTC"))
    rows = pa.table({"start_time": late, "start_unix_nano": pa.nulls(3, pa.int64())})
    assert starts_of(rows).tolist() == [7 * 10**18, UNKNOWN_START - 1, UNKNOWN_START]
