"""Arrow tables as pandas frames: the same dtypes whatever the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import pandas_dtype

__all__ = ["PANDAS_DTYPES", "narrowed", "pandas_of"]

PANDAS_DTYPES: dict[str, str] = {
    "string": "str",
    "json": "str",
    "int64": "Int64",
    "float64": "float64",
    "bool": "boolean",
    "timestamp": "datetime64[us, UTC]",
    "date": "date32[day][pyarrow]",
    "list<string>": "object",
}
"""The dtype that a frame has for each type of schema.py, with and without rows or nulls.

A list is a Python list: pandas cannot read a Parquet file back that it wrote from Arrow lists.
"""

INTEGERS = {
    pa.int8(): "Int8",
    pa.int16(): "Int16",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.uint8(): "UInt8",
    pa.uint16(): "UInt16",
    pa.uint32(): "UInt32",
    pa.uint64(): "UInt64",
}
INT64 = range(-(2**63), 2**63)


def pandas_of(table: pa.Table) -> pd.DataFrame:
    """The table as a frame: nullable integers and booleans, Arrow text, UTC times.

    Examples
    --------
    >>> frame = pandas_of(pa.table({"n": pa.array([1, None]), "t": pa.array([None, "a"])}))
    >>> frame.dtypes.astype(str).to_dict()
    {'n': 'Int64', 't': 'str'}
    """
    nested = [index for index, field in enumerate(table.schema) if pa.types.is_list(field.type)]
    plain = [index for index in range(table.num_columns) if index not in nested]
    frame: pd.DataFrame = table.select(plain).to_pandas(types_mapper=_dtype)
    if not plain:
        frame = pd.DataFrame(index=pd.RangeIndex(len(table)))
    for index in nested:
        lists = pd.Series(_lists(table.column(index)), dtype=object)
        frame.insert(index, table.field(index).name, lists, allow_duplicates=True)
    return frame


def narrowed(table: pa.Table) -> pa.Table:
    """Decimals of a SQL result as numbers pandas can count with.

    DuckDB adds integers up to 128 bits (``HUGEINT``): those become int64 where all values fit, else
    float64; decimals with digits behind the point become float64.
    """
    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(index, field.name, _number(table.column(index), field.type.scale))
    return table


def _dtype(kind: pa.DataType) -> Any:
    if kind in INTEGERS:
        return pandas_dtype(INTEGERS[kind])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pd.StringDtype("pyarrow", na_value=float("nan"))
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    if pa.types.is_date(kind):
        return pd.ArrowDtype(kind)
    return None


def _lists(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    found = np.full(len(column), None, dtype=object)
    valid = np.flatnonzero(column.is_valid())
    if len(valid):
        # Assigned through an array of objects, since NumPy would make lists of one length a matrix.
        lists = np.empty(len(valid), dtype=object)
        lists[:] = column.drop_null().to_pylist()
        found[valid] = lists
    return found


def _number(column: pa.ChunkedArray, scale: int) -> pa.ChunkedArray:
    if scale == 0:
        ends = pc.min_max(column).as_py()
        if all(end is None or int(end) in INT64 for end in ends.values()):
            return column.cast(pa.int64())
    return column.cast(pa.float64())
