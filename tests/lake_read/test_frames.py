"""Frames: the documented dtypes, with and without rows, and where the rows came from."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import argus_lab as al
from argus_lab.frames import PANDAS_DTYPES, narrowed, pandas_of
from argus_lab.schema import REFUSED, SPANS
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import refusal, write

READS = {
    "stored": {},
    "sorted": {"order": "oldest"},
    "limited": {"limit": 3},
    "looked up": {"session": "session-0"},
    "with where": {"where": "true"},
    "nothing found": {"project": "no such"},
    "nothing found by where": {"where": "false"},
}


@pytest.fixture(scope="module")
def full_lake(tmp_path_factory: pytest.TempPathFactory) -> al.Lake:
    """A lake with one span that has a value in every column, and spans that have few."""
    sample = {
        "string": "text",
        "json": '{"a": 1}',
        "int64": 2**62 + 1,
        "float64": 0.5,
        "bool": True,
        "timestamp": NOON,
        "date": NOON.date(),
        "list<string>": ["a", "b"],
    }
    place = str(tmp_path_factory.mktemp("full") / "lake")
    full = {column.name: sample[column.type] for column in SPANS.columns} | {"session_id": "session-0"}
    write(place, [full, *(make_span(n) for n in range(6))])
    write(place, [refusal(0), refusal(1)], table=REFUSED)
    return al.open(place)


@pytest.mark.parametrize("columns", ["light", "all"])
@pytest.mark.parametrize("how", READS)
def test_dtypes_are_the_documented_ones(full_lake: al.Lake, how: str, columns: str):
    """Every read, whichever engine answers and also without rows, has the schema page's dtypes."""
    found = full_lake.spans(columns=columns, **READS[how])
    wanted = {name: PANDAS_DTYPES[SPANS.column(name).type] for name in SPANS.choose(columns)}
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == wanted


@pytest.mark.parametrize("how", ["light", "all"])
def test_refused_frames_have_the_documented_dtypes(full_lake: al.Lake, how: str):
    """The same for refused spans, with rows and without."""
    for found in (full_lake.refused(columns=how), full_lake.refused(columns=how, reason="no such")):
        wanted = {name: PANDAS_DTYPES[REFUSED.column(name).type] for name in REFUSED.choose(how)}
        assert {name: str(dtype) for name, dtype in found.dtypes.items()} == wanted


def test_values_come_back_as_they_were_stored(full_lake: al.Lake):
    """64-bit integers stay exact beside nulls, times are UTC to the microsecond, null is missing."""
    found = full_lake.spans(columns="all", where="name = 'text'").iloc[0]
    assert found["start_unix_nano"] == 2**62 + 1
    assert found["start_time"] == pd.Timestamp(NOON)
    assert found["date"] == NOON.date()
    assert found["tags"] == ["a", "b"]
    assert found["streaming"] is True or found["streaming"] == True  # noqa: E712  numpy or Python bool
    assert full_lake.spans(columns=["tags"])["tags"].map(bool).tolist().count(True) == 1
    others = full_lake.spans(columns=["seed", "streaming", "tags", "error_type"], where="name <> 'text'")
    assert others.isna().all(axis=None)


def test_columns_come_in_the_order_asked(full_lake: al.Lake):
    """A list of names gives those columns, once each, in that order, from either engine."""
    names = ["name", "date", "project", "trace_id", "name"]
    for selection in ({}, {"order": "oldest"}):
        assert list(full_lake.spans(columns=names, **selection).columns) == names[:4]
    assert list(full_lake.spans(columns="name").columns) == ["name"]


def test_heavy_columns_are_left_out_unless_asked_for(full_lake: al.Lake):
    """The light default has no long text and no raw JSON."""
    light = set(full_lake.spans().columns)
    assert {"trace_id", "input_tokens", "date"} <= light
    assert not light & {"input", "output", "attributes", "events", "resource"}


def test_attrs_say_what_was_asked_and_found(full_lake: al.Lake):
    """Provenance holds the lake, version, arguments, columns and counts, and is plain JSON."""
    told = full_lake.spans(
        columns=["name"],
        project=["customer-bot"],
        since=NOON,
        until=datetime(2026, 3, 2, tzinfo=UTC),
        where="duration_ms > $ms",
        params={"ms": 1},
        limit=2,
    ).attrs["argus"]
    assert json.loads(json.dumps(told)) == told
    assert told["asked"] == {
        "project": ["customer-bot"],
        "since": "2026-03-01T12:00:00+00:00",
        "until": "2026-03-02T00:00:00+00:00",
        "where": "duration_ms > $ms",
        "params": {"ms": 1},
    }
    assert told["window"] == ["2026-03-01T12:00:00+00:00", "2026-03-02T00:00:00+00:00"]
    assert (told["matched"], told["returned"], told["cut"]) == (6, 2, True)
    assert told["columns"] == ["name"]
    assert told["version"] == full_lake.version
    assert told["lake"] == full_lake.address


@pytest.mark.parametrize(
    "params",
    [[timedelta(days=1), Decimal("1.5"), float("nan")], {"when": NOON, 1: pd.Timestamp(NOON)}, [b"x", None]],
)
def test_attrs_are_json_whatever_the_parameters(full_lake: al.Lake, params: object):
    """Parameters of any type leave the provenance JSON-able."""
    from argus_lab.lake.selection import select

    told = dict(select(SPANS, {"where": "true", "params": params}).asked)
    json.dumps(told, allow_nan=False)


def test_durations_are_kept_as_asked_and_as_meant(full_lake: al.Lake):
    """since="24h" is shown as written, beside the instant it meant."""
    told = full_lake.spans(since="24h").attrs["argus"]
    assert told["asked"] == {"since": "24h"}
    assert datetime.fromisoformat(told["window"][0]).tzinfo is not None
    assert told["window"][1] is None


def test_an_empty_lake_has_empty_frames_with_every_column(tmp_path: Path):
    """A lake without a span answers every question, with the dtypes of a full one."""
    place = str(tmp_path / "lake")
    write(place, [])
    lake = al.open(place)
    assert lake.count() == 0
    assert list(lake.spans(columns="all").columns) == SPANS.names
    assert len(lake.spans(order="newest", limit=5)) == 0
    projects = lake.projects()
    assert {name: str(dtype) for name, dtype in projects.dtypes.items()} == {
        "project": "str",
        "services": "object",
        "traces": "Int64",
        "spans": "Int64",
        "first_start": "datetime64[us, UTC]",
        "last_start": "datetime64[us, UTC]",
    }
    assert lake.sql("SELECT * FROM spans").shape == (0, len(SPANS.names))
    assert len(lake.refused()) == 0
    assert len(lake.scan().fetchall()) == 0
    with pytest.raises(al.NotFound, match="no trace"):
        lake.trace("0" * 32)


def test_frames_can_be_saved_and_joined(full_lake: al.Lake, tmp_path: Path):
    """Provenance does not stand in the way of Parquet, concat or merge."""
    spans = full_lake.spans()
    spans.to_parquet(tmp_path / "spans.parquet")
    again = pd.read_parquet(tmp_path / "spans.parquet")
    assert again.attrs == spans.attrs
    assert again.dtypes.astype(str).to_dict() == spans.dtypes.astype(str).to_dict()
    assert len(pd.concat([spans, again])) == 2 * len(spans)
    assert len(spans.merge(spans[["span_id"]], on="span_id")) == len(spans)


def test_decimals_become_numbers():
    """DuckDB's 128-bit sums become int64 where they fit, else float64; fractions become float64."""
    wide = pa.decimal128(38, 0)
    made = narrowed(
        pa.table(
            {
                "fits": pa.array([1, None, 2**63 - 1], wide),
                "too_wide": pa.array([1, None, 2**63], wide),
                "fraction": pa.array([Decimal("1.5"), None, Decimal("2.25")], pa.decimal128(6, 2)),
                "none": pa.nulls(3, wide),
            }
        )
    )
    frame = pandas_of(made)
    assert [str(dtype) for dtype in frame.dtypes] == ["Int64", "float64", "float64", "Int64"]
    assert frame["fits"][2] == 2**63 - 1
    assert frame["fraction"].tolist()[::2] == [1.5, 2.25]


def test_dates_are_dates(full_lake: al.Lake):
    """The partition column compares with Python dates."""
    spans = full_lake.spans(columns=["date"])
    assert (spans["date"] == date(2026, 3, 1)).all()
