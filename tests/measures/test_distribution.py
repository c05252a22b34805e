"""Distribution: every number is in the piece that its logarithm says, in every engine."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.errors import InvalidArgument
from argus_lab.measures.distribution import distribution
from argus_lab.testing import make_span
from tests.measures.engines import ENGINES, rows_of
from tests.measures.generated import tables
from tests.measures.samples import spans_of, support_sessions


@pytest.mark.parametrize("engine", ENGINES)
def test_the_sample_as_numpy_has_it(engine: str):
    """Counts are those of NumPy's histogram over the same bounds, in every engine."""
    rows = rows_of(distribution(ENGINES[engine](support_sessions())))
    times = support_sessions()["duration_ms"].drop_null().to_numpy()
    edges = np.array([row["low"] for row in rows] + [rows[-1]["high"]])
    for row in rows:
        inside = (times >= row["low"] * (1 - 1e-12)) & (times < row["high"] * (1 - 1e-12))
        assert row["count"] == inside.sum()
    assert sum(row["count"] for row in rows) == len(times)
    assert (np.diff(edges) > 0).all()


@given(spans=tables())
def test_no_number_is_lost(spans: pa.Table):
    """Known numbers are counted once each, those that are 0 in a row without bounds; unknown ones are not."""
    rows = rows_of(distribution(spans, by="name"))
    for name in set(spans["name"].to_pylist()):
        mine = [row["duration_ms"] for row in spans.to_pylist() if row["name"] == name]
        found = [row for row in rows if row["name"] == name]
        assert sum(row["count"] for row in found) == sum(ms is not None for ms in mine)
        nothing = [row["count"] for row in found if row["low"] is None]
        assert nothing == [n for n in [sum(ms is not None and ms <= 0 for ms in mine)] if n]


@given(power=st.integers(-3, 6), per_decade=st.integers(1, 1000))
def test_powers_of_ten_are_bounds(power: int, per_decade: int):
    """However engines take a logarithm: 1,000 is where a piece begins."""
    (row,) = rows_of(distribution(spans_of(make_span(0, duration_ms=10.0**power)), per_decade=per_decade))
    assert row["low"] == pytest.approx(10.0**power, rel=1e-12)


def test_nonsense_is_refused():
    """Pieces below one a decade and columns of texts are errors that say what to do."""
    with pytest.raises(InvalidArgument, match="from 1 to 1000"):
        distribution(support_sessions(), per_decade=0)
    with pytest.raises(InvalidArgument, match="counts numbers"):
        distribution(support_sessions(), column="name")
