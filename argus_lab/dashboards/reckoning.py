"""The tables that pages are answered from: sessions as the measure finds them, spans with few columns.

Made in a DuckDB file of the process, in the engine itself: spans flow from the lake's files through the
measures into tables, and no more of them is in memory than the engine is allowed.
"""
# ruff: noqa: S608  texts are made of names of this module

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.lake import read
from argus_lab.lake.selection import select
from argus_lab.measures.agents import agents_lazily, with_agents
from argus_lab.measures.costs import charges_of
from argus_lab.measures.counted import NEEDED_OF_CALLS, marked
from argus_lab.measures.sessions import COLUMNS as OF_SESSIONS
from argus_lab.measures.sessions import sessions
from argus_lab.measures.totals import NEEDED, TEXTS
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import duckdb

    from argus_lab.dashboards.slices import Slice
    from argus_lab.lake.snapshot import Snapshot

__all__ = ["COLUMNS", "NARROW", "count_since", "empty", "reckoned", "refreshed"]

TAKEN = (
    *("project", "service", "trace_id", "span_id", "name", "start_time", "duration_ms", "status"),
    *("time_to_first_token_ms", "span_type", "step_kind", "component_type", "component_name"),
    *("agent_name", "provider", "operation", "request_model", "response_model", "tool_name"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("cost_usd",),
)
"""Columns of the span table that are kept as they are."""
NARROW = (*TAKEN, "session", "is_counted", "is_model_call", "list_cost_usd", "why_unpriced")
"""The columns of the table ``spans``: ``session`` is the number of a row of ``sessions``, ``agent_name`` the
agent that a span worked for (``al.with_agents``)."""

LINE = 240
"""Characters of a session's first and last words: a table shows a line of them."""
ROWS_AT_ONCE = 200_000
MEASURED = list(dict.fromkeys((*NEEDED, *TEXTS)))
"""What sessions are measured by."""
LIGHT = list(dict.fromkeys((*TAKEN, *NEEDED_OF_CALLS, "session_id")))
"""What the table of spans is made of."""
COLUMNS = list(dict.fromkeys((*MEASURED, *LIGHT)))
"""What is read of spans."""
KINDS = {"string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE", "timestamp": "TIMESTAMPTZ"}


def empty(cursor: duckdb.DuckDBPyConnection) -> None:
    """The tables, without a row."""
    spans = ", ".join(f'"{name}" {KINDS[SPANS.column(name).type]}' for name in TAKEN)
    cursor.execute("SET TimeZone = 'UTC'")
    cursor.execute(
        f"CREATE TABLE spans ({spans}, session INTEGER, is_counted BOOLEAN, is_model_call BOOLEAN, "
        "list_cost_usd DOUBLE, why_unpriced VARCHAR)"
    )
    cursor.execute("CREATE TABLE hits (search INTEGER, trace_id VARCHAR, span_id VARCHAR)")
    cursor.execute("CREATE SEQUENCE numbers MINVALUE 0 START 0")
    cursor.register("argus_nothing", pa.schema(OF_SESSIONS).empty_table())
    columns = "0::INTEGER AS session, *, 0.0::DOUBLE AS list_cost_usd"
    cursor.execute(f"CREATE TABLE sessions AS SELECT {columns} FROM argus_nothing LIMIT 0")
    cursor.unregister("argus_nothing")


def reckoned(
    cursor: duckdb.DuckDBPyConnection, part: Slice, pause: Callable[[], object] = lambda: None
) -> None:
    """Put the spans of a slice, none of which is there, into the tables with their sessions.

    Of a large one ``pause`` is called now and then.
    """
    if part.rows is not None:
        with _at_once(cursor):
            _take(cursor, *_measured(part.rows))
        return
    pause()
    one, other = cursor.cursor(), cursor.cursor()  # a connection reads on while another one writes
    spans, light = part.relation(one).select(*MEASURED), part.relation(other).select(*LIGHT)
    try:
        with _at_once(cursor):
            found = marked(agents_lazily(nw.from_native(light))).to_native()
            _take(cursor, sessions(spans).to_arrow_reader(), found, pause)
    finally:
        one.close()
        other.close()


def refreshed(cursor: duckdb.DuckDBPyConnection, snapshot: Snapshot, traces: pa.Array) -> None:
    """Bring the tables up to a snapshot in which spans of these traces are new.

    A late span may move others of its trace to another session: both sessions are measured again. The spans
    of all of them are read into memory, which takes less time than an engine needs to plan for files.
    """
    touched, rows = traces, _rows(snapshot, traces)
    while len(more := _with_neighbours(cursor, rows, touched)) > len(touched):
        touched, rows = more, _rows(snapshot, more)
    measured, light = _measured(rows)
    with _at_once(cursor):
        cursor.register("argus_touched", pa.table({"trace_id": touched}))
        old = "SELECT DISTINCT session FROM spans WHERE trace_id IN (SELECT trace_id FROM argus_touched)"
        cursor.execute(f"DELETE FROM sessions WHERE session IN ({old})").fetchall()
        cursor.execute("DELETE FROM spans WHERE trace_id IN (SELECT trace_id FROM argus_touched)").fetchall()
        cursor.unregister("argus_touched")
        _take(cursor, measured, light)


def count_since(cursor: duckdb.DuckDBPyConnection, since: datetime) -> int:
    """How many spans of the table started then or later."""
    query = "SELECT count(*) FROM spans WHERE start_time >= $since"
    return int(cursor.execute(query, {"since": since}).fetchall()[0][0])


def _measured(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The sessions of spans in memory, and these with their marks."""
    light = marked(nw.from_native(with_agents(rows.select(LIGHT)), eager_only=True)).to_native()
    return sessions(rows.select(MEASURED)), light


@contextmanager
def _at_once(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that is written is seen together, or none of it."""
    cursor.execute("BEGIN")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise


def _rows(snapshot: Snapshot, traces: pa.Array) -> pa.Table:
    picked = snapshot.whole(select(SPANS, {"trace": traces.to_pylist()}))
    return read.load(picked, COLUMNS, limit=None, order="stored")[0]


def _with_neighbours(cursor: duckdb.DuckDBPyConnection, rows: pa.Table, traces: pa.Array) -> pa.Array:
    """These traces, and all others of the sessions that they were in or are in now."""
    cursor.register("argus_now", rows.select(["project", "session_id"]))
    cursor.register("argus_new", pa.table({"trace_id": traces}))
    found = cursor.sql(
        """
        WITH touched AS (
            SELECT session FROM spans WHERE trace_id IN (SELECT trace_id FROM argus_new)
            UNION
            SELECT session FROM sessions SEMI JOIN argus_now USING (project, session_id)
        )
        SELECT DISTINCT trace_id FROM spans WHERE session IN (SELECT session FROM touched)
        UNION
        SELECT trace_id FROM argus_new
        """
    ).to_arrow_table()
    cursor.unregister("argus_now")
    cursor.unregister("argus_new")
    return found["trace_id"].combine_chunks()


def _take(
    cursor: duckdb.DuckDBPyConnection, measured: Any, light: Any, pause: Callable[[], object] = lambda: None
) -> None:
    """Put measured sessions into the table, and their spans, with marks, into the other."""
    before = _one(cursor, "SELECT nextval('numbers')")
    words = ", ".join(f"left({name}, {LINE}) AS {name}" for name in ("first_user_message", "last_answer"))
    _insert(
        cursor,
        f"sessions SELECT nextval('numbers')::INTEGER, * REPLACE ({words}), NULL FROM argus_rows",
        measured,
    )
    names = ", ".join(f'r."{name}"' for name in TAKEN)
    numbered = (
        f"spans SELECT {names}, s.session, r.is_counted, r.is_model_call, r.list_cost_usd, r.why_unpriced "
        f"FROM argus_rows r LEFT JOIN (FROM sessions WHERE session > {before}) s "
        "ON s.project = r.project AND s.session_id = coalesce(r.session_id, r.trace_id)"
    )
    for rows in _priced(light):
        pause()
        _insert(cursor, numbered, rows)
    sums = f"SELECT session, sum(list_cost_usd) AS cost FROM spans WHERE session > {before} GROUP BY session"
    cursor.execute(
        f"UPDATE sessions SET list_cost_usd = s.cost FROM ({sums}) s WHERE sessions.session = s.session"
    ).fetchall()


def _insert(cursor: duckdb.DuckDBPyConnection, into: str, rows: Any) -> None:
    cursor.register("argus_rows", rows)
    cursor.execute(f"INSERT INTO {into}").fetchall()
    cursor.unregister("argus_rows")


def _priced(spans: Any) -> Iterator[pa.Table]:
    """The spans in parts, those that count with their price by list."""
    parts = [spans] if isinstance(spans, pa.Table) else spans.to_arrow_reader(ROWS_AT_ONCE)
    for part in parts:
        rows = part if isinstance(part, pa.Table) else pa.Table.from_batches([part])
        counts = rows["is_counted"].to_numpy()
        found = charges_of(rows.filter(rows["is_counted"]))
        place = counts.cumsum() - 1
        at = pa.array(place, pa.int64(), mask=~counts)
        cost = pa.array(found.total, pa.float64(), from_pandas=True)
        rows = rows.append_column("list_cost_usd", cost.take(at))
        why = found.why.combine_chunks() if isinstance(found.why, pa.ChunkedArray) else found.why
        yield rows.append_column("why_unpriced", pc.take(why, at))


def _one(cursor: duckdb.DuckDBPyConnection, query: str) -> Any:
    return cursor.execute(query).fetchall()[0][0]
