"""Frames of every engine behind one door: what comes in, and giving back the same kind.

Measures that can be said as expressions stay lazy where the frame is lazy. Measures that need order, a
tree or the inside of texts collect the few columns they need as an Arrow table (:func:`collected`) and
give the result back as the kind of frame that came in (:func:`returned`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.errors import InvalidArgument
from argus_lab.frames import pandas_of
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Frame = nw.DataFrame[Any] | nw.LazyFrame[Any]

__all__ = [
    "asked",
    "collected",
    "columns_of",
    "eagerly",
    "lazily",
    "queried",
    "quoted",
    "returned",
    "whole_numbers",
]

_TYPES: dict[pa.DataType, nw.dtypes.DType] = {
    pa.string(): nw.String(),
    pa.int64(): nw.Int64(),
    pa.float64(): nw.Float64(),
    pa.bool_(): nw.Boolean(),
    pa.timestamp("us", "UTC"): nw.Datetime("us", "UTC"),
}
KNOWN = {field.name: _TYPES.get(field.type) for field in SPANS.arrow()}
"""By column of the span table, its type in Narwhals' words; None for days and lists."""
_IN_DUCKDB = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}
_STORED = {field.name: told for field in SPANS.arrow() if (told := _IN_DUCKDB.get(field.type))}
"""The same in DuckDB's words."""
KINDS = "pandas, Polars (eager or lazy), pyarrow, a DuckDB relation or a Spark frame"


def asked(spans: Any, needed: Iterable[str], *, by: str = "this measure") -> Frame:
    """The spans as a Narwhals frame, eager or lazy as they came, once they have the columns ``needed``.

    Raises
    ------
    InvalidArgument
        It is no frame, or lacks columns.

    Examples
    --------
    >>> import pandas as pd
    >>> asked(pd.DataFrame({"trace_id": ["t"]}), ["trace_id"]).columns
    ['trace_id']
    >>> asked(pd.DataFrame({"trace_id": ["t"]}), ["name"], by="steps")
    Traceback (most recent call last):
    argus_lab.errors.InvalidArgument: steps needs the column name too; read it as well, such as ...
    """
    try:
        frame: Frame = nw.from_native(spans)
    except TypeError as error:
        raise InvalidArgument(
            f"{by} takes a frame of spans ({KINDS}), not {type(spans).__name__}."
        ) from error
    have = set(columns_of(frame))
    missing = [name for name in dict.fromkeys(needed) if name not in have]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        them = "them" if plural else "it"
        heavy = any(name in SPANS.names and name not in SPANS.light for name in missing)
        cure = 'lake.spans(columns="all")' if heavy else "lake.spans()"
        raise InvalidArgument(
            f"{by} needs the column{plural} {', '.join(missing)} too; read {them} as well, such as {cure}."
        )
    return _typed(frame)


def _typed(frame: Frame) -> Frame:
    """The frame with text and numbers where the span table has them, for engines that take types strictly.

    Frames that were not read from a lake hold categories, columns of nulls without a type, and numbers that
    were read from text. pandas and pyarrow frames are cast once they are collected.
    """
    if frame.implementation.is_pandas_like() or frame.implementation.is_pyarrow():
        return frame
    if frame.implementation.is_duckdb() and _is_as_stored(frame.to_native()):
        return frame
    foreign = {
        name: wanted
        for name, kind in frame.collect_schema().items()
        if (wanted := KNOWN.get(name)) is not None and not _fits(kind, wanted)
    }
    if frame.implementation.is_duckdb():
        times = [name for name, wanted in foreign.items() if isinstance(wanted, nw.Datetime)]
        if times:  # Narwhals casts to no time with a zone but the session's own
            made = ", ".join(f'CAST("{name}" AS TIMESTAMPTZ) AS "{name}"' for name in times)
            frame = nw.from_native(frame.to_native().project(f"* REPLACE ({made})"))
            foreign = {name: wanted for name, wanted in foreign.items() if name not in times}
    casts = [nw.col(name).cast(wanted).alias(name) for name, wanted in foreign.items()]
    return frame.with_columns(*casts) if casts else frame


def _is_as_stored(relation: duckdb.DuckDBPyRelation) -> bool:
    """Whether a relation has the span table's types. It knows its own; for Narwhals' DuckDB runs a query."""
    types = zip(relation.columns, map(str, relation.types), strict=True)
    return all(told == _STORED.get(name, told) for name, told in types)


def _fits(kind: nw.dtypes.DType, wanted: nw.dtypes.DType) -> bool:
    if isinstance(wanted, nw.Float64):
        return kind.is_float() or kind.is_integer()
    if isinstance(wanted, nw.Datetime):
        return isinstance(kind, nw.Datetime)
    return kind == wanted


def columns_of(frame: Frame) -> list[str]:
    """The names of the columns, without reading a row."""
    if frame.implementation.is_duckdb():
        # For a schema Narwhals asks for the session's time zone, and DuckDB plans the whole query for that.
        return list(frame.to_native().columns)
    return frame.collect_schema().names()


def collected(frame: Frame, columns: Sequence[str]) -> pa.Table:
    """These columns of all rows in memory, in the span table's Arrow types; others as they are."""
    chosen = frame.select(*columns)
    if isinstance(chosen, nw.LazyFrame):
        chosen = chosen.collect(backend="polars" if chosen.implementation.is_polars() else "pyarrow")
    # pandas hands over its index as a column, where it is not the plain one.
    return _cast(chosen.to_arrow().select(list(columns)))


def lazily(frame: Frame, columns: Sequence[str]) -> nw.LazyFrame[Any]:
    """These columns as a lazy frame; rows in memory become a relation of a DuckDB session of their own.

    So an expression need only be right for DuckDB, Polars and Spark, and all eager frames agree.
    """
    if isinstance(frame, nw.LazyFrame):
        return frame.select(*columns)
    if frame.implementation.is_polars():
        return frame.select(*columns).lazy()
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    session.execute("SET enable_progress_bar = false")  # on by default in notebooks
    return nw.from_native(session.from_arrow(collected(frame, columns)))


def returned(table: pa.Table, like: Any) -> Any:
    """The table as the kind of frame that ``like`` is: a lazy one for a lazy one, in the same session."""
    frame = nw.from_native(like)
    engine = frame.implementation
    if engine.is_pandas():
        return _in_pandas(table, like)
    if engine.is_polars():
        import polars as pl

        given = pl.DataFrame(table)
        return given.lazy() if isinstance(frame, nw.LazyFrame) else given
    if engine.is_pyarrow():
        return table
    if engine.is_duckdb():
        return _in_duckdb(table, like)
    if engine.is_pyspark():
        return like.sparkSession.createDataFrame(table)
    return nw.from_arrow(table, backend=engine).to_native()


def deferred(
    frame: nw.LazyFrame[Any], function: Callable[[pa.Table], pa.Table], *, schema: pa.Schema
) -> nw.LazyFrame[Any]:
    """A lazy frame of Polars or Spark: what ``function`` makes of the rows when they are read.

    The function gets whole traces: all rows, or in Spark those of a partition by ``trace_id``, where it
    runs in the workers. ``schema`` is of what comes out. DuckDB is told in SQL: :func:`queried`.
    """
    native = frame.to_native()
    if frame.implementation.is_polars():
        import polars as pl

        def of_polars(rows: pl.DataFrame) -> pl.DataFrame:
            return pl.DataFrame(function(_cast(rows.to_arrow())))

        return lazy_frame(native.map_batches(of_polars, schema=pl.DataFrame(schema.empty_table()).schema))
    if frame.implementation.is_pyspark():

        def of_spark(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            held = list(batches)
            if held:
                yield from function(_cast(pa.Table.from_batches(held))).to_batches()

        from pyspark.sql.pandas.types import from_arrow_schema

        return lazy_frame(native.repartition("trace_id").mapInArrow(of_spark, from_arrow_schema(schema)))
    raise InvalidArgument(f"This measure takes {KINDS}, not a lazy frame of {frame.implementation}.")


def queried(frame: Any, sql: str, beside: Any = None) -> Any:  # noqa: ARG001  the query reads them
    """A relation of DuckDB that the SQL makes of another one, ``frame``.

    It may read ``beside`` too: an Arrow table, or a relation of the same session.
    """
    # As in _in_duckdb: found by their names, and the relation stays what it is whatever is made later.
    return frame.query("argus_deferred", sql)


def eagerly(spans: Any, sql: str, beside: pa.Table | None = None) -> pa.Table:
    """The same as :func:`queried`, computed at once."""
    found: pa.Table = queried(spans, sql, beside).to_arrow_table()
    return found


def quoted(name: str) -> str:
    """A column's name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def lazy_frame(native: Any) -> nw.LazyFrame[Any]:
    """A lazy frame of some engine as a Narwhals frame."""
    frame: nw.LazyFrame[Any] = nw.from_native(native)
    return frame


def whole_numbers(table: pa.Table) -> pa.Table:
    """The table with every integer column as int64: engines count in types of their own."""
    for place, field in enumerate(table.schema):
        if pa.types.is_integer(field.type) and field.type != pa.int64():
            table = table.set_column(place, field.name, pc.cast(table.column(place), pa.int64()))
    return table


def _in_pandas(table: pa.Table, like: Any) -> Any:
    frame = pandas_of(table)
    if "argus" in like.attrs:
        frame.attrs["argus"] = like.attrs["argus"]  # which lake, project and time it came from
    return frame


def _in_duckdb(rows: pa.Table, like: Any) -> Any:  # noqa: ARG001  the query reads it
    # DuckDB finds the variable `rows` by its name, on the relation's own connection, and keeps it alive.
    return like.query("argus_measured", "SELECT * FROM rows")


def _cast(table: pa.Table) -> pa.Table:
    known = set(SPANS.names)
    schema = SPANS.arrow()
    kinds = [
        pa.field(field.name, schema.field(field.name).type if field.name in known else _plain(field.type))
        for field in table.schema
    ]
    return pa.table(list(map(_held, table.columns, kinds)), schema=pa.schema(kinds))


def _held(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise InvalidArgument(
            f"the column {field.name} holds {column.type}, and not {field.type} as in the span table "
            f"({error}). See docs/reference/schema.md for what the columns hold."
        ) from error


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return kind
