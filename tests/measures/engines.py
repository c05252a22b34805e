"""A table of spans as the frame of each engine, and results of all of them as rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa

from argus_lab.frames import pandas_of

Engine = Callable[[pa.Table], Any]


def _duckdb(rows: pa.Table) -> Any:
    session = duckdb.connect()
    session.execute("SET TimeZone = 'Asia/Kolkata'")  # half an hour off: buckets must not follow it
    return session.from_arrow(rows)


ENGINES: dict[str, Engine] = {
    "pandas": pandas_of,
    "plain pandas": lambda rows: rows.to_pandas(),
    "polars": pl.DataFrame,
    "polars lazy": lambda rows: pl.DataFrame(rows).lazy(),
    "pyarrow": lambda rows: rows,
    "duckdb": _duckdb,
}


def rows_of(result: Any) -> list[dict[str, Any]]:
    """The rows of any engine's result as plain Python; NaN is null."""
    frame = nw.from_native(result)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect(backend="pyarrow")
    table = frame.to_arrow()
    rows = table.to_pylist()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def close(left: Any, right: Any) -> bool:
    """Equal, numbers to nine digits."""
    if isinstance(left, float) or isinstance(right, float):
        return (
            left is not None and right is not None and math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
        )
    return bool(left == right)


def differences(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    """Where two lists of rows differ, in words."""
    if len(found) != len(expected):
        return [f"{len(found)} rows, not {len(expected)}"]
    return [
        f"row {n} {name}: {row.get(name)!r}, not {value!r}"
        for n, (row, want) in enumerate(zip(found, expected, strict=True))
        for name, value in want.items()
        if not close(row.get(name), value)
    ]
