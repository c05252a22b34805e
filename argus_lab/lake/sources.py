"""SQL that reads the files of a table with DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duckdb import ConstantExpression

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_lab.schema import Table

__all__ = ["HIVE_NULL", "DataFile", "among", "bare", "quoted", "source"]

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


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file: where it is, how many rows it has, and its partition's values."""

    path: str
    rows: int
    partition: Mapping[str, Any]


def source(table: Table, files: Sequence[DataFile], columns: Sequence[str] | None = None) -> str:
    """SQL that reads these columns of ``files``, or every one, with exactly the table's types."""
    columns = table.names if columns is None else columns
    names = ", ".join(f'"{name}"' for name in columns)
    if not files:
        nulls = ", ".join(f'NULL::{TYPES[table.column(name).type]} AS "{name}"' for name in columns)
        return f"SELECT {nulls} WHERE false"
    paths = ", ".join(quoted(file.path) for file in files)
    kinds = ", ".join(f"'{name}': {TYPES[table.column(name).type]}" for name in table.partition_by)
    if any(HIVE_NULL in file.partition.values() for file in files):
        names = names.replace('"project"', f"coalesce(project, '{HIVE_NULL}') AS project", 1)
    read = f"read_parquet([{paths}], hive_partitioning = true, hive_types = {{{kinds}}})"
    # One SELECT: each more costs DuckDB a look at every column, three times a query.
    return f"SELECT {names} FROM {read}"  # noqa: S608  paths are quoted, names are of schema.py


def bare(files: Sequence[DataFile]) -> str:
    """SQL that reads the columns that files hold, and ``filename``; quicker to plan than :func:`source`."""
    return f"read_parquet([{', '.join(quoted(file.path) for file in files)}], hive_partitioning = false)"


def among(column: str, values: Sequence[str]) -> str:
    """SQL that asks for one of these values, which are held against the files' Bloom filters."""
    listed = ", ".join(str(ConstantExpression(value)) for value in values)
    return f"{column} IN ({listed})" if values else "false"


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"
