"""What the Delta log says of a file: never less than the file holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import argus_lab as al
from argus_lab.lake import table as t
from argus_lab.lake.rows import arrow_table, sorted_spans
from argus_lab.schema import REFUSED, SPANS
from argus_lab.testing import make_span


def _written(lake: str, sessions: list[str]) -> dict[str, object]:
    """Write a span a session; what the log says of the file."""
    t.open_table(lake, REFUSED, create=True)
    found = t.open_table(lake, SPANS, create=True)
    rows = [make_span(n, session_id=session) for n, session in enumerate(sessions)]
    table = sorted_spans(arrow_table(SPANS, [tuple(row.values()) for row in rows]))
    adds = t.write_files(lake, SPANS, table)
    t.commit(found, adds, {})
    (add,) = adds
    statistics: dict[str, object] = json.loads(add.stats)
    return statistics


def test_statistics_hold_the_ends(tmp_path: Path):
    """Smallest and largest session of a file are in the log, over all its row groups."""
    statistics = _written(str(tmp_path), ["b", "a", "c"])
    assert statistics["numRecords"] == 3
    assert statistics["minValues"]["session_id"] == "a"  # type: ignore[index]
    assert statistics["maxValues"]["session_id"] == "c"  # type: ignore[index]


def test_long_values_hide_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A row group for which the writer keeps no ends leaves the range out, so every row is found."""
    monkeypatch.setattr(t, "ROW_GROUP_ROWS", 2)
    sessions = ["a", "b", "c" * 10_000, "d" * 9_000]
    statistics = _written(str(tmp_path), sessions)
    assert "session_id" not in statistics["maxValues"]  # type: ignore[operator]
    lake = al.open(str(tmp_path))
    assert [lake.count(session=session) for session in sessions] == [1, 1, 1, 1]


def test_statistics_keep_rare_characters(tmp_path: Path):
    """Characters beyond the basic plane are in the log as they are."""
    _written(str(tmp_path), ["𠀀"])
    lake = al.open(str(tmp_path))
    assert lake.count(session="𠀀") == 1
