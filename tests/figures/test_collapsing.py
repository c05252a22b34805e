"""Rows of a waterfall: never too many, and every span in exactly one."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.figures.bars import concurrency, merged
from argus_lab.figures.collapsing import parents_of, rows


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[int], list[str], list[float]]:
    """Depths in reading order, labels and weights."""
    count = draw(st.integers(1, 120))
    depths = [0]
    for _ in range(count - 1):
        depths.append(draw(st.integers(0, min(depths[-1] + 1, 9))))
    labels = draw(st.lists(st.sampled_from("abcdef"), min_size=count, max_size=count))
    weights = draw(st.lists(st.floats(0, 1e6), min_size=count, max_size=count))
    return depths, labels, weights


@given(trees(), st.integers(3, 40))
def test_every_span_is_in_one_row(tree, most: int):
    """Nothing is lost and nothing shown twice, however few rows there are."""
    found = rows(*tree, max_rows=most)
    assert Counter(member for row in found for member in row.members) == Counter(range(len(tree[0])))


@given(trees(), st.integers(3, 40))
def test_there_are_never_more_rows_than_asked_for(tree, most: int):
    """The limit holds for every tree: broad, deep, or with many roots."""
    assert len(rows(*tree, max_rows=most)) <= most


@given(trees())
def test_what_fits_is_drawn_span_by_span(tree):
    """With room for all each span has its row, in reading order, at its depth."""
    found = rows(*tree, max_rows=max(len(tree[0]), 3))
    assert [row.members for row in found] == [[place] for place in range(len(tree[0]))]
    assert [row.depth for row in found] == tree[0]


@given(trees(), st.integers(3, 40))
def test_collapsed_rows_are_alike(tree, most: int):
    """A collapsed row holds spans of one label and one depth; depths of rows never jump down by two."""
    found = rows(*tree, max_rows=most)
    for row in found:
        if row.form == "collapsed":
            assert len({tree[1][member] for member in row.members}) == 1
            assert {tree[0][member] for member in row.members} == {row.depth}
    assert all(b.depth <= a.depth + 1 for a, b in pairwise(found))


def test_many_alike_become_one():
    """412 searches below an agent are one row of 412."""
    found = rows([0] + [1] * 412, ["agent"] + ["search"] * 412, [1.0] * 413, max_rows=20)
    assert [(row.form, len(row.members)) for row in found] == [("span", 1), ("collapsed", 412)]


def test_the_lightest_branches_are_summed_up():
    """Of a hundred different children the heaviest keep their rows."""
    weights = [0.0] + [float(n) for n in range(100)]
    found = rows([0] + [1] * 100, ["root", *map(str, range(100))], weights, max_rows=12)
    assert [row.form for row in found] == ["span"] * 11 + ["rest"]
    assert sorted(row.members[0] for row in found[1:11]) == list(range(91, 101))


@given(trees())
def test_parents_are_the_nearest_above(tree):
    """By an independent search backwards."""
    depths = tree[0]
    expected = [
        next((p for p in range(place - 1, -1, -1) if depths[p] == depths[place] - 1), -1)
        for place in range(len(depths))
    ]
    assert parents_of(depths) == [
        -1 if depths[place] == 0 else parent for place, parent in enumerate(expected)
    ]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), min_size=1, max_size=30))
def test_concurrency_is_the_time_spent_in_each_piece(pairs):
    """Against a sum over all pairs of span and piece."""
    start = np.array([float(a) for a, _ in pairs])
    end = start + np.array([float(b) for _, b in pairs])
    edges = np.linspace(0, 150, 16)
    expected = [
        sum(max(0.0, min(e, right) - max(s, left)) for s, e in zip(start, end, strict=True)) / (right - left)
        for left, right in pairwise(edges)
    ]
    assert np.allclose(concurrency(start, end, edges), expected)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100), st.integers(1, 20)), min_size=1, max_size=40)
)
def test_merged_pieces_cover_the_same_time(found):
    """Joining touching pieces leaves what is covered as it was."""
    pieces = pd.DataFrame({"y": [y for y, _, _ in found], "left": [a for _, a, _ in found]})
    pieces["right"] = pieces["left"] + [n for _, _, n in found]

    def covered(frame: pd.DataFrame) -> set[tuple[int, int]]:
        return {
            (int(y), at)
            for y, a, b in frame[["y", "left", "right"]].to_numpy()
            for at in range(int(a), int(b))
        }

    joined = merged(pieces, 0)
    assert covered(joined) == covered(pieces)
    assert len(joined) <= len(pieces)
