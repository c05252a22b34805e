"""Outliers: the modified z-score of logarithms, as NumPy has it group by group."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.measures.outliers import SMALLEST, outliers
from argus_lab.testing import make_span
from tests.measures.engines import ENGINES, rows_of
from tests.measures.generated import tables
from tests.measures.samples import spans_of, support_sessions


def _scores(values: list[float]) -> list[float]:
    """Iglewicz and Hoaglin's score of each logarithm."""
    logs = np.log(values)
    distance = np.abs(logs - np.median(logs))
    scale = np.median(distance) / 0.6745 or distance.mean() * 1.253314
    return list((logs - np.median(logs)) / scale) if scale else [0.0] * len(values)


@given(
    values=st.lists(st.sampled_from([5.0, 5.0, 5.0, 6.0, 7.0, 80.0, 1000.0, 0.0, -1.0, None]), max_size=40)
)
def test_any_numbers(values: list[float | None]):
    """Scores are the textbook's; what is not above 0 takes no part; small groups have none."""
    spans = spans_of(*(make_span(n, name="chat", duration_ms=None) for n in range(len(values))))
    spans = spans.append_column("mine", pa.array(values, pa.float64()))
    found = {row["span_id"]: row for row in rows_of(outliers(spans, column="mine"))}
    known = [(n, value) for n, value in enumerate(values) if value is not None and value > 0]
    far = {}
    if len(known) >= SMALLEST:
        scores = _scores([value for _, value in known])
        far = {make_span(n)["span_id"]: (v, s) for (n, v), s in zip(known, scores, strict=True) if s >= 3.5}
    assert found.keys() == far.keys()
    for span_id, (value, score) in far.items():
        assert found[span_id]["value"] == value
        assert found[span_id]["score"] == pytest.approx(score)
        assert found[span_id]["times_median"] == pytest.approx(
            value / np.median([v for _, v in known]), rel=0.2
        )


def test_the_sample_by_name():
    """Every group of the sample as NumPy scores it, the furthest first."""
    found = outliers(support_sessions().to_pandas())
    expected = []
    spans = support_sessions().to_pandas()
    for _, group in spans[spans["duration_ms"] > 0].groupby("name"):
        if len(group) >= SMALLEST:
            scores = np.array(_scores(group["duration_ms"].tolist()))
            expected += list(zip(group["span_id"][scores >= 3.5], scores[scores >= 3.5], strict=True))
    assert dict(expected) == pytest.approx(dict(zip(found["span_id"], found["score"], strict=True)))
    assert found["score"].is_monotonic_decreasing


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree(engine: str):
    """The same rows in the same order from every engine; nothing of nothing."""
    spans = support_sessions()
    found = rows_of(
        outliers(ENGINES[engine](spans), by=["service", "name"], column="input_tokens", threshold=2)
    )
    assert found == rows_of(outliers(spans, by=["service", "name"], column="input_tokens", threshold=2))
    assert rows_of(outliers(ENGINES[engine](spans.slice(0, 0)))) == []


@given(spans=tables())
def test_any_spans(spans: pa.Table):
    """Broken spans break nothing; what is found is above its median."""
    assert all(row["value"] > row["median"] for row in rows_of(outliers(spans, by="status", threshold=1)))


@given(spans=tables(), by=st.sampled_from(["status", "request_model", ["status", "service"], "duration_ms"]))
def test_an_engine_finds_what_memory_finds(spans: pa.Table, by: str | list[str]):
    """DuckDB gives out only rows that are far: those found among all rows; null is a group too."""
    within = outliers(ENGINES["duckdb"](spans), by=by, threshold=0.5)
    assert rows_of(within) == rows_of(outliers(spans, by=by, threshold=0.5))


@pytest.mark.parametrize("groups", [3, 20_000])
def test_few_groups_and_many(groups: int):
    """However many groups there are, the one that is far in a group of nine is found, wherever it stands."""
    near = spans_of(*(make_span(n, name="n", duration_ms=90.0 + n) for n in range(8)))
    far = spans_of(make_span(8, name="n", duration_ms=9_000.0))
    rows = pa.concat_tables([near, far]).take(pa.array(list(range(9)) * groups))
    of = np.repeat(np.arange(groups), 9)
    mixed = np.random.default_rng(1).permutation(len(of))
    rows = rows.append_column("of", pa.array(of)).take(pa.array(mixed))
    found = outliers(rows, by="of")
    assert sorted(found["of"].to_pylist()) == list(range(groups))
    assert set(found["value"].to_pylist()) == {9_000.0}


def test_only_numbers_are_compared():
    """A text has no distance."""
    with pytest.raises(al.InvalidArgument, match="compares numbers"):
        outliers(support_sessions(), column="status")
