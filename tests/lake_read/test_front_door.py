"""The package's own names, and the public helpers for tests."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import pytest

import argus_lab as al
from argus_lab import errors
from argus_lab.lake.rows import arrow_table
from argus_lab.schema import SPANS
from argus_lab.testing import NOON, make_span, ticks

ROOT = Path(__file__).parents[2]


def test_every_public_name_is_there():
    """What dir() lists can be had, and every public error is among it."""
    for name in dir(al):
        assert getattr(al, name) is not None
    assert set(errors.__all__) | {"open", "Lake"} <= set(dir(al))
    assert al.NotFound is errors.NotFound


def test_an_unknown_name_is_an_attribute_error():
    """A slip is Python's own error, not a None."""
    with pytest.raises(AttributeError, match="opne"):
        al.opne  # noqa: B018


def test_the_version_is_the_distributions():
    """__version__ and pyproject.toml say the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == al.__version__


def test_make_span_fits_the_table():
    """A row has every column, fits the Arrow schema, and is the same at every call."""
    rows = [make_span(n) for n in range(20)]
    assert all(list(row) == SPANS.names for row in rows)
    table = arrow_table(SPANS, [tuple(row.values()) for row in rows])
    for column in SPANS.columns:
        if column.required:
            assert table[column.name].null_count == 0, column.name
        if column.values:
            assert set(table[column.name].to_pylist()) <= {None, *column.values}, column.name
    assert rows == [make_span(n) for n in range(20)]
    assert len({row["span_id"] for row in rows}) == 20


def test_make_span_keeps_times_in_step():
    """Start, end, duration, nanoseconds and date agree, whatever is given."""
    late = NOON.replace(year=2027)
    for row in (make_span(5), make_span(5, start_time=late), make_span(5, duration_ms=1500.5)):
        assert row["date"] == row["start_time"].date()
        assert row["start_unix_nano"] == round(row["start_time"].timestamp() * 1e6) * 1000
        assert (row["end_time"] - row["start_time"]).total_seconds() * 1000 == row["duration_ms"]
        assert row["duration_ns"] == row["duration_ms"] * 1e6
    assert make_span(start_time=None)["date"] == NOON.date()
    with pytest.raises(al.UnknownColumn, match="did you mean 'service'"):
        make_span(servce="x")


def test_ticks_go_on():
    """The clock starts where told and never repeats."""
    moments = list(itertools.islice(ticks(), 5))
    assert moments[0] == NOON
    assert len(set(moments)) == 5
