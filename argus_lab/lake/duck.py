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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argus_lab.lake.belonging import Part
    from argus_lab.lake.few import Near
    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import DataFile, Picked
    from argus_lab.schema import Table

__all__ = [
    "answer",
    "asks_sessions",
    "conditions",
    "connection",
    "counted",
    "joined",
    "resolved",
    "rows",
    "sessions_changed",
    "source",
    "whole_traces",
]

TYPES = {
    "string": "VARCHAR",
    "json": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "list<string>": "VARCHAR[]",
}
FEW = 64
"""So many values are constants of a query, which DuckDB holds against the files' Bloom filters."""
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
"""A project may be called this, which Hive readers take for null."""

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


def source(table: Table, files: Sequence[DataFile]) -> str:
    """SQL that reads every column of ``files``, with exactly the table's types."""
    names = ", ".join(f'"{name}"' for name in table.names)
    if not files:
        nulls = ", ".join(f'NULL::{TYPES[column.type]} AS "{column.name}"' for column in table.columns)
        return f"SELECT {nulls} WHERE false"
    paths = ", ".join(_quoted(file.path) for file in files)
    kinds = ", ".join(f"'{name}': {TYPES[table.column(name).type]}" for name in table.partition_by)
    named = any(HIVE_NULL in file.partition.values() for file in files)
    mended = f" REPLACE (coalesce(project, '{HIVE_NULL}') AS project)" if named else ""
    return (
        f"SELECT {names} FROM (SELECT *{mended} FROM "  # noqa: S608  paths are quoted, names are of schema.py
        f"read_parquet([{paths}], hive_partitioning = true, hive_types = {{{kinds}}}))"
    )


def bare(files: Sequence[DataFile]) -> str:
    """SQL that reads the columns that files hold, and ``filename``; quicker to plan than :func:`source`."""
    return f"read_parquet([{', '.join(_quoted(file.path) for file in files)}], hive_partitioning = false)"


def among(column: str, values: Sequence[str]) -> str:
    """SQL that asks for one of these values, which are held against the files' Bloom filters."""
    listed = ", ".join(str(ConstantExpression(value)) for value in values)
    return f"{column} IN ({listed})" if values else "false"


def counted(
    columns: Sequence[str], which: tuple[str, Sequence[str]], files: Sequence[DataFile], most: int
) -> list[tuple[Any, ...]]:
    """Each combination of these columns in rows with one of few values, and how often; ``most`` of them."""
    if not files:
        return []
    test = f"{among(*which)} GROUP BY ALL LIMIT {most}"
    query = f"SELECT {', '.join(columns)}, count(*) FROM {bare(files)} WHERE {test}"  # noqa: S608  ours
    return connection().execute(query).fetchall()


def resolved(picked: Picked, cursor: duckdb.DuckDBPyConnection) -> str:
    """SQL that reads every column of the picked files, with the sessions that spans belong to.

    Files whose spans all belong where it is stored are read as they are.
    """
    belonging = picked.belonging
    if picked.near is not None and picked.files:
        return _near(picked, picked.near, cursor)
    plain = [file for file in picked.files if file.path not in belonging.files]
    if len(plain) == len(picked.files):
        return source(picked.table, plain)
    rest = source(picked.table, [file for file in picked.files if file.path in belonging.files])
    asked = picked.filter.among.get("session_id")
    near = belonging.stored_for(asked) if asked is not None else None
    if near is not None:
        rest += f" WHERE session_id IN ({', '.join(map(_quoted, near)) or 'NULL'})"
    put, joins = joined(belonging.parts(), cursor)
    columns = ", ".join(put.get(name, f'span."{name}"') for name in picked.table.names)
    parts = [source(picked.table, plain)] if plain else []
    if near is None and belonging.stored_under is not None:
        # Few can move, so the others are not looked up, and stay as Parquet has them: dictionaries.
        cursor.register("argus_sessions_under", pa.table({"under": belonging.stored_under}))
        parts.append(_under("ANTI", rest))
        rest = _under("SEMI", rest)
    parts.append(f"SELECT {columns} FROM ({rest}) AS span {joins}")  # noqa: S608  paths are quoted, names are ours
    return " UNION ALL ".join(parts)


def _near(picked: Picked, near: Near, cursor: duckdb.DuckDBPyConnection) -> str:
    """The rows of traces that were looked up, in their sessions: all of those asked for are among them."""
    rows = f"{source(picked.table, picked.files)} WHERE {among('trace_id', near.traces)}"
    if near.stored:
        rows += f" AND {among('session_id', near.stored)}"
    put, joins = joined(picked.belonging.parts(), cursor)
    columns = ", ".join(put.get(name, f'span."{name}"') for name in picked.table.names)
    return f"SELECT {columns} FROM ({rows}) AS span {joins}"  # noqa: S608  paths are quoted, names are ours


def _under(join: str, rows: str) -> str:
    """The rows that are (``SEMI``), or are not (``ANTI``), stored in sessions whose spans may have moved."""
    return f"SELECT span.* FROM ({rows}) AS span {join} JOIN argus_sessions_under ON span.session_id = under"  # noqa: S608


def joined(parts: Sequence[Part], cursor: duckdb.DuckDBPyConnection) -> tuple[dict[str, str], str]:
    """What to select of sessions, by column, and the joins of ``span`` with small tables it needs.

    The cursor knows the tables then. DuckDB leaves a join out where nothing of it is asked for, because it is
    with groups, of which there is one a key.
    """
    joins, sessions, sources = [], [], []
    for part in parts:
        name = part.name
        cursor.register(f"argus_sessions_{name}", part.rows)
        chosen = ", ".join(
            (*part.own, "any_value(session_id) AS session", "any_value(session_source) AS source")
        )
        which = "span.session_source IN (" + ", ".join(map(_quoted, part.sources)) + ")"
        # Rows that it is not for have no key, which costs less than to look for it.
        tests = [f"CASE WHEN {which} THEN span.{part.keys[0]} END = {name}.trace_id"]
        tests += [f"span.{key} = {name}.{own}" for key, own in zip(part.keys[1:], part.own[1:], strict=True)]
        match = " AND ".join(tests)
        groups = f"SELECT {chosen} FROM argus_sessions_{name} GROUP BY {', '.join(part.own)}"  # noqa: S608  our names
        joins.append(f"LEFT JOIN ({groups}) AS {name} ON {match}")
        sessions.append(f"{name}.session")
        sources.append(f"{name}.source")
    put = {
        "session_id": f"coalesce({', '.join([*sessions, 'span.session_id'])}) AS session_id",
        "session_source": f"coalesce({', '.join([*sources, 'span.session_source'])}) AS session_source",
    }
    return put, " ".join(joins)


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
    files = (f"read_parquet({_quoted(path)}, hive_partitioning = false)" for path in (old, new))
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


def answer(query: str, params: Any, views: Mapping[str, Picked]) -> pa.Table:
    """The result of the caller's query over ``views``."""
    cursor = connection()
    with translated(query):
        _only_reads(cursor, query)
        for name, picked in views.items():
            cursor.execute(f"CREATE TEMP VIEW {name} AS {resolved(picked, cursor)}")
        return cursor.sql(query, params=params).to_arrow_table()


def asks_sessions(query: str, params: Any, views: Mapping[str, Picked]) -> bool:
    """Whether the caller's query looks at sessions: by name, or, says DuckDB's plan, with all columns."""
    if "session" in query.lower():
        return True
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


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
