"""Files of a table as one sorted stream of batches, out of core and leaving most of the machine alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from argus_lab.lake import duck
from argus_lab.lake import table as t
from argus_lab.lake.belonging import NOTHING
from argus_lab.lake.joining import joined
from argus_lab.lake.resolving import belonging
from argus_lab.lake.rows import SORTED_BY
from argus_lab.lake.sessions import MARK, NEEDED
from argus_lab.schema import SPANS, Table

if TYPE_CHECKING:
    from argus_lab.lake.belonging import Belonging
    from argus_lab.lake.snapshot import DataFile

__all__ = ["merged", "rewritten", "stored_schema"]


@contextmanager
def merged(
    lake: str,
    table: Table,
    files: Sequence[DataFile],
    others: Sequence[DataFile] = (),
    near: Sequence[DataFile] = (),
) -> Iterator[pa.RecordBatchReader]:
    """Rows of files in lake order, without partition columns.

    Of spans, the delivery received first, and only if none of the ``others`` has the span; in the sessions
    that they belong to, as far as these files and those that are ``near`` tell.
    """
    with _database(lake) as database:
        put, joins = _sessions(table, files, near, database)
        query = _merged_sql(table, [file.path for file in files], [file.path for file in others], put, joins)
        yield _in_schema(database.sql(query).to_arrow_reader(t.ROW_GROUP_ROWS), table)


def rewritten(table: Table, files: Sequence[DataFile], near: Sequence[DataFile]) -> Belonging:
    """Where spans of these files belong that are written anew, by what is named there and near."""
    if table is not SPANS:
        return NOTHING
    known = {file.path: file for file in (*near, *files)}

    def load(some: Sequence[DataFile], traces: pa.Array) -> pa.Table:
        return duck.whole_traces(table, some, traces, NEEDED)

    return belonging(list(known.values()), files, load, rewriting=True)


def _sessions(
    table: Table, files: Sequence[DataFile], near: Sequence[DataFile], database: duckdb.DuckDBPyConnection
) -> tuple[str, str]:
    found = rewritten(table, files, near)
    if not found.files:
        return "", ""
    put, joins = joined(found, database, is_lazy=True)
    return f"replace ({', '.join(put.values())})", joins


def stored_schema(table: Table) -> pa.Schema:
    """The schema of the table's Parquet files: partition columns stand in their paths."""
    return pa.schema([field for field in table.arrow() if field.name not in table.partition_by])


def _merged_sql(table: Table, paths: Sequence[str], others: Sequence[str], put: str, joins: str) -> str:
    parts = [f"select span.* {put} from {_source(paths)} as span {joins}"]  # noqa: S608  paths are quoted
    if table is SPANS:
        if others:
            known = f"select (trace_id, span_id) from {_source(others)}"  # noqa: S608  the same
            parts.append(f"where (span.trace_id, span.span_id) not in ({known})")
        parts += [
            "qualify row_number() over (partition by span.trace_id, span.span_id order by received_at) = 1",
            f"order by {', '.join(SORTED_BY)}",
        ]
    return " ".join(parts)


def _source(paths: Sequence[str]) -> str:
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"


@contextmanager
def _database(lake: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that sorts out of core, leaving most of the machine to the receiver."""
    spill = t.journal_root(lake) / "spill"
    with duckdb.connect(
        config={"memory_limit": "1GB", "threads": 1, "temp_directory": str(spill)}
    ) as database:
        database.execute("set TimeZone = 'UTC'")
        yield database


def _in_schema(reader: pa.RecordBatchReader, table: Table) -> pa.RecordBatchReader:
    schema = stored_schema(table)
    if table is SPANS:
        schema = schema.with_metadata(MARK)
    batches = (
        pa.RecordBatch.from_arrays([batch[f.name].cast(f.type) for f in schema], schema=schema)
        for batch in reader
    )
    return pa.RecordBatchReader.from_batches(schema, batches)
