"""Groups in one pass, names and first values among their aggregates: each engine in its own words.

Narwhals has no word for "the distinct names as one text", nor for "the value that comes first", and one
pass for its aggregates and another for these would read everything twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals as nw

from argus_lab.errors import InvalidArgument
from argus_lab.measures.engines import KINDS, lazy_frame
from argus_lab.measures.grouped import in_duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Lazy = nw.LazyFrame[Any]

__all__ = ["BETWEEN", "ORDER", "Of", "aggregated"]

BETWEEN = ", "
"""What stands between two names."""
ORDER = ("at", "span")
"""Columns that say which row comes first: no nulls, and no two rows alike."""


class Of(NamedTuple):
    """An aggregate: how, and of which column.

    ``rows``: how many rows, whatever the column. ``count``: values that are not null. ``distinct``: how
    many different ones, of all rows or of those where the column ``where`` is true. ``sum``: null if none
    is known. ``least``, ``most``. ``names``: the distinct texts, sorted and joined by ``", "``; null if
    none. ``first``, ``last``: the known value of the row that comes first (last) by ``order``. ``head``: of
    the row that comes first, its ``fields`` as a struct. ``within``: is every known value of the column a
    ``span`` of the group.
    """

    how: str
    column: str = ORDER[0]
    order: tuple[str, ...] = ORDER
    fields: tuple[str, ...] = ()
    where: str | None = None


def aggregated(frame: Lazy, keys: Sequence[str], wanted: Mapping[str, Of], plain: Lazy | None = None) -> Lazy:
    """A row a group, lazily: its keys (null is a value like others) and the aggregates.

    ``plain`` are the same rows, if they can be had more cheaply without some of the columns.

    Examples
    --------
    >>> import duckdb
    >>> rows = duckdb.sql("SELECT 't' AS trace_id, unnest(['b', 'a']) AS model")
    >>> rows = rows.project('*, ascii(model) AS "at", model AS span')
    >>> wanted = {"models": Of("names", "model"), "model": Of("first", "model"), "spans": Of("rows")}
    >>> aggregated(nw.from_native(rows), ["trace_id"], wanted).to_native().fetchall()
    [('t', 'a, b', 'a', 2)]
    """
    engine = frame.implementation
    if engine.is_duckdb():
        return lazy_frame(
            in_duckdb(frame.to_native(), keys, wanted, (frame if plain is None else plain).to_native())
        )
    if engine.is_polars():
        chosen = [_in_polars(of).alias(new) for new, of in wanted.items()]
        return lazy_frame(frame.to_native().group_by(*keys).agg(*chosen))
    if engine.is_pyspark():
        columns = [_in_spark(of).alias(new) for new, of in wanted.items()]
        return lazy_frame(frame.to_native().groupBy(*keys).agg(*columns))
    raise InvalidArgument(f"This measure takes {KINDS}, not a lazy frame of {engine}.")


def _in_polars(of: Of) -> Any:
    import polars as pl

    column, known = pl.col(of.column), pl.col(of.column).drop_nulls()
    chosen = known if of.where is None else column.filter(of.where).drop_nulls()
    made: dict[str, Callable[[], Any]] = {
        "rows": pl.len,
        "count": column.count,
        "distinct": chosen.n_unique,
        "sum": lambda: pl.when(column.count() > 0).then(column.sum()),
        "least": column.min,
        "most": column.max,
        "names": lambda: pl.when(column.count() > 0).then(known.unique().sort().str.join(BETWEEN)),
        "first": lambda: column.sort_by(*of.order).drop_nulls().first(),
        "last": lambda: column.sort_by(*of.order).drop_nulls().last(),
        "head": lambda: pl.struct(*of.fields).sort_by(*of.order).first(),
        "within": lambda: known.implode().list.set_difference(pl.col("span").implode()).list.len().sum() == 0,
    }
    return made[of.how]()


def _in_spark(of: Of) -> Any:
    from pyspark.sql import functions as f

    column, names = f.col(of.column), f.collect_set(of.column)
    at = f.when(column.isNotNull(), f.struct(*of.order))
    chosen = column if of.where is None else f.when(f.col(of.where), column)
    made: dict[str, Callable[[], Any]] = {
        "rows": lambda: f.count(f.lit(1)),
        "count": lambda: f.count(column),
        "distinct": lambda: f.count_distinct(chosen),
        "sum": lambda: f.sum(column),
        "least": lambda: f.min(column),
        "most": lambda: f.max(column),
        "names": lambda: f.when(f.size(names) > 0, f.array_join(f.array_sort(names), BETWEEN)),
        "first": lambda: f.min_by(column, at),
        "last": lambda: f.max_by(column, at),
        "head": lambda: f.min_by(f.struct(*of.fields), f.struct(*of.order)),
        "within": lambda: f.size(f.array_except(names, f.collect_set("span"))) == 0,
    }
    return made[of.how]()
