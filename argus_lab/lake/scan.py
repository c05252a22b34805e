"""Lazy frames over a snapshot's files, for data larger than memory: DuckDB, Polars, Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from argus_lab.errors import InvalidArgument, MissingExtra
from argus_lab.lake import duck
from argus_lab.lake.sources import HIVE_NULL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import polars as pl
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import DataFile, Picked

__all__ = ["of_duckdb", "of_polars", "of_spark", "scan"]

SPARK_TYPES = {
    "string": "string",
    "json": "string",
    "int64": "bigint",
    "float64": "double",
    "bool": "boolean",
    "timestamp": "timestamp",
    "date": "date",
    "list<string>": "array<string>",
}


def scan(picked: Picked, engine: Any) -> Any:
    """The picked rows as a lazy frame of ``engine``: ``"duckdb"``, ``"polars"`` or a Spark session."""
    if engine == "duckdb":
        return of_duckdb(picked)
    if engine == "polars":
        return of_polars(picked)
    if hasattr(engine, "read") and hasattr(engine, "createDataFrame"):
        return of_spark(picked, engine)
    raise InvalidArgument(f"engine={engine!r}: 'duckdb', 'polars' or a SparkSession is expected.")


def of_duckdb(picked: Picked) -> duckdb.DuckDBPyRelation:
    """A relation on a database of its own, so that the caller may make tables beside it."""
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    relation = session.sql(duck.resolved(picked, session, is_lazy=True))
    for test in duck.conditions(picked.filter):
        relation = relation.filter(test)
    return relation


def of_polars(picked: Picked) -> pl.LazyFrame:
    """A Polars lazy frame."""
    try:
        import polars as pl
    except ImportError as error:
        raise MissingExtra("polars is not installed. Install it with:  pip install polars") from error
    empty = pl.DataFrame(picked.table.arrow().empty_table())
    hive = {name: empty.schema[name] for name in picked.table.partition_by}

    def read(files: Sequence[DataFile]) -> pl.LazyFrame:
        if not files:
            return empty.lazy()
        paths = [file.path for file in files]
        frame = pl.scan_parquet(paths, glob=False, hive_partitioning=True, hive_schema=hive)
        if any(HIVE_NULL in file.partition.values() for file in files):
            frame = frame.with_columns(pl.col("project").fill_null(HIVE_NULL))
        return frame.select(picked.table.names)

    found: pl.LazyFrame = _resolved(picked, read, lambda rows: pl.DataFrame(rows).lazy())
    return found


def of_spark(picked: Picked, session: SparkSession) -> DataFrame:
    """A Spark frame of the session."""
    import narwhals as nw

    kinds = ", ".join(f"`{column.name}` {SPARK_TYPES[column.type]}" for column in picked.table.columns)

    def read(files: Sequence[DataFile]) -> DataFrame:
        whole = session.createDataFrame([], kinds)
        for values, some in _by_place(files):
            paths = [file.path for file in some]
            reader = session.read.schema(kinds).option("basePath", picked.snapshot.root)
            part = nw.from_native(reader.parquet(*paths))
            # Spark reads percent-encoded bytes in a path as Latin-1 letters: the log's own value is right.
            known = part.with_columns(**{name: nw.lit(value) for name, value in values})
            whole = whole.unionByName(known.to_native())
        return whole

    def made(rows: pa.Table) -> DataFrame:
        names = ", ".join(f"{name} string" for name in rows.column_names)
        values = zip(*(column.to_pylist() for column in rows.columns), strict=True)
        return session.createDataFrame(list(values), names)

    found: DataFrame = _resolved(picked, read, made)
    return found


def _resolved(
    picked: Picked, read: Callable[[Sequence[DataFile]], Any], made: Callable[[pa.Table], Any]
) -> Any:
    """The picked rows in the sessions they belong to; where these are not as stored, by small joins.

    ``read`` gives the rows of files, ``made`` an engine's frame of a table.
    """
    import narwhals as nw

    off = picked.belonging.files
    if not off:
        return _narrowed(read(picked.files), picked.filter)
    lazy = nw.from_native(read([file for file in picked.files if file.path in off]))
    for part in picked.belonging.parts():
        columns = [*part.own, "session_id", "session_source"]
        keys = [f"argus_{name}" for name in columns]
        small = nw.from_native(made(part.rows.select(columns).rename_columns(keys)))
        lazy = lazy.join(small, how="left", left_on=list(part.keys), right_on=keys[: len(part.own)])
        is_meant = nw.col("session_source").is_in(part.sources) & ~nw.col(keys[-1]).is_null()
        lazy = lazy.with_columns(
            **{
                name: nw.when(is_meant).then(nw.col(f"argus_{name}")).otherwise(nw.col(name))
                for name in ("session_id", "session_source")
            }
        ).select(picked.table.names)
    plain = nw.from_native(read([file for file in picked.files if file.path not in off]))
    return _narrowed(nw.concat([plain, lazy]).to_native(), picked.filter)


def _by_place(files: Iterable[DataFile]) -> Iterable[tuple[tuple[tuple[str, str], ...], list[DataFile]]]:
    places: dict[tuple[tuple[str, str], ...], list[DataFile]] = {}
    for file in files:
        texts = tuple((name, value) for name, value in file.partition.items() if isinstance(value, str))
        places.setdefault(texts, []).append(file)
    return places.items()


def _narrowed(frame: Any, filter: Filter) -> Any:
    import narwhals as nw

    lazy = nw.from_native(frame)
    moment = nw.col(filter.time_column)
    for column, values in filter.among.items():
        lazy = lazy.filter(nw.col(column).is_in(values))
    if filter.since is not None:
        lazy = lazy.filter(moment >= nw.lit(filter.since))
    if filter.until is not None:
        lazy = lazy.filter(moment < nw.lit(filter.until))
    return lazy.to_native()
