"""Errors: grouped by what they say, where they arose, counted once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given

from argus_lab.measures.errors import errors
from argus_lab.measures.sessions import sessions
from argus_lab.testing import make_span
from tests.measures.engines import ENGINES, rows_of
from tests.measures.generated import tables
from tests.measures.samples import DATASETS, spans_of, support_sessions

TRACE = "c" * 32


def _failed(n: int, parent: int | None = None, **columns: Any) -> dict[str, Any]:
    above = None if parent is None else f"{parent:016x}"
    given = {"trace_id": TRACE, "span_id": f"{n:016x}", "parent_span_id": above, "status": "ERROR"}
    return make_span(n, **given | columns)


def test_the_sample_as_its_facts_have_it():
    """Every failed span is counted once, as an error or as one's repetition, by its type."""
    facts = json.loads((DATASETS / "support-sessions.facts.json").read_text())
    found: Counter[str] = Counter()
    for row in rows_of(errors(support_sessions())):
        found[row["error_type"]] += row["count"] + row["propagated"]
    assert found == facts["errors_by_type"]


def test_the_sample_as_sql_has_it():
    """The repetitions found by a join with the parent; counts, traces, times and services of the rest."""
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    session.register("spans", support_sessions())
    expected = session.sql("""
        WITH failed AS (FROM spans WHERE status = 'ERROR'), arisen AS (
            FROM failed f WHERE NOT EXISTS (
                FROM failed c WHERE c.trace_id = f.trace_id AND c.parent_span_id = f.span_id
                    AND contains(f.error_message, c.error_message)
            )
        )
        SELECT error_type, count(*) AS count, count(DISTINCT trace_id) AS traces,
            count(DISTINCT session_id) AS sessions,
            min(start_time) AS first_seen, max(start_time) AS last_seen,
            count(*) / (SELECT count(*) FROM arisen) AS share,
            regexp_replace(error_message, '\\d[\\d,]*', '<n>', 'g') AS error
        FROM arisen WHERE error_type <> 'ToolNotFoundError' GROUP BY error_type, error ORDER BY ALL
    """).to_arrow_table()
    expected = expected.to_pylist()
    found = [row for row in rows_of(errors(support_sessions())) if row["error_type"] != "ToolNotFoundError"]
    key = ("error_type", "count", "traces", "sessions")
    mine = sorted(found, key=lambda row: [row[name] for name in key])
    for row, want in zip(mine, sorted(expected, key=lambda row: [row[name] for name in key]), strict=True):
        assert {name: row[name] for name in key} == {name: want[name] for name in key}
        assert (row["first_seen"], row["last_seen"]) == (want["first_seen"], want["last_seen"])
        assert row["share"] == pytest.approx(want["share"])


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree(engine: str):
    """The same rows in the same order from every engine; nothing of nothing."""
    for by in (None, "service", "error_type"):
        assert rows_of(errors(ENGINES[engine](support_sessions()), by=by)) == rows_of(
            errors(support_sessions(), by=by)
        )
    assert rows_of(errors(ENGINES[engine](support_sessions().slice(0, 0)))) == []


def test_an_error_on_its_way_up_is_counted_where_it_arose():
    """Parents that repeat, contain or lack the message are not errors of their own; others are."""
    spans = spans_of(
        _failed(1, error_message="the answer could not be given"),
        _failed(2, 1, error_message=None, error_type=None),
        _failed(3, 2, error_message="tool failed: no row 7", error_type="ToolError"),
        _failed(4, 3, error_message="no row 7", error_type="KeyError"),
        _failed(5, 1, status="OK"),
        _failed(6, 5, error_message="no row 8", error_type="KeyError"),
    )
    found = {row["error"]: row for row in rows_of(errors(spans))}
    assert found.keys() == {"the answer could not be given", "no row <n>"}
    assert (found["no row <n>"]["count"], found["no row <n>"]["propagated"]) == (2, 2)
    assert found["no row <n>"]["share"] == pytest.approx(2 / 3)
    assert found["no row <n>"]["example_message"] == "no row 8"


def test_an_error_without_words_is_an_error():
    """Type alone, status message alone, and nothing at all."""
    spans = spans_of(
        _failed(1, error_type="TimeoutError"),
        _failed(2, status_message="deadline of 5 s exceeded"),
        _failed(3, error_message="  "),
    )
    assert {(row["error"], row["error_type"], row["count"]) for row in rows_of(errors(spans))} == {
        ("(no message)", "TimeoutError", 1),
        ("deadline of <n> s exceeded", None, 1),
        ("(no message)", None, 1),
    }


@given(spans=tables())
def test_any_spans(spans: pa.Table):
    """Each failed span is counted exactly once, as an error or as a repetition; examples exist."""
    found = rows_of(errors(spans))
    failed = [row for row in spans.to_pylist() if row["status"] == "ERROR"]
    assert sum(row["count"] + row["propagated"] for row in found) == len(failed)
    assert sum(row["share"] for row in found) == pytest.approx(1 if failed else 0)
    ids = {(row["trace_id"], row["span_id"]) for row in failed}
    for row in found:
        assert (row["example_trace_id"], row["example_span_id"]) in ids
        assert row["first_seen"] is None or row["first_seen"] <= row["last_seen"]
        assert 1 <= row["traces"] <= row["count"]


@pytest.mark.parametrize("engine", ENGINES)
def test_sessions_count_failing_spans_and_errors_tell_where_they_arose(engine: str):
    """A tool that fails, and two spans that repeat it: three failing spans, one failure, by session too."""
    one = {"session_id": "s", "error_message": "no such order", "error_type": "KeyError"}
    rows = spans_of(
        _failed(1, **one), _failed(2, 1, **one), _failed(3, 2, **one), make_span(9, session_id="t")
    )
    told = {row["session_id"]: row["errors"] for row in rows_of(sessions(ENGINES[engine](rows)))}
    assert told == {"s": 3, "t": 0}
    (row,) = rows_of(errors(ENGINES[engine](rows), by="session_id"))
    assert (row["session_id"], row["count"], row["propagated"]) == ("s", 1, 2)
