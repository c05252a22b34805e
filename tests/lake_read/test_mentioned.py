"""``lake.sql()`` reads views of the columns that a query mentions: its answers are those of whole views."""

from __future__ import annotations

import duckdb
import pytest

import argus_lab as al
from argus_lab.errors import InvalidArgument
from argus_lab.lake import duck
from argus_lab.lake.mentioned import mentioned
from argus_lab.lake.parsing import parsed
from argus_lab.schema import SPANS
from tests.lake_read.lakes import write
from tests.lake_read.test_few_sessions import ANY, WANTED, answered, queries
from tests.lake_read.trees import sent

NAMED = dict(
    each.split(": ", 1)[::-1]
    for each in queries("""
    : SELECT count(*) FROM spans

    session_id: SELECT count(*), session_id FROM spans GROUP BY ALL ORDER BY 1 DESC

    trace_id span_id: SELECT a.trace_id FROM spans a JOIN spans b USING (span_id)

    service name kind: SELECT name, rank() OVER w FROM spans WINDOW w AS (PARTITION BY service ORDER BY kind)

    name status: SELECT name FROM spans UNION BY NAME SELECT status FROM spans

    status input_tokens: SELECT count(*) FILTER (STATUS = 'ERROR'), max(CAST(input_tokens AS INT)) FROM spans

    kind attributes: SELECT attributes->>'$.x', CASE WHEN kind = 'CLIENT' THEN 1 END FROM spans

    name kind: SELECT temp.main.spans.name, "Kind" FROM spans

    name start_time: SELECT name n FROM spans WHERE n LIKE 's%' AND start_time BETWEEN '2026-01-01' AND now()

    trace_id duration_ms: SELECT DISTINCT ON (trace_id) trace_id FROM spans ORDER BY duration_ms DESC

    trace_id: WITH a AS (SELECT trace_id t FROM spans) SELECT t FROM a WHERE t > '0'

    span_id parent_span_id: SELECT 1 FROM spans s
    WHERE EXISTS (SELECT 1 FROM spans WHERE span_id = s.parent_span_id)

    tags duration_ms: SELECT (SELECT max(duration_ms) FROM spans), unnest(tags) FROM spans

    name: SELECT grouping_id(name), count(*) FROM spans GROUP BY GROUPING SETS ((name), ())""")
)
"""Queries that name every column that they look at, and these columns."""

ALL = queries("""
    FROM spans

    TABLE spans

    SUMMARIZE spans

    SELECT spans FROM spans

    SELECT to_json(S) FROM spans AS s

    SELECT (spans).name FROM spans

    SELECT COLUMNS('.*_id') FROM spans

    SELECT * EXCLUDE (name) FROM spans

    SELECT spans.* FROM spans

    SELECT c FROM spans AS s(a, b, c)

    SELECT count(*) FROM spans NATURAL JOIN spans AS other

    SELECT count(*) FROM query('SELECT * FROM spans')

    SELECT count(*) FROM query_table('spans')

    PIVOT spans ON service USING count(*)

    UNPIVOT spans ON name, service INTO NAME what VALUE value

    SELECT name FROM spans ORDER BY ALL

    SELECT list_transform(tags, lambda tag: tag || name) FROM spans

    DESCRIBE spans""")
"""Queries that may look at any column."""


@pytest.mark.parametrize("query", NAMED)
def test_columns_that_are_named_are_told(query: str):
    """Those and no others, however they are named."""
    assert mentioned(parsed(duckdb.connect(), query), SPANS.names) == tuple(NAMED[query].split())


@pytest.mark.parametrize("query", ALL)
def test_who_names_no_column_may_look_at_all(query: str):
    """A star, a whole row, a column by its place."""
    assert mentioned(parsed(duckdb.connect(), query), SPANS.names) is None


@pytest.mark.parametrize(
    "tree",
    [
        None,
        {},
        [],
        {"type": "NEWLY_MADE"},
        {"class": "COLUMN_REF"},
        {"type": 7},
        {"type": "SELECT_NODE", "select_list": [{"class": "NEWLY_MADE"}]},
        {"type": "SELECT_NODE", "select_list": [{"class": "COLUMN_REF"}]},
        {"type": "SELECT_NODE", "select_list": [{"class": "COLUMN_REF", "column_names": [7]}]},
        {"type": "SELECT_NODE", "select_list": [{"type": 7}]},
    ],
)
def test_a_tree_of_another_form_tells_nothing(tree: object):
    """Another version of DuckDB may write it otherwise: whole views are slower, and as right."""
    assert mentioned(tree, ["name"]) is None  # type: ignore[arg-type]  that is what is tested


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> al.Lake:
    """A lake in which spans belong elsewhere than is stored: the roots came later."""
    place = str(tmp_path_factory.mktemp("mentioned"))
    spans = [
        (trace, 10 * trace + place, 10 * trace if place else None)
        for trace in (1, 2, 3)
        for place in (0, 1, 2)
    ]
    rows = [sent(*each, None if each[2] else f"s-{each[0]}", tags=["a"]) for each in spans]
    write(place, [row for row in rows if row["parent_span_id"]])
    write(place, [row for row in rows if not row["parent_span_id"]])
    return al.open(place)


@pytest.mark.parametrize("query", [*NAMED, *ALL, *WANTED, *ANY])
def test_answers_are_those_of_whole_views(late: al.Lake, monkeypatch: pytest.MonkeyPatch, query: str):
    """Also of spans that are put in their sessions meanwhile."""
    params = {name: value for name, value in {"a": "s-1", "b": "s-2"}.items() if f"${name}" in query}
    found = late.sql(query, params)
    monkeypatch.setattr(duck, "mentioned", lambda *_: None)
    whole = late.sql(query, params)
    assert list(found.columns) == list(whole.columns)
    assert answered(found) == answered(whole)


def test_the_error_of_a_wrong_column_tells_what_there_is(late: al.Lake):
    """Not only those that the query mentions."""
    with pytest.raises(InvalidArgument, match=r"(?s)nmae.*name"):
        late.sql("SELECT nmae FROM spans")
