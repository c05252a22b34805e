"""Tokens summed up by all that can be chosen and cut by: what is chosen is added up from few rows.

Millions of calls have few models, services and statuses. To sum them up takes an engine a third of a second
of processor time; once they are, whatever is chosen of them is a sum of some thousand rows.
"""
# ruff: noqa: S608  texts are made of names of this module; values are bound

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw

from argus_lab.dashboards.choices import window_of
from argus_lab.dashboards.resting import Resting
from argus_lab.frames import pandas_of
from argus_lab.measures.grouping import TIME, length_us, timed
from argus_lab.measures.tokens import alike_calls, tokens_of_alike

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from argus_lab.dashboards.asked import Asked
    from argus_lab.dashboards.choices import Choices

__all__ = ["Sums"]

DIMENSIONS = (
    *("project", "service", "component_type", "status"),
    *("request_model", "response_model", "agent_name"),
)
"""The columns of spans that choices ask about, and that charts are cut by."""
MOST = 200_000
"""Rows of sums, beyond which they are not much quicker than calls."""


class Sums:
    """The calls of the tables, summed up for the lengths of stretches that are asked for, while they rest."""

    def __init__(self) -> None:
        self._sums = Resting(_summed)

    def tokens(
        self,
        choices: Choices,
        asked: Asked,
        state: Callable[[], Hashable],
        cursor: Callable[[], duckdb.DuckDBPyConnection],
        cut: tuple[str | Sequence[str] | None, str | None],
    ) -> pd.DataFrame | None:
        """``al.tokens`` of the calls that are chosen, ``asked`` for so; ``cut`` is by what, and how often.

        ``None`` if they are chosen by something else than the columns in :data:`DIMENSIONS`, or the tables
        are not summed up in their ``state``, or change meanwhile. They will be once they rest.
        """
        if choices.text or window_of(choices) != (None, None):
            return None
        (by, every), now = cut, state()
        sums = self._sums.latest(now) if every is None else self._sums.of(every, now)
        if now is None or sums is None or not {*([by] if isinstance(by, str) else by or ())} <= {*DIMENSIONS}:
            return None
        test, params = asked
        database = cursor()
        database.register("argus_sums", sums)
        rows = database.sql(f"SELECT * FROM argus_sums WHERE {test}", params=params).to_arrow_table()
        found = pandas_of(tokens_of_alike(rows, by=by, with_time=every is not None))
        return found if state() == now else None

    def make(self, state: Hashable, cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """Sum the tables up, which are in this state, as it is asked for; forget all else."""
        self._sums.make(state, cursor)


def _summed(cursor: duckdb.DuckDBPyConnection, every: str) -> pa.Table | None:
    calls = cursor.sql("SELECT * FROM spans WHERE is_counted")
    # They are counted before they are made: of calls that are all unlike they would be as many.
    cut = timed(nw.from_native(calls), length_us(every)).to_native()
    kinds = cut.select(TIME, *DIMENSIONS).distinct().limit(MOST + 1)
    if kinds.aggregate("count(*)").fetchall()[0][0] > MOST:
        return None
    return alike_calls(calls, by=DIMENSIONS, every=every)
