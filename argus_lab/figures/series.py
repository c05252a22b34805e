"""Several series in one figure: which of many groups are drawn, and lines that stop where nothing is."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import pandas as pd

from argus_lab.figures.formats import plain
from argus_lab.measures.grouping import length_us

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OTHERS", "largest", "named", "numbered", "span_of", "with_gaps"]

OTHERS = "others"
NO_VALUE = "(none)"
LONGEST = 36
"""Characters of a value in a legend."""


def named(frame: pd.DataFrame, by: str | Sequence[str] | None, everything: str) -> pd.DataFrame:
    """The frame with a column ``group``: the values of ``by`` as one text for people.

    Two values never share a text: one that cannot be shown as it is ends with a mark of its own.

    Examples
    --------
    >>> named(pd.DataFrame({"a": ["x", None], "b": [1, 2]}), ["a", "b"], "all")["group"].tolist()
    ['x · 1', '(none) · 2']
    """
    columns = [by] if isinstance(by, str) else list(by or ())
    if not columns:
        return frame.assign(group=everything)
    texts = [
        [NO_VALUE if pd.isna(value) else _shown(str(value)) for value in frame[name]] for name in columns
    ]
    return frame.assign(group=[" · ".join(row) for row in zip(*texts, strict=True)])


def _shown(value: str) -> str:
    text = plain(value, LONGEST)
    if text == value and value not in {NO_VALUE, OTHERS}:
        return text
    return f"{text} #{blake2b(value.encode('utf-8', 'surrogatepass'), digest_size=2).hexdigest()}".lstrip()


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column ``row``, by which what is drawn is found again in what was measured.

    Examples
    --------
    >>> numbered(pd.DataFrame({"n": [5, 7]}))["row"].tolist()
    [0, 1]
    """
    return frame.assign(row=range(len(frame)))


def largest(frame: pd.DataFrame, size: str, most: int) -> tuple[list[str], int]:
    """The groups with the largest sum of ``size``, at most ``most``, and how many are left out.

    Examples
    --------
    >>> largest(pd.DataFrame({"group": ["a", "b", "c"], "n": [1, 5, 3]}), "n", 2)
    (['b', 'c'], 1)
    """
    sums = frame.groupby("group", sort=True)[size].sum().sort_values(ascending=False, kind="stable")
    names = [str(name) for name in sums.index]
    return names[:most], max(len(names) - most, 0)


def span_of(every: str) -> pd.Timedelta:
    """How long a stretch of time is, as measures understand ``every``."""
    return pd.Timedelta(microseconds=length_us(every))


def with_gaps(frame: pd.DataFrame, length: pd.Timedelta) -> pd.DataFrame:
    """Rows of one series with an empty row wherever a stretch of time is missing, so that lines break there.

    Examples
    --------
    >>> times = pd.to_datetime(["2026-05-04T10:00Z", "2026-05-04T11:00Z", "2026-05-04T14:00Z"])
    >>> with_gaps(pd.DataFrame({"time": times, "n": [1, 2, 3]}), pd.Timedelta("1h"))["n"].tolist()
    [1.0, 2.0, nan, 3.0]
    """
    ordered = frame.sort_values("time", ignore_index=True)
    gap = ordered.index[ordered["time"].diff() > length * 1.5]
    if not len(gap):
        return ordered
    empty = pd.DataFrame({"time": ordered["time"].to_numpy()[gap - 1] + length}, index=gap - 0.5)
    empty["time"] = empty["time"].astype(ordered["time"].dtype)
    return pd.concat([ordered, empty]).sort_index().reset_index(drop=True)
