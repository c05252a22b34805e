"""Which files of a table can hold rows of a filter, by what the log says of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_lab.lake.selection import Filter

__all__ = ["MANY", "possible"]

MANY = 64
"""More values than this are held against a file's smallest and largest value as one range."""

STATS_ROUNDING = timedelta(milliseconds=1)
"""Delta keeps the largest time of a file cut to milliseconds."""


def possible(adds: pa.Table, partition_by: Sequence[str], filter: Filter) -> pa.ChunkedArray:
    """Per file, whether rows of ``filter`` can be in it. Without statistics: they can."""
    tests = [pc.is_valid(adds["path"])]
    for column, values in filter.among.items():
        if column in partition_by:
            tests.append(pc.is_in(adds[f"partition.{column}"], pa.array(values, pa.string())))
        else:
            tests.extend(_between(adds, column, values))
    tests.extend(_in_window(adds, filter))
    verdict = tests[0]
    for test in tests[1:]:
        verdict = pc.and_(verdict, pc.fill_null(test, fill_value=True))
    return verdict


def _between(adds: pa.Table, column: str, values: tuple[str, ...]) -> list[Any]:
    low, high = f"min.{column}", f"max.{column}"
    if not values or not {low, high} <= set(adds.column_names):
        return []
    ranges = [(value, value) for value in values] if len(values) <= MANY else [(min(values), max(values))]
    # deltalake reads characters beyond the BMP wrongly where JSON escapes them: only ASCII is believed.
    found = pc.invert(pc.and_(pc.string_is_ascii(adds[low]), pc.string_is_ascii(adds[high])))
    for first, last in ranges:
        test = pc.and_kleene(pc.less_equal(adds[low], last), pc.greater_equal(adds[high], first))
        found = pc.or_kleene(found, test)
    return [found]


def _in_window(adds: pa.Table, filter: Filter) -> list[Any]:
    tests = []
    date, high, low = adds["partition.date"], f"max.{filter.time_column}", f"min.{filter.time_column}"
    if filter.since is not None:
        tests.append(pc.greater_equal(date, pa.scalar(filter.since.date(), pa.date32())))
        if high in adds.column_names:
            since = pa.scalar(filter.since - STATS_ROUNDING, adds[high].type)
            tests.append(pc.greater_equal(adds[high], since))
    if filter.until is not None:
        tests.append(pc.less_equal(date, pa.scalar(filter.until.date(), pa.date32())))
        if low in adds.column_names:
            tests.append(pc.less(adds[low], pa.scalar(filter.until, adds[low].type)))
    return tests
