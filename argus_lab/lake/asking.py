"""A measure of a lake: the spans that are asked for go through it where they are, columns as it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from argus_lab.frames import pandas_of
from argus_lab.lake import frames, lookups, read, scan

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import Picked, Reader, Snapshot

__all__ = ["Measure", "measured", "measured_session"]

Measure = Callable[[Any], Any]
"""Spans in, a frame of the same kind out."""


def measured(reader: Reader, filter: Filter, measure: Measure, needed: Sequence[str]) -> pd.DataFrame:
    """What the measure says of the spans that the filter picks.

    DuckDB works it out from the files, without holding the spans in memory as far as the measure goes
    without that. Only with a condition of the caller's they are read first.
    """

    def act(snapshot: Snapshot) -> pd.DataFrame:
        # A measure knows no more than the spans picked; to which sessions these belong, the whole lake knows.
        picked = snapshot.pick(filter, sessions=read.asks_sessions(needed))
        rows = _answered(picked, measure, needed)
        found = pandas_of(rows)
        found.attrs["argus"] = frames.provenance(picked, list(needed), matched=len(rows), returned=len(rows))
        return found

    return read.on_newest(reader, act)


def _answered(picked: Picked, measure: Measure, needed: Sequence[str]) -> pa.Table:
    rows: pa.Table
    if picked.filter.where is not None:
        rows = measure(read.load(picked, needed, limit=None, order="stored")[0])
    else:
        rows = measure(scan.of_duckdb(picked).select(*needed)).to_arrow_table()
    return rows


def measured_session(
    reader: Reader, session_id: str, project: str | None, measure: Measure, needed: Sequence[str]
) -> pd.DataFrame:
    """What the measure says of one session; ``NotFound`` with those named most alike."""
    spans = lookups.session(reader, session_id, project, list(needed))
    found: pd.DataFrame = measure(spans)
    found.attrs["argus"] = spans.attrs["argus"]
    return found
