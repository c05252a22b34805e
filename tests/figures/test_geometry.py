"""Lanes, stacks, gaps and forests against independent computations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.figures.comparisons import forest
from argus_lab.figures.lanes import cut
from argus_lab.figures.series import with_gaps
from argus_lab.figures.usage import stacked

INTERVALS = st.lists(st.tuples(st.floats(0, 1e7), st.floats(0, 1e5)), min_size=1, max_size=40)


@given(INTERVALS)
def test_time_still_runs_forward_when_pauses_are_cut(found):
    """Drawn times keep the order, spans keep their lengths, and every pause is as narrow as the next."""
    start = np.array([a for a, _ in found])
    end = start + np.array([n for _, n in found])
    clock = cut(start, end)
    moments = np.sort(np.concatenate([start, end]))
    assert (np.diff(clock.drawn(moments)) >= -1e-6).all()
    assert np.allclose(clock.drawn(end) - clock.drawn(start), end - start, atol=1e-3)
    widths = clock.pauses["right"] - clock.pauses["left"]
    assert np.allclose(widths, widths.iloc[0] if len(widths) else 0, atol=1e-3)


@given(INTERVALS)
def test_nothing_happens_in_a_pause(found):
    """No span runs in what is cut out, and what is cut out is long."""
    start = np.array([a for a, _ in found])
    end = start + np.array([n for _, n in found])
    for pause in cut(start, end).pauses.itertuples():
        assert ((end <= pause.start) | (start >= pause.end)).all()
        assert pause.end - pause.start > 2_000


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.floats(0.1, 100)), min_size=1, max_size=30
    )
)
def test_stacks_add_up(found):
    """Layers of one time touch, do not overlap, and reach the sum."""
    layers = stacked(pd.DataFrame(found, columns=["time", "layer", "value"]))
    for _, rows in layers.groupby("time"):
        assert rows["bottom"].iloc[0] == pytest.approx(0, abs=1e-9)
        assert np.allclose(rows["bottom"].iloc[1:], rows["top"].iloc[:-1])
        assert rows["top"].iloc[-1] == pytest.approx(rows["value"].sum())


@given(st.sets(st.integers(0, 60), min_size=1, max_size=20))
def test_lines_break_where_stretches_are_missing(hours):
    """One empty row for each run of missing hours, and no other."""
    times = pd.to_datetime(["2026-05-04T00:00Z"] * len(hours)) + pd.to_timedelta(sorted(hours), unit="h")
    found = with_gaps(pd.DataFrame({"time": times, "n": 1.0}), pd.Timedelta("1h"))
    ordered = sorted(hours)
    assert found["n"].isna().sum() == sum(b - a > 1 for a, b in pairwise(ordered))
    assert found["time"].is_monotonic_increasing


def _row(**given: object) -> dict[str, object]:
    usual = {"metric": "error_rate", "unit": "share of spans", "a": 0.1, "b": 0.2, "difference": 0.1}
    return usual | {"low": 0.0, "high": 0.3, "n_a": 10, "n_b": 10, "change": 1.0, "is_clear": True} | given


def test_a_forest_is_symmetric_in_ratios():
    """Twice as much and half as much are as far from the middle."""
    shown = forest(pd.DataFrame([_row(), _row(b=0.05, difference=-0.05, change=-0.5)]))
    assert shown["x"].tolist() == [1.0, -1.0]


def test_a_forest_says_what_it_cuts():
    """An interval down to nothing ends at the edge, marked; no relative change means no mark."""
    cut_off, unknown = forest(
        pd.DataFrame([_row(low=-0.2, high=9.9), _row(a=0.0, change=float("nan"))])
    ).to_dict("records")
    assert (cut_off["left"], cut_off["is_cut_left"], cut_off["right"], cut_off["is_cut_right"]) == (
        -5,
        True,
        5,
        True,
    )
    assert np.isnan(unknown["x"])
    assert "0.0% → 20.0%" in unknown["numbers"]
