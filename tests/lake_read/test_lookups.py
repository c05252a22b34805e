"""trace(), session(), projects(), sql(): one answer, or an error that names what comes near."""

from __future__ import annotations

import pandas as pd
import pytest

import argus_lab as al
from argus_lab.schema import SPANS
from tests.lake_read.lakes import TINY_TRACE


def test_a_trace_has_all_its_spans_in_order(mixed_lake: al.Lake, mixed_frame: pd.DataFrame):
    """Every span of the trace, from whatever file, oldest first, spans without a start last."""
    for trace_id, rows in mixed_frame.groupby("trace_id"):
        found = mixed_lake.trace(trace_id)
        wanted = rows.sort_values(["start_time", "span_id"], na_position="last")
        assert found["span_id"].tolist() == wanted["span_id"].tolist()
        assert list(found.columns) == SPANS.names


@pytest.mark.parametrize("spelling", [str.upper, lambda text: f" {text[:8]}-{text[8:]} "])
def test_a_trace_is_found_in_any_spelling(tiny: al.Lake, spelling):
    """Upper case, hyphens and blanks around do not matter."""
    assert len(tiny.trace(spelling(TINY_TRACE), columns=["name"])) == 4


def test_an_unknown_trace_names_those_that_start_alike(tiny: al.Lake):
    """One wrong digit at the end, or only the beginning: the right id is in the message."""
    for asked in (TINY_TRACE[:-1] + "0", TINY_TRACE[:7]):
        with pytest.raises(al.NotFound, match=f"no trace '{asked}' in .*Near: {TINY_TRACE}"):
            tiny.trace(asked)
    with pytest.raises(al.NotFound) as caught:
        tiny.trace("f" * 32)
    assert "Near" not in str(caught.value)


@pytest.mark.parametrize("asked", ["", "xyz", "0" * 33, "0'; --", 5, None])
def test_what_is_no_trace_id_is_told_so(tiny: al.Lake, asked: object):
    """Text that no trace id can start with is a wrong argument, not a trace that is missing."""
    if asked == 5:
        asked = 5.5
    with pytest.raises(al.InvalidArgument, match="32 hexadecimal digits"):
        tiny.trace(asked)


def test_an_unknown_session_names_the_nearest(tiny: al.Lake):
    """A slip in a session's name is answered with the name."""
    with pytest.raises(al.NotFound, match=r"no session 'sesion-1' in .*Near: session-1"):
        tiny.session("sesion-1")
    with pytest.raises(al.NotFound, match="no session"):
        tiny.session("session-1", project="shop-bot")


def test_not_found_is_a_lookup_error(tiny: al.Lake):
    """Callers may catch the built-in kind."""
    with pytest.raises(LookupError):
        tiny.session("no such")


def test_projects_agree_with_pandas(mixed_lake: al.Lake, mixed_frame: pd.DataFrame):
    """A row per project, names as sent, with the counts that pandas gets."""
    found = mixed_lake.projects().set_index("project")
    assert found.index.tolist() == sorted(mixed_frame["project"].unique())
    for project, rows in mixed_frame.groupby("project"):
        told = found.loc[project]
        assert told["services"] == sorted(rows["service"].unique())
        assert told["traces"] == rows["trace_id"].nunique()
        assert told["spans"] == len(rows)
        assert told["first_start"] == rows["start_time"].min()
        assert told["last_start"] == rows["start_time"].max()


def test_projects_take_filters(mixed_lake: al.Lake):
    """The overview can be narrowed like any other read."""
    found = mixed_lake.projects(project=["a/b"], service="tools")
    assert found["project"].tolist() == ["a/b"]
    assert found["services"].tolist() == [["tools"]]
    assert found["spans"][0] == mixed_lake.count(project="a/b", service="tools")


def test_sql_sees_every_column_and_both_tables(tiny: al.Lake):
    """SELECT * has the schema's columns in order, partition columns included."""
    assert list(tiny.sql("SELECT * FROM spans").columns) == SPANS.names
    assert tiny.sql("SELECT count(*) AS n FROM refused")["n"].tolist() == [0]


def test_sql_numbers_are_numbers(tiny: al.Lake):
    """Sums, counts, averages and times have usable dtypes, and nulls stay missing."""
    found = tiny.sql(
        "SELECT sum(input_tokens) AS s, count(*) AS n, avg(duration_ms) AS a, max(start_time) AS t, "
        "1.5 AS d, NULL::BIGINT AS missing FROM spans"
    )
    assert found.dtypes.astype(str).tolist() == [
        "Int64",
        "Int64",
        "float64",
        "datetime64[us, UTC]",
        "float64",
        "Int64",
    ]
    assert found["missing"].isna().all()


def test_sql_times_are_utc_whatever_the_machine(tiny: al.Lake, monkeypatch: pytest.MonkeyPatch):
    """Hours in SQL are UTC hours: the session's time zone is set, not taken from the machine."""
    assert tiny.sql("SELECT DISTINCT hour(start_time) AS h FROM spans")["h"].tolist() == [12]
    assert tiny.sql("SELECT current_setting('TimeZone') AS z")["z"].tolist() == ["UTC"]


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("SELECT count(*) AS n FROM spans WHERE service = ?", ["tools"]),
        ("SELECT count(*) AS n FROM spans WHERE service = $1", ["tools"]),
        ("SELECT count(*) AS n FROM spans WHERE service = $s", {"s": "tools"}),
        ("WITH t AS (SELECT * FROM spans) SELECT count(*) AS n FROM t WHERE service = $s;", {"s": "tools"}),
        ("FROM spans SELECT count(*) AS n WHERE service = $s -- a comment", {"s": "tools"}),
    ],
)
def test_sql_binds_parameters(tiny: al.Lake, query: str, params: object):
    """Both kinds of parameters, with CTEs, FROM-first and comments."""
    assert tiny.sql(query, params)["n"].tolist() == [2]


@pytest.mark.parametrize(
    "query", ["DESCRIBE spans", "SUMMARIZE spans", "PIVOT spans ON service USING count(*) GROUP BY project"]
)
def test_sql_takes_duckdbs_ways_of_asking(tiny: al.Lake, query: str):
    """Statements that read are queries too."""
    assert len(tiny.sql(query))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT x FROM spans", 'Referenced column "x" not found'),
        ("SELECT * FROM span", "span"),
        ("SELEC 1", "syntax error"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
        ("SELECT * FROM spans WHERE service = ?", "parameters"),
        ("", "one query that reads"),
        ("SELECT 1; SELECT 2", "one query that reads"),
        ("DROP VIEW spans", "one query that reads"),
        ("CREATE TABLE spans (a INTEGER)", "one query that reads"),
        ("INSERT INTO spans SELECT * FROM spans", "one query that reads"),
        ("SET TimeZone = 'Asia/Tokyo'", "one query that reads"),
        ("SELECT * FROM query", "query"),
    ],
)
def test_sql_errors_keep_duckdbs_words(tiny: al.Lake, query: str, says: str):
    """A mistake in the query is InvalidArgument with DuckDB's text; local variables are no tables."""
    with pytest.raises(al.InvalidArgument, match=says):
        tiny.sql(query)


def test_sql_leaves_nothing_behind(tiny: al.Lake):
    """One query's views are not seen by another lake's queries."""
    tiny.sql("SELECT 1 AS n")
    with pytest.raises(al.InvalidArgument):
        tiny.sql("SELECT * FROM picked")


def test_sql_says_where_its_rows_came_from(tiny: al.Lake):
    """The query and its parameters stand in attrs."""
    told = tiny.sql("SELECT name FROM spans WHERE service = $s", {"s": "tools"}).attrs["argus"]
    assert told["asked"] == {"sql": "SELECT name FROM spans WHERE service = $s", "params": {"s": "tools"}}
    assert (told["returned"], told["cut"], told["columns"]) == (2, False, ["name"])
    assert told["version"] == tiny.version
