"""scan(): the same rows, lazily, in each engine."""

from __future__ import annotations

import sys

import duckdb
import polars as pl
import pytest

import argus_lab as al
from argus_lab.schema import SPANS
from argus_lab.testing import NOON

PICKS = [
    {},
    {"project": "Größe %41 =&?#", "service": ["tools", "o'neill"]},
    {"project": "__HIVE_DEFAULT_PARTITION__"},
    {"project": "2026-01-01", "since": NOON},
    {"session": 'it\'s "one"', "until": "2026-03-03T00:00Z"},
    {"project": "no such"},
    {"service": []},
]


@pytest.mark.parametrize("picks", PICKS)
def test_duckdb_scans_the_same_rows(mixed_lake: al.Lake, picks: dict):
    """A relation with every column in order, filtered as spans() is."""
    relation = mixed_lake.scan("duckdb", **picks)
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert relation.columns == SPANS.names
    found = relation.select("project, span_id").fetchall()
    assert sorted(found) == _pairs(mixed_lake, picks)


@pytest.mark.parametrize("picks", PICKS)
def test_polars_scans_the_same_rows(mixed_lake: al.Lake, picks: dict):
    """A lazy frame with every column, its types those of the schema."""
    lazy = mixed_lake.scan("polars", **picks)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect_schema() == pl.DataFrame(SPANS.arrow().empty_table()).schema
    assert sorted(lazy.select("project", "span_id").collect().rows()) == _pairs(mixed_lake, picks)


def test_a_scan_stays_on_its_version(tmp_path):
    """What is committed after the scan was made is not in it."""
    from argus_lab.testing import make_span
    from tests.lake_read.lakes import write

    place = str(tmp_path / "lake")
    write(place, [make_span(0)])
    lazy = al.open(place).scan("polars")
    write(place, [make_span(1)])
    assert lazy.select(pl.len()).collect().item() == 1


def test_an_unknown_engine_is_refused(tiny: al.Lake):
    """The message lists what there is."""
    with pytest.raises(al.InvalidArgument, match="'duckdb', 'polars' or a SparkSession"):
        tiny.scan("pandas")


def test_polars_missing_says_how_to_install_it(tiny: al.Lake, monkeypatch: pytest.MonkeyPatch):
    """Without Polars the error names the install line."""
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(al.MissingExtra, match="pip install polars"):
        tiny.scan("polars")


def _pairs(lake: al.Lake, picks: dict) -> list[tuple[str, str]]:
    rows = lake.spans(columns=["project", "span_id"], **picks)
    return sorted(zip(rows["project"], rows["span_id"], strict=True))
