"""DuckDB over a snapshot's files: connections, sources, filters, and its errors in our words."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from duckdb import ColumnExpression, ConstantExpression

from argus_lab.errors import InvalidArgument
from argus_lab.lake.joining import resolved
from argus_lab.lake.mentioned import mentioned
from argus_lab.lake.sources import among, bare, quoted, source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argus_lab.lake.parsing import Node
    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import DataFile, Picked
    from argus_lab.schema import Table

__all__ = [
    "answer",
    "asks_sessions",
    "conditions",
    "connection",
    "counted",
    "marked",
    "resolved",
    "rows",
    "said",
    "sessions_changed",
    "source",
    "whole_traces",
]

FEW = 64
"""So many values are constants of a query, which DuckDB holds against the files' Bloom filters."""
READS = frozenset(
    {
        duckdb.StatementType.SELECT,
        duckdb.StatementType.EXPLAIN,
        duckdb.StatementType.COPY,
        duckdb.StatementType.PRAGMA,
        duckdb.StatementType.MULTI,  # PIVOT
    }
)
EXAMPLE = "SELECT service, count(*) FROM spans GROUP BY service"
CALLERS_FAULT = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError)


def connection() -> duckdb.DuckDBPyConnection:
    """A cursor with temporary objects of its own, on this process's in-memory database."""
    cursor = _database(os.getpid()).cursor()
    cursor.execute("SET enable_progress_bar = false")  # on by default in notebooks
    return cursor


@cache
def _database(_pid: int) -> duckdb.DuckDBPyConnection:
    # One a process: a forked child must not use its parent's threads.
    database = duckdb.connect()
    database.execute("SET GLOBAL TimeZone = 'UTC'")  # else times are in the machine's zone
    database.execute("SET GLOBAL parquet_metadata_cache = true")  # footers are read once
    database.execute("SET GLOBAL python_enable_replacements = false")  # a name is a table, not our variable
    return database


def counted(
    columns: Sequence[str], which: tuple[str, Sequence[str]], files: Sequence[DataFile], most: int
) -> list[tuple[Any, ...]]:
    """Each combination of these columns in rows with one of few values, and how often; ``most`` of them."""
    if not files:
        return []
    test = f"{among(*which)} GROUP BY ALL LIMIT {most}"
    query = f"SELECT {', '.join(columns)}, count(*) FROM {bare(files)} WHERE {test}"  # noqa: S608  ours
    return connection().execute(query).fetchall()


def said(files: Sequence[DataFile], columns: Sequence[str]) -> pa.Table:
    """By file (``filename``), each combination of these columns in its rows once."""
    query = f"SELECT DISTINCT filename, {', '.join(columns)} FROM {bare(files)}"  # noqa: S608  our own text
    return connection().sql(query).to_arrow_table()


def marked(files: Sequence[DataFile], mark: Mapping[bytes, bytes]) -> set[str]:
    """The paths of the files whose footers say this."""
    paths, pairs = ", ".join(quoted(file.path) for file in files), ", ".join("(?, ?)" for _ in mark)
    query = f"SELECT DISTINCT file_name FROM parquet_kv_metadata([{paths}]) WHERE (key, value) IN ({pairs})"  # noqa: S608
    values = [each for pair in mark.items() for each in pair]
    return {path for (path,) in connection().execute(query, values).fetchall()}


def whole_traces(
    table: Table, files: Sequence[DataFile], traces: pa.Array, columns: Sequence[str]
) -> pa.Table:
    """These columns of all spans of some traces in these files, as they are stored."""
    names = ", ".join(f'"{name}"' for name in columns)
    held = bare(files) if files else f"({source(table, files)})"
    query = f"SELECT {names} FROM {held} AS spans WHERE "  # noqa: S608  as above
    cursor = connection()
    if len(traces) <= FEW:
        listed = ", ".join(str(ConstantExpression(trace)) for trace in traces.to_pylist())
        return cursor.sql(f"{query} trace_id IN ({listed})").to_arrow_table()
    cursor.register("argus_traces", pa.table({"trace_id": traces}))
    query += "trace_id IN (SELECT trace_id FROM argus_traces)"
    return cursor.sql(query).to_arrow_table()


def sessions_changed(old: str, new: str) -> dict[str, int]:
    """In how many spans of a file the session, and where it comes from, are others in a file made from it."""
    names = ("session_id", "session_source")
    counts = ", ".join(f"count(*) FILTER (old.{n} IS DISTINCT FROM new.{n}) AS {n}" for n in names)
    files = (f"read_parquet({quoted(path)}, hive_partitioning = false)" for path in (old, new))
    query = f"SELECT {counts} FROM {next(files)} AS old JOIN {next(files)} AS new USING (trace_id, span_id)"  # noqa: S608
    found: dict[str, int] = connection().sql(query).to_arrow_table().to_pylist()[0]
    return found


def conditions(filter: Filter) -> list[duckdb.Expression]:
    """The filter's values and window as DuckDB expressions (``where`` is the caller's text).

    Values are constants of the plan, which DuckDB holds against the files' Bloom filters.
    """
    tests = []
    for column, values in filter.among.items():
        options = [ConstantExpression(value) for value in values]
        tests.append(ColumnExpression(column).isin(*options) if options else ConstantExpression(value=False))
    moment = ColumnExpression(filter.time_column)
    if filter.since is not None:
        tests.append(moment >= ConstantExpression(filter.since))
    if filter.until is not None:
        tests.append(moment < ConstantExpression(filter.until))
    return tests


def rows(select: str, picked: Picked, tail: str = "") -> pa.Table:
    """``SELECT select FROM`` the picked rows ``tail``, as Arrow. ``select`` and ``tail`` are ours."""
    filter = picked.filter
    # DuckDB itself writes and quotes the constants; one statement, since each costs a look at the files.
    tests = [str(test) for test in conditions(filter)]
    with translated(filter.where):
        if filter.where is not None:
            duckdb.SQLExpression(filter.where)  # refuses what is no single expression, such as "1=1) OR (1=1"
            tests.append(f"({filter.where}\n)")
        kept = " AND ".join(tests) or "true"
        cursor = connection()
        query = f"SELECT {select} FROM ({resolved(picked, cursor)}) AS picked WHERE {kept} {tail}"  # noqa: S608
        return cursor.sql(query, params=filter.params).to_arrow_table()


def answer(query: str, params: Any, views: Mapping[str, Picked], tree: Node | None) -> pa.Table:
    """The result of the caller's query over ``views``; ``tree`` is what DuckDB's parser makes of it."""
    cursor = connection()
    with translated(query):
        _only_reads(cursor, query)
        return _asked(cursor, query, params, views, tree).to_arrow_table()


def _asked(
    cursor: duckdb.DuckDBPyConnection, query: str, params: Any, views: Mapping[str, Picked], tree: Node | None
) -> duckdb.DuckDBPyRelation:
    """The query, over views of no more columns than it mentions, if it tells which these are."""
    columns = {name: mentioned(tree, picked.table.names) for name, picked in views.items()}
    try:
        _make_views(cursor, views, columns)
        return cursor.sql(query, params=params)
    except duckdb.BinderException:
        if set(columns.values()) == {None}:
            raise
        # What it names is no column: the error is to tell which there are.
        _make_views(cursor, views, dict.fromkeys(views))
        return cursor.sql(query, params=params)


def _make_views(
    cursor: duckdb.DuckDBPyConnection,
    views: Mapping[str, Picked],
    columns: Mapping[str, Sequence[str] | None],
) -> None:
    for name, picked in views.items():
        cursor.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {resolved(picked, cursor, columns[name])}")


def asks_sessions(query: str, params: Any, views: Mapping[str, Picked], tree: Node | None) -> bool:
    """Whether the caller's query looks at sessions: by name, or, says DuckDB's plan, with all columns."""
    if "session" in query.lower():
        return True
    if mentioned(tree, views["spans"].table.names) is not None:
        return False
    cursor = connection()
    for name, picked in views.items():
        cursor.execute(f"CREATE TEMP VIEW {name} AS {source(picked.table, picked.files)}")
    try:
        plan = cursor.execute(f"EXPLAIN (FORMAT json) {query}", params).fetchall()
    except duckdb.Error:
        return True  # no query of one plan; if it is wrong, its answer says so
    return "session" in str(plan)


@contextmanager
def translated(text: str | None) -> Iterator[None]:
    """DuckDB's errors as ours; the caller's own keep DuckDB's text, which points at the place."""
    try:
        yield
    except CALLERS_FAULT as error:
        if text is None:
            raise
        raise InvalidArgument(f"DuckDB cannot run {text!r}: {error}") from error


def _only_reads(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    statements = cursor.extract_statements(query)
    if len(statements) != 1 or statements[0].type not in READS:
        raise InvalidArgument(
            f"one query that reads is expected, such as {EXAMPLE!r}; got {query!r}. "
            "For a session of your own, with tables and settings, use lake.scan(engine='duckdb')."
        )
