"""Files of a table as one sorted stream of batches, out of core and leaving most of the machine alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from argus_lab.lake import table as t
from argus_lab.lake.rows import SORTED_BY
from argus_lab.schema import SPANS, Table

__all__ = ["merged", "stored_schema"]


@contextmanager
def merged(
    lake: str, table: Table, paths: Sequence[str], others: Sequence[str] = ()
) -> Iterator[pa.RecordBatchReader]:
    """Rows of files in lake order, without partition columns.

    Of spans, the delivery received first, and only if none of the ``others`` has the span.
    """
    with _database(lake) as database:
        reader = database.sql(_merged_sql(table, paths, others)).to_arrow_reader(t.ROW_GROUP_ROWS)
        yield _in_schema(reader, table)


def stored_schema(table: Table) -> pa.Schema:
    """The schema of the table's Parquet files: partition columns stand in their paths."""
    return pa.schema([field for field in table.arrow() if field.name not in table.partition_by])


def _merged_sql(table: Table, paths: Sequence[str], others: Sequence[str]) -> str:
    parts = [f"select * from {_source(paths)}"]  # noqa: S608  paths are quoted
    if table is SPANS:
        if others:
            known = f"select (trace_id, span_id) from {_source(others)}"  # noqa: S608  the same
            parts.append(f"where (trace_id, span_id) not in ({known})")
        parts += [
            "qualify row_number() over (partition by trace_id, span_id order by received_at) = 1",
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
    batches = (
        pa.RecordBatch.from_arrays([batch[f.name].cast(f.type) for f in schema], schema=schema)
        for batch in reader
    )
    return pa.RecordBatchReader.from_batches(schema, batches)
