"""Durations in order, stretch of time by stretch: quantiles of any of them without sorting.

Quantiles of five million durations take an engine half a second of processor time, to group and to sort them.
The order is the same whatever is chosen: it is found once, and of what is chosen only counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from argus_lab.dashboards.once import Once
from argus_lab.dashboards.pieces import FACTS
from argus_lab.dashboards.resting import Resting
from argus_lab.measures.grouping import TIME, length_us, timed
from argus_lab.measures.latency import QUANTILES, latency_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import duckdb
    import numpy.typing as npt
    import pyarrow as pa

    Places = npt.NDArray[np.integer[Any]]
    Numbers = npt.NDArray[np.float64]
    Which = npt.NDArray[np.bool_]

__all__ = ["ANSWERS", "ROWS_OF_ONE", "WORTH", "Latency", "Orders", "Ranks", "ranked"]

MOST = 30_000
"""Stretches of time, beyond which nobody draws them."""
MOST_ROWS = 10_000_000
"""Rows, some 12 bytes each; of more an engine is asked."""
WORTH = 0.3
"""Of a smaller share of the spans an engine sorts the durations as quickly."""
ANSWERS, ROWS_OF_ONE = 48, 5_000
"""Answers that are kept for who asks the same, and how many rows each may have."""


@dataclass(frozen=True)
class Latency:
    """The measure of some columns: the same one for the same columns."""

    kinds: tuple[tuple[str, str], ...]

    def __call__(self, spans: Any, **cut: Any) -> pa.Table:
        """Their frame, for spans that are cut ``by`` a column, ``every`` so often."""
        found: pa.Table = latency_of(spans, dict(self.kinds), **cut).to_arrow_table()
        return found


class Orders:
    """Tables in order for the lengths of stretches that are asked for, as long as they stay as they are."""

    def __init__(self) -> None:
        self._ranks = Resting(ranked)
        self._answers: Once[pd.DataFrame] = Once(ANSWERS, lambda found: len(found) <= ROWS_OF_ONE)

    def latency(
        self, every: str, state: Callable[[], Hashable], asks: Hashable, chosen: Callable[[], pa.Table]
    ) -> pd.DataFrame | None:
        """What :meth:`Ranks.latency` says of the rows that are ``chosen``, all told in the tables' order.

        ``asks`` is by what they are. ``None`` if the tables are not in order in their ``state``, or change
        meanwhile. They will be in order once they rest.
        """
        now = state()
        ranks = self._ranks.of(every, now)
        if now is None or ranks is None:
            return None

        def find() -> pd.DataFrame:
            rows = chosen()["chosen"].combine_chunks().to_numpy(zero_copy_only=False)
            return ranks.latency(rows) if state() == now else pd.DataFrame()

        found = self._answers.of((now, every, asks), find)
        return found if state() == now else None

    def make(self, state: Hashable, cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """Put the tables, which are in this state, in the order that is asked for; forget all others."""
        self._ranks.make(state, cursor)


@dataclass(frozen=True)
class Ranks:
    """The rows of a table by stretch of time, and within each by duration, those without one last.

    ``times``: where each stretch starts, Unix µs; null for rows without a start. ``starts``: the place of its
    first row in ``order``, and at last how many rows there are; ``known``: how many of its rows have a
    duration; ``failed``: the places of rows that failed.
    """

    times: Sequence[int | None]
    starts: Places
    known: Places
    order: npt.NDArray[np.int32]
    durations: Numbers
    failed: Places

    def latency(self, chosen: Which) -> pd.DataFrame:
        """``al.latency(..., every=...)`` of the rows that are chosen, as far as it tells of durations.

        Which rows are chosen is told in the order of the table. The column ``spans`` counts those, too, that
        have no duration.
        """
        first, last = self.starts[:-1], self.starts[:-1] + self.known
        here = chosen[self.order]
        until = np.zeros(len(here) + 1, np.int32)
        np.cumsum(here, dtype=np.int32, out=until[1:])
        count = until[last] - until[first]
        spans = until[self.starts[1:]] - until[first]
        failures = np.concatenate([[0], np.cumsum(here[self.failed], dtype=np.int32)])
        errors = np.diff(failures[np.searchsorted(self.failed, self.starts)])
        found: dict[str, Any] = {TIME: None, "count": count, "mean_ms": self._means(here, count)}
        for name, share in QUANTILES.items():
            found[name] = self._quantiles(until, count, share)
        found |= {"max_ms": self._quantiles(until, count, 1.0), "errors": errors, "spans": spans}
        found[TIME] = np.array(self.times, "datetime64[us]")
        rows = pd.DataFrame(found).astype(dict.fromkeys(("count", "errors", "spans"), "Int64"))
        rows[TIME] = rows[TIME].dt.tz_localize("UTC")
        return rows[rows["spans"] > 0].reset_index(drop=True)

    def _means(self, here: Which, count: Places) -> Numbers:
        # Reading bits as numbers takes as long as multiplying: where few are chosen, these are picked out.
        sums = [
            self.durations[start : start + known][here[start : start + known]].sum()
            for start, known in zip(self.starts, self.known, strict=False)
        ]
        found: Numbers = np.divide(sums, count, out=np.full(len(count), np.nan), where=count > 0)
        return found

    def _quantiles(self, until: Places, count: Places, share: float) -> Numbers:
        """Interpolated linearly, of each stretch; ``until`` counts the chosen before each place.

        That is looked through as it is: for numbers of another kind NumPy would make a copy each time.
        """
        found = np.full(len(count), np.nan)
        some = np.flatnonzero(count)
        place = (count[some] - 1) * share
        low = np.floor(place).astype(np.intp)
        before = until[self.starts[some]]
        lower, upper = (
            self.durations[np.searchsorted(until, (before + rank + 1).astype(until.dtype)) - 1]
            for rank in (low, np.minimum(low + 1, count[some] - 1))
        )
        found[some] = lower + (upper - lower) * (place - low)
        return found


def ranked(cursor: duckdb.DuckDBPyConnection, every: str) -> Ranks | None:
    """The spans of the tables in order; ``None`` if there are none, or too many, or too many stretches.

    Examples
    --------
    >>> import duckdb
    >>> made = "make_timestamptz(i * 1000000) AS start_time, 9e0 - i AS duration_ms, 'OK' AS status"
    >>> database = duckdb.connect()
    >>> ranks = ranked(database.execute(f"CREATE TABLE spans AS SELECT {made} FROM range(4) t(i)"), "2s")
    >>> ranks.latency(np.ones(4, bool))[["count", "p50_ms", "max_ms"]].to_numpy().tolist()
    [[2, 8.5, 9.0], [2, 6.5, 7.0]]
    """
    ((rows_there,),) = cursor.execute("SELECT count(*) FROM spans").fetchall()
    if rows_there > MOST_ROWS:
        return None
    length = length_us(every)
    columns = f"start_time, duration_ms, {FACTS['error']} AS failed"
    rows = timed(nw.from_native(cursor.table("spans").project(columns)), length).to_native()
    table = rows.project(f"epoch_us({TIME}) AS at, duration_ms, failed").to_arrow_table()
    at, durations = (table[name].combine_chunks() for name in ("at", "duration_ms"))
    if at.null_count == len(at):
        return None
    is_timed = np.asarray(at.is_valid())
    stretch = np.asarray(at.fill_null(0))
    low = int(stretch[is_timed].min())
    stretch = np.where(is_timed, (stretch - low) // length, -1)
    if stretch.max() >= MOST:
        return None
    stretch[~is_timed] = stretch.max() + 1  # those without a start come last
    order = np.argsort(stretch.astype(np.int16), kind="stable")
    sizes = np.bincount(stretch)
    there = np.flatnonzero(sizes)
    starts = np.concatenate([[0], np.cumsum(sizes[there])])
    values = np.asarray(durations.fill_null(np.nan), dtype=np.float64)[order]
    for start, end in pairwise(starts.tolist()):
        within = np.argsort(values[start:end])
        order[start:end] = order[start:end][within]
        values[start:end] = values[start:end][within]
    known = np.add.reduceat(~np.isnan(values), starts[:-1], dtype=np.intp)
    times: list[int | None] = [low + int(number) * length for number in there]
    if not is_timed.all():
        times[-1] = None
    failed = np.asarray(table["failed"].combine_chunks().fill_null(fill_value=False))
    return Ranks(times, starts, known, order.astype(np.int32), values, np.flatnonzero(failed[order]))
