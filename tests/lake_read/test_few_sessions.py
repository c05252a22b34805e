"""A query of few sessions looks at their traces alone, and sees what it would see among all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import argus_lab as al
from argus_lab import settings
from argus_lab.lake import few, joining, upkeep
from argus_lab.lake.parsing import parsed
from argus_lab.lake.rows import arrow_table
from argus_lab.lake.wanted import sessions_wanted
from argus_lab.schema import SPANS
from tests.lake_read.lakes import write
from tests.lake_read.test_sessions_everywhere import check_filters, check_loads, write_as_sent
from tests.lake_read.trees import Row, random_traces, sent, sessions_of


def queries(text: str) -> list[str]:
    """The queries of a text, each a paragraph; ``IDS`` stands for what identifies a span and its session."""
    ids = "trace_id, span_id, session_id, session_source"
    return [" ".join(each.split()).replace("IDS", ids) for each in text.split("\n\n")]


WANTED = queries("""
    SELECT IDS FROM spans WHERE session_id = $a

    SELECT IDS FROM spans WHERE session_id IN ($a, $b) AND service = 'tools'

    SELECT IDS FROM spans AS s WHERE (s.session_id = $a AND service = 'tools') OR SESSION_ID = $b

    SELECT IDS FROM spans WHERE $a = session_id AND session_id IN ($b, $a)

    SELECT IDS FROM spans WHERE session_id = $a AND session_source <> 'attribute'

    SELECT session_id, count(*) AS n, count(DISTINCT trace_id) FROM spans
    WHERE session_id IN ($a, $b) GROUP BY 1

    SELECT trace_id AS session_id, span_id FROM spans WHERE session_id = $a

    SELECT a.span_id, b.span_id FROM spans a JOIN spans b USING (trace_id)
    WHERE a.session_id = $a AND b.session_id = $b

    SELECT a.span_id, b.span_id FROM spans a LEFT JOIN spans b ON a.parent_span_id = b.span_id
    WHERE a.session_id = $a AND b.session_id IN ($a, $b)

    WITH mine AS (SELECT * FROM spans WHERE session_id = $a)
    SELECT IDS FROM mine WHERE session_id = $b OR true

    SELECT IDS FROM spans WHERE session_id = $a UNION ALL SELECT IDS FROM spans WHERE session_id = $b

    SELECT span_id, row_number() OVER (ORDER BY span_id) AS place FROM spans WHERE session_id = $a

    SELECT r.n, s.span_id FROM range(2) AS r(n) CROSS JOIN spans AS s WHERE s.session_id = $a

    WITH RECURSIVE up AS (
    SELECT spans.span_id, spans.parent_span_id FROM spans WHERE session_id = $a UNION
    SELECT s.span_id, s.parent_span_id FROM spans AS s JOIN up ON s.span_id = up.parent_span_id
    WHERE s.session_id = $b) SELECT span_id FROM up""")
"""Queries that name the sessions they ask for."""

ANY = queries("""
    SELECT IDS FROM spans WHERE session_id = $a OR service = 'tools'

    SELECT IDS FROM spans WHERE session_id <> $a

    SELECT IDS FROM spans WHERE NOT (session_id = $a)

    SELECT IDS FROM (SELECT * FROM spans) WHERE session_id = $a

    SELECT IDS FROM spans WHERE session_id = lower($a)

    SELECT IDS FROM spans WHERE session_id COLLATE NOCASE = $a

    SELECT IDS FROM spans WHERE session_id IN (SELECT max(session_id) FROM spans)

    SELECT span_id, (SELECT count(*) FROM spans AS t WHERE t.session_id = s.session_id) AS n
    FROM spans AS s WHERE session_id = $a

    SELECT a.span_id, b.span_id FROM spans a JOIN spans b USING (trace_id) WHERE a.session_id = $a

    SELECT a.span_id FROM spans a SEMI JOIN spans ON a.trace_id = spans.trace_id
    WHERE a.session_id = $a

    SELECT a.span_id FROM spans a ANTI JOIN spans b ON a.trace_id = b.trace_id AND b.span_id < a.span_id
    WHERE a.session_id = $a

    SELECT a.span_id, b.span_id FROM spans a ASOF JOIN spans b ON a.span_id > b.span_id
    WHERE a.session_id = $a AND b.session_id = $b

    SELECT a.span_id, b.span_id FROM spans a FULL JOIN spans b USING (session_id)
    WHERE a.session_id = $a AND b.session_id = $b

    WITH spans AS (SELECT * FROM temp.main.spans) SELECT span_id FROM spans WHERE session_id = $a

    WITH found AS (SELECT * FROM spans WHERE session_id = $a) SELECT count(*) FROM found, spans

    SELECT span_id, session_id FROM spans AS s(x, session_id) WHERE session_id = $a

    SELECT count(*) FROM query_table('spans') WHERE session_id = $a""")
"""Queries that may look at spans of any session."""


def oracle(rows: list[Row]) -> duckdb.DuckDBPyConnection:
    """A database whose table of spans has the sessions that the words of the documentation give."""
    true = sessions_of(rows)
    made = arrow_table(SPANS, [tuple(map(row.get, SPANS.names)) for row in rows])
    found = [true[row["trace_id"], row["span_id"]] for row in rows]
    for place, name in enumerate(("session_id", "session_source")):
        at, values = made.schema.get_field_index(name), [each[place] for each in found]
        made = made.set_column(at, made.schema.field(at), pa.array(values, pa.string()))
    database = duckdb.connect()
    database.register("spans_arrow", made)
    database.execute("CREATE TEMP TABLE spans AS SELECT * FROM spans_arrow")
    return database


def answered(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The rows in some order that is always the same."""
    return sorted(map(tuple, frame.astype(object).where(frame.notna(), None).to_numpy().tolist()), key=repr)


def pieces(chance: random.Random, place: str, rows: list[Row]) -> Iterator[list[Row]]:
    """Commit rows in random pieces, in both ways, and merge now and then; gives what is there."""
    chance.shuffle(rows)
    there: list[Row] = []
    write(place, [])
    while rows:
        size = chance.choice([3, 8, 20])
        part, rows = rows[:size], rows[size:]
        (write if chance.random() < 0.5 else write_as_sent)(place, part)
        there = there + part
        if chance.random() < 0.4:
            upkeep.compact(settings.read({}, lake=place))
        yield there


@pytest.mark.parametrize("seed", range(10, 14))
def test_queries_of_sessions_see_what_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int):
    """Random traces in random pieces: whatever a query's shape, it sees the sessions that its spans say."""
    monkeypatch.setattr(joining, "MANY", 0 if seed % 2 else joining.MANY)  # both ways of looking up
    chance = random.Random(seed)  # noqa: S311  the same rows at every run
    place = str(tmp_path)
    *_, rows = pieces(chance, place, random_traces(chance))
    true = oracle(rows)
    sessions = sorted({session for session, _ in sessions_of(rows).values()})
    warm = al.open(place)
    warm.sql("SELECT session_id FROM spans")
    for query in (*WANTED, *ANY):
        params = dict(zip("ab", chance.choices([*sessions, f"{2:032x}", "none"], k=2), strict=True))
        params = {name: value for name, value in params.items() if f"${name}" in query}
        told = answered(true.sql(query, params=params).df())
        for lake in (al.open(place), warm):
            assert answered(lake.sql(query, params)) == told, (query, params)


@pytest.mark.parametrize("query", WANTED)
def test_sessions_that_are_named_are_understood(query: str):
    """What is asked for of every view of spans is told by the query's text."""
    found = sessions_wanted(parsed(duckdb.connect(), query), {"a": "x", "b": "it's"})
    assert found in {("x",), ("it's", "x")}


@pytest.mark.parametrize(
    "query",
    [
        *ANY,
        "SELECT * FROM spans TABLESAMPLE 10% WHERE session_id = $a",
        "SELECT * FROM spans WHERE session_id = $a USING SAMPLE 10 ROWS",
        "SELECT * FROM spans a POSITIONAL JOIN spans b WHERE a.session_id = $a AND b.session_id = $b",
        "SELECT * FROM spans WHERE session_id IN ($a, NULL)",
        "SELECT * FROM spans WHERE session_id = $missing",
        "EXPLAIN SELECT * FROM spans WHERE session_id = $a",
        "SUMMARIZE spans",
        "SELECT 1",
        "FROM spans WHERE session_id = 'a'; FROM spans",
        "no query at all",
        "SELECT DEEP FROM spans WHERE session_id = $a".replace("DEEP", "+".join(["1"] * 900)),
    ],
)
def test_a_query_that_is_not_understood_may_look_at_all(query: str):
    """Where there is any doubt, no session is left out."""
    assert sessions_wanted(parsed(duckdb.connect(), query), {"a": "x", "b": "it's"}) is None


@pytest.mark.parametrize("tree", ["{}", "[]", "7", '{"error": false, "statements": [{"node": WHERE}]}'])
def test_a_tree_of_another_form_may_look_at_all(monkeypatch: pytest.MonkeyPatch, tree: str):
    """Another version of DuckDB may write its tree otherwise: that is slower, and never an error."""
    table = '{"type": "BASE_TABLE", "table_name": "spans"}'
    where = f'{{"type": "SELECT_NODE", "from_table": {table}, "where_clause": "session_id = a"}}'
    told = tree.replace("WHERE", where)
    monkeypatch.setattr("argus_lab.lake.parsing.PARSE", f"SELECT '{told}' || left(?::VARCHAR, 0)")
    assert sessions_wanted(parsed(duckdb.connect(), "FROM spans WHERE session_id = 'a'"), None) is None


def test_parameters_by_place_and_literals_are_understood():
    """``?``, ``$1`` and every way to write a text; a number is no session."""

    def wanted(query: str, params: list[object] | None) -> tuple[str, ...] | None:
        return sessions_wanted(parsed(duckdb.connect(), f"FROM spans WHERE {query}"), params)

    assert wanted("session_id IN (?, ?)", ["x", "y"]) == ("x", "y")
    assert wanted("status = $2 AND session_id = $1", ["x", "y"]) == ("x",)
    assert wanted("session_id IN ('it''s', e'\\n', $$q$$)", None) == ("\n", "it's", "q")
    assert wanted("session_id = ?", [5]) is None
    assert wanted("session_id = ?", []) is None


def test_few_sessions_look_at_no_other_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Who asks for one session does not pay for all: neither in SQL nor by filter."""
    place = str(tmp_path)
    write(place, [])
    rows = [sent(1, 1, None, "chat"), sent(1, 2, 1, None), sent(2, 3, None, "other"), sent(2, 4, 3, None)]
    write_as_sent(place, rows[1:])
    write_as_sent(place, rows[:1])

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("argus_lab.lake.knowing.belonging", never)
    lake = al.open(place)
    assert lake.sql("SELECT span_id FROM spans WHERE session_id = ?", ["chat"])["span_id"].nunique() == 2
    assert set(lake.spans(session="chat")["session_source"]) == {"attribute", "inherited"}
    assert lake.count(session=["chat", "other"]) == 4
    assert lake.count(session="chat", since="2020-01-01T00:00Z") == 2
    assert len(lake.session("chat")) == 2
    assert lake.traces(session="chat")["spans"].tolist() == [2]
    with pytest.raises(AssertionError):
        lake.sql("SELECT span_id FROM spans WHERE session_id <> 'chat'")


def test_too_many_traces_are_looked_up_among_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Beyond the limits, of traces and of their spans, the answers are the same."""
    chance = random.Random(7)  # noqa: S311  the same rows at every run
    *_, rows = pieces(chance, str(tmp_path), random_traces(chance))
    for limit in ("MOST", "MOST_SPANS"):
        with monkeypatch.context() as changed:
            changed.setattr(few, limit, 0)
            lake = al.open(str(tmp_path))
            check_filters(lake, rows)
            check_loads(lake, rows)


def test_a_trace_id_of_another_form_is_a_session_too(tmp_path: Path):
    """A session that no span names is its trace, whatever that is called, and whatever is stored for it."""
    place = str(tmp_path)
    write(place, [])
    rows = [
        sent(1, 1, None, None, trace_id="odd trace", session_id="gone", session_source="inherited"),
        sent(1, 2, 1, None, trace_id="odd trace", session_id="odd trace"),
    ]
    write_as_sent(place, rows)
    lake = al.open(place)
    assert lake.count(session="odd trace") == 2
    assert len(lake.sql("FROM spans WHERE session_id = 'odd trace' AND session_source = 'trace'")) == 2
    assert lake.count(session="gone") == 0


def test_spans_stored_under_the_id_of_another_trace(tmp_path: Path):
    """A trace that moves takes its own spans along, and not what others store, or name, under its id."""
    place = str(tmp_path)
    write(place, [])
    rows = [
        sent(1, 1, None, "chat"),
        sent(1, 2, 1, None),
        sent(2, 3, None, None, session_id=f"{1:032x}"),
        sent(2, 4, 3, None, session_id=f"{1:032x}", session_source="inherited"),
        sent(3, 5, None, f"{1:032x}"),
        sent(4, 6, None, "other"),
        sent(4, 7, 6, None),
        sent(5, 8, None, None),
    ]
    write_as_sent(place, rows[1:])
    write_as_sent(place, rows[:1])
    check_loads(al.open(place), rows)
    check_filters(al.open(place), rows)
    lake = al.open(place)
    lake.sql("FROM spans")
    check_filters(lake, rows)
