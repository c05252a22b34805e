"""DuckDB over a snapshot's files: connections, sources, filters, and its errors in our words."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb import ColumnExpression, ConstantExpression

from argus_lab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import DataFile, Picked
    from argus_lab.schema import Table

__all__ = ["answer", "conditions", "connection", "rows", "source"]

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
        query = f"SELECT {select} FROM ({source(picked.table, picked.files)}) AS picked WHERE {kept} {tail}"  # noqa: S608
        return connection().sql(query, params=filter.params).to_arrow_table()


def answer(query: str, params: Any, views: Mapping[str, str]) -> pa.Table:
    """The result of the caller's query over ``views`` (name -> SQL that reads it)."""
    cursor = connection()
    with translated(query):
        _only_reads(cursor, query)
        for name, text in views.items():
            cursor.execute(f"CREATE TEMP VIEW {name} AS {text}")
        return cursor.sql(query, params=params).to_arrow_table()


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
