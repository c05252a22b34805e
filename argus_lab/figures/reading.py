"""What figures read: frames of any engine as pandas, only the columns that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from argus_lab.frames import PANDAS_DTYPES, pandas_of
from argus_lab.measures.engines import asked, collected, columns_of
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["in_memory", "only"]

PLAIN = {"Int64", "float64", "boolean", "datetime64[us, UTC]"}
"""Dtypes of other columns that stay as they are."""


def in_memory(frame: Any, columns: Sequence[str] | None = None, *, by: str = "this figure") -> pd.DataFrame:
    """The columns of a frame of any kind as pandas, numbered from 0."""
    if isinstance(frame, pd.DataFrame) and _is_ours(frame, columns):
        return frame[list(columns or frame.columns)].reset_index(drop=True)
    known = asked(frame, columns or (), by=by)
    return pandas_of(collected(known, columns or columns_of(known))).reset_index(drop=True)


def _is_ours(frame: pd.DataFrame, columns: Sequence[str] | None) -> bool:
    """Whether these columns have the dtypes already that they would get, as what a measure gave has."""
    names = list(columns or frame.columns)
    if not frame.columns.is_unique or not set(names) <= set(frame.columns):
        return False
    known = {name: PANDAS_DTYPES[SPANS.column(name).type] for name in names if name in SPANS.names}
    return all(
        str(frame[name].dtype) == known[name] if name in known else str(frame[name].dtype) in PLAIN
        for name in names
    )


def only(frame: Any, column: str, by: str) -> list[str]:
    """The distinct values of a column, null left out, the most frequent first."""
    known = asked(frame, [column], by=by)
    found = pandas_of(collected(known, [column]))[column]
    return [str(value) for value in found.value_counts().index]
