"""How far a difference between two sets of traces is chance: the bootstrap, over whole traces.

Spans of one trace are not independent of each other (a slow database makes all its queries slow), so the
traces are drawn again, with all that belongs to them, as often as there are traces. The spread of what
is then computed is the spread to expect of the same number from other traces of the same kind (Efron &
Tibshirani 1993, chapters 13 and 8.4). Traces that are in both sets are drawn once for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

__all__ = ["Mean", "Quantile", "draws", "interval", "resampled"]

BATCH = 4_000_000
"""Numbers held at once while drawing."""
NEAR = 8
"""Standard errors of a rank within which a drawn quantile is looked for first."""
SEED = 20_260_504


@dataclass(frozen=True)
class Mean:
    """A mean of values that belong to traces: ``trace`` are places of traces, one for each value."""

    trace: Places
    values: Floats

    def known(self) -> float:
        """The mean as it is; NaN without values."""
        return float(self.values.mean()) if len(self.values) else np.nan

    def parts(self, traces: int) -> list[Floats]:
        """By trace: the sum of its values, and how many it has."""
        total = np.bincount(self.trace, self.values, minlength=traces)
        return [each.astype(np.float64) for each in (total, np.bincount(self.trace, minlength=traces))]

    def of(self, weights: Floats, sums: Floats) -> Floats:  # noqa: ARG002  as of a quantile
        """The mean for each row of weights of traces; ``sums`` are those of its parts, so weighted."""
        total, drawn = sums
        found: Floats = np.divide(total, drawn, out=np.full(len(drawn), np.nan), where=drawn > 0)
        return found


@dataclass(frozen=True)
class Quantile:
    """A quantile (Hyndman & Fan type 7) of values that belong to traces; ``values`` are sorted."""

    trace: Places
    values: Floats
    at: float

    @classmethod
    def over(cls, trace: Places, values: Floats, at: float) -> Quantile:
        """The quantile of values in any order."""
        order = np.argsort(values, kind="stable")
        return cls(trace[order], values[order], at)

    def known(self) -> float:
        """The quantile as it is; NaN without values."""
        return float(np.quantile(self.values, self.at)) if len(self.values) else np.nan

    @cached_property
    def near(self) -> tuple[int, int]:
        """Places of the values among which a drawn quantile lies, nearly always."""
        size = len(self.values)
        reach = NEAR * np.sqrt(size * (size / len(np.unique(self.trace)))) if size else 0.0
        middle = self.at * (size - 1)
        return max(int(middle - reach), 0), min(int(middle + reach) + 2, size)

    def parts(self, traces: int) -> list[Floats]:
        """By trace: how many of its values are below those near the quantile, and how many it has."""
        below = self.trace[: self.near[0]]
        return [np.bincount(each, minlength=traces).astype(np.float64) for each in (below, self.trace)]

    def of(self, weights: Floats, sums: Floats) -> Floats:
        """The quantile for each row of weights of traces; ``sums`` are those of its parts, so weighted."""
        found = np.full(len(weights), np.nan)
        below, drawn = sums
        low, high = self.near
        place = (drawn - 1) * self.at
        for row in np.flatnonzero(drawn):
            upto = below[row] + np.cumsum(weights[row, self.trace[low:high]])
            first, last = np.floor(place[row]), np.ceil(place[row])
            values = self.values[low:high]
            if first < below[row] or last >= upto[-1]:  # far away for once: all values are looked at
                upto, values = np.cumsum(weights[row, self.trace]), self.values
            lower, upper = values[upto.searchsorted((first, last), side="right")]
            found[row] = lower + (upper - lower) * (place[row] - first)
        return found


Statistic = Mean | Quantile


def draws(strata: Sequence[int], resamples: int) -> Iterator[Floats]:
    """Rows of weights, ``resamples`` in all, some at a time: how often each trace is drawn.

    Of each stratum (so many traces) as many are drawn as it has. The same numbers every time.

    Examples
    --------
    >>> weights = np.vstack(list(draws([3, 2], 100)))
    >>> weights.shape, set(weights[:, :3].sum(axis=1).tolist())
    ((100, 5), {3.0})
    """
    chance = np.random.default_rng(SEED)
    size = max(1, BATCH // max(sum(strata), 1))
    for done in range(0, resamples, size):
        rows = min(size, resamples - done)
        parts = []
        for traces in strata:
            picked = chance.integers(0, max(traces, 1), (rows, traces))
            picked += np.arange(rows)[:, np.newaxis] * traces
            parts.append(np.bincount(picked.ravel(), minlength=rows * traces).reshape(rows, traces))
        yield np.hstack(parts).astype(np.float64)  # whole numbers; NumPy multiplies these far faster


def resampled(
    statistics: Sequence[tuple[Statistic, Statistic]], strata: Sequence[int], resamples: int
) -> Floats:
    """By statistic and resample, the second less the first."""
    if not statistics or not resamples:
        return np.empty((len(statistics), 0))
    sides = [side for both in statistics for side in both]
    # Weights are many and read from memory: once for all sums, in one product of matrices.
    parts = np.column_stack([part for side in sides for part in side.parts(sum(strata))])
    found = []
    for weights in draws(strata, resamples):
        sums = (weights @ parts).T.reshape(len(sides), 2, len(weights))
        drawn = np.vstack([side.of(weights, its) for side, its in zip(sides, sums, strict=True)])
        found.append(drawn[1::2] - drawn[::2])
    return np.hstack(found)


def interval(differences: Floats, confidence: float) -> tuple[float, float]:
    """The percentile interval; NaN if more than half of the draws had nothing to compute it from."""
    known = differences[~np.isnan(differences)]
    if len(known) * 2 <= len(differences) or not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
