"""The bootstrap: whole traces, weighted as if they were repeated, and intervals that cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.measures.bootstrap import Mean, Quantile, draws, interval, resampled

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20).map(float)), max_size=30)


def _of(statistic: Mean | Quantile, weights):
    """A statistic for each row of weights."""
    return statistic.of(weights, (weights @ np.column_stack(statistic.parts(weights.shape[1]))).T)


@given(
    pairs=PAIRS,
    weights=st.lists(st.integers(0, 3), min_size=5, max_size=5),
    at=st.sampled_from([0.0, 0.25, 0.5, 0.95, 1.0]),
)
def test_a_weight_is_a_repetition(pairs, weights, at):
    """A trace drawn three times is in the mean and in the quantile three times, as NumPy has them."""
    trace = np.array([trace for trace, _ in pairs], dtype=np.int64)
    values = np.array([value for _, value in pairs], dtype=np.float64)
    repeated = np.repeat(values, np.array(weights)[trace]) if pairs else values
    drawn = np.array([weights], dtype=np.float64)
    mean, quantile = (_of(each, drawn)[0] for each in (Mean(trace, values), Quantile.over(trace, values, at)))
    if len(repeated):
        assert mean == pytest.approx(repeated.mean())
        assert quantile == pytest.approx(np.quantile(repeated, at))
    else:
        assert np.isnan(mean)
        assert np.isnan(quantile)


def test_a_quantile_far_from_the_middle_is_found_too():
    """One trace with most of the values, drawn or not, moves the quantile beyond what is looked at first."""
    trace = np.array([0] * 50_000 + [1] * 100)
    values = np.concatenate([np.arange(50_000.0), np.full(100, 1e6)])
    quantile = Quantile.over(trace, values, 0.5)
    assert _of(quantile, np.array([[0.0, 2.0], [2.0, 0.0]])).tolist() == [1e6, 24_999.5]


def test_traces_are_drawn_whole_and_within_their_stratum():
    """Each resample has as many traces of each stratum as there are; the draws are the same every time."""
    weights = np.vstack(list(draws([4, 3, 2], 500)))
    assert weights.shape == (500, 9)
    for low, high, size in ((0, 4, 4), (4, 7, 3), (7, 9, 2)):
        assert (weights[:, low:high].sum(axis=1) == size).all()
    assert (weights == np.vstack(list(draws([4, 3, 2], 500)))).all()
    assert weights.mean() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_intervals_cover_the_truth(statistic: str):
    """Of 200 repetitions with a known difference, the 95 % interval covers it in 90 to 99 of a hundred.

    Spans of a trace share an effect; drawn one by one, they would seem to know far more than they do.
    """
    chance = np.random.default_rng(7)
    covered = naive = 0
    for _ in range(200):
        sides = []
        for offset, shift in ((0, 0.0), (60, 0.5)):
            trace = np.repeat(np.arange(60), 8)
            values = chance.normal(10 + shift, 1, 60)[trace] + chance.normal(0, 0.5, len(trace))
            at = trace + offset
            sides.append(Mean(at, values) if statistic == "mean" else Quantile.over(at, values, 0.5))
        low, high = interval(resampled([tuple(sides)], (60, 60, 0), 300)[0], 0.95)
        covered += low <= 0.5 <= high
        error = np.sqrt(sum(side.values.var() / len(side.values) for side in sides))
        naive += abs(sides[1].known() - sides[0].known() - 0.5) <= 1.96 * error
    assert 180 <= covered <= 198
    if statistic == "mean":
        assert naive < 150


def test_an_interval_needs_something_to_draw_from():
    """Where most resamples had nothing to compute from, nothing is said."""
    assert np.isnan(interval(np.array([1.0, np.nan, np.nan]), 0.9)).all()
    assert np.isnan(interval(np.array([]), 0.9)).all()
    assert interval(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), 0.5) == (1.0, 3.0)
