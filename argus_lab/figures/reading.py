"""What figures read: frames of any engine as pandas, only the columns that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.frames import pandas_of
from argus_lab.measures.engines import asked, collected, columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["in_memory", "only"]


def in_memory(frame: Any, columns: Sequence[str] | None = None, *, by: str = "this figure") -> pd.DataFrame:
    """The columns of a frame of any kind as pandas, numbered from 0."""
    known = asked(frame, columns or (), by=by)
    return pandas_of(collected(known, columns or columns_of(known))).reset_index(drop=True)


def only(frame: Any, column: str, by: str) -> list[str]:
    """The distinct values of a column, null left out, the most frequent first."""
    known = asked(frame, [column], by=by)
    found = pandas_of(collected(known, [column]))[column]
    return [str(value) for value in found.value_counts().index]
