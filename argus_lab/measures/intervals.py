"""Stretches of time, many groups at once: how much time their union covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

__all__ = ["union_length"]


def union_length(group: Whole, low: Whole, high: Whole, count: int) -> Whole:
    """By group 0..count-1, how much its intervals cover together; what overlaps is counted once.

    Examples
    --------
    >>> low, high = np.array([0, 5, 20, 0]), np.array([10, 12, 21, 3])
    >>> union_length(np.array([0, 0, 0, 2]), low, high, 3).tolist()
    [13, 0, 3]
    """
    total = np.zeros(count, dtype=np.int64)
    kept = np.flatnonzero(high > low)
    if not len(kept):
        return total
    order = kept[np.lexsort((low[kept], group[kept]))]
    group, low, high = group[order], low[order], high[order]
    # The latest end so far, in each group: ends by rank, lifted by group, so that one running maximum does.
    ends, rank = np.unique(high, return_inverse=True)
    latest = np.maximum.accumulate(group * len(ends) + rank) - group * len(ends)
    reached = np.where(np.diff(group, prepend=-1) == 0, ends[np.roll(latest, 1)], low)
    np.add.at(total, group, np.maximum(high - np.maximum(low, reached), 0))
    return total
