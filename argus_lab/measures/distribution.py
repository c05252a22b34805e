"""How numbers of spans are spread: counts by pieces of a logarithmic scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from argus_lab.errors import InvalidArgument
from argus_lab.measures.engines import asked, columns_of, lazily, returned
from argus_lab.measures.grouping import in_groups, in_memory, keys

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["A_DECADE", "distribution"]

A_DECADE = 12
"""Pieces from 1 to 10, from 10 to 100, and so on: each is 21 % longer than the one before."""
RESULT = ("low", "high", "count")
MOST_A_DECADE = 1000
_PIECE = "piece"


def distribution(
    spans: Any,
    *,
    by: str | Sequence[str] | None = None,
    column: str = "duration_ms",
    per_decade: int = A_DECADE,
) -> Any:
    """How many spans have a number of which size: what a histogram on a logarithmic axis shows.

    The pieces are the same for all groups and all frames: with twelve to a decade, one ends at 1, the next
    eleven end below 10, and so on. Pieces that hold nothing have no row. Numbers that are 0 or negative are
    in no piece of a logarithmic scale; they are counted in a row without bounds. Unknown numbers are not.

    Parameters
    ----------
    spans
        A frame of spans: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame. A lazy
        frame is summed up in its engine, at once.
    by
        A column or several: rows for each combination of their values, null among them.
    column
        The numbers: ``duration_ms``, ``time_to_first_token_ms``, ``input_tokens``, or a column of your own.
    per_decade
        Pieces from one power of ten to the next.

    Returns
    -------
    A frame of the same kind, sorted by ``by`` and ``low``:

    ``low``, ``high``
        Bounds of the piece, in the unit of the column: ``low`` is in it, ``high`` in the next one. Null for
        numbers that are 0 or negative.
    ``count``
        Spans whose number is in it.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.distribution import distribution
    >>> spans = al.open(tiny_lake).spans(project="customer-bot")
    >>> distribution(spans, per_decade=3).round()
         low    high  count
    0  100.0   215.0      4
    1  464.0  1000.0      2
    """
    if not 1 <= per_decade <= MOST_A_DECADE:
        raise InvalidArgument(f"per_decade={per_decade!r}: a number from 1 to {MOST_A_DECADE} is expected.")
    frame = asked(spans, (column,), by="distribution")
    groups = keys(by, columns_of(frame), (*RESULT, _PIECE))
    lazy = lazily(frame, list(dict.fromkeys([*groups, column])))
    kind = lazy.collect_schema()[column]
    if not kind.is_numeric():
        raise InvalidArgument(f"column={column!r} holds {kind}; distribution counts numbers.")
    number = nw.col(column).cast(nw.Float64())
    # Powers of ten are bounds: their logarithms, which engines take differently, are rounded to them.
    piece = (nw.when(number > 0).then(number).log(base=10) * per_decade).round(9).floor()
    lazy = lazy.filter(~nw.col(column).is_null()).with_columns(piece.cast(nw.Int64).alias(_PIECE))
    at, _ = in_groups(lazy, [*groups, _PIECE])
    counted = at.group_by(*groups, _PIECE).agg(nw.len().alias("count"))
    rows = in_memory(counted, [*groups, _PIECE], {"count": "int"})
    return returned(_bounded(rows, groups, per_decade), spans)


def _bounded(rows: pa.Table, groups: list[str], per_decade: int) -> pa.Table:
    piece = rows[_PIECE].cast(pa.float64()).to_numpy()
    ends = {"low": 10 ** (piece / per_decade), "high": 10 ** ((piece + 1) / per_decade)}
    columns: dict[str, Any] = {name: rows[name] for name in groups}
    columns |= {name: pa.array(np.asarray(end), pa.float64(), from_pandas=True) for name, end in ends.items()}
    return pa.table(columns | {"count": rows["count"]})
