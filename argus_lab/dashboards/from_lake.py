"""What the tables of a digest do not hold, read from the lake: the spans of one session, or one span."""
# ruff: noqa: S608  texts are made of names of this module

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.lake import read
from argus_lab.lake.selection import select
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pyarrow as pa

    from argus_lab.lake.snapshot import Reader

__all__ = ["TIMES", "session_rows", "span"]

TIMES = """
    min(start_time) AS since, max(start_time) + INTERVAL 1 MICROSECOND AS until,
    coalesce(bool_and(start_time IS NOT NULL), false) AS timed
"""
"""From when to when spans are, and whether that is known of all of them: then others need no look."""
WINDOW = f"SELECT list(DISTINCT trace_id) AS trace, {TIMES} FROM spans WHERE session = $session"
"""Where a session's spans are."""


def session_rows(
    reader: Reader, cursor: duckdb.DuckDBPyConnection, row: Mapping[str, Any], columns: read.Columns
) -> pa.Table:
    """The spans of a session of the digest's table, oldest first."""
    names = SPANS.choose(columns)
    found = _in_window(reader, cursor, row, names)
    # All of the session's spans are among them. Where there are no others, which session each belongs to
    # needs no look at other files; else others share its traces, or the lake has gone on since.
    if len(found) != row["spans"] or found["session_id"].unique().to_pylist() != [row["session_id"]]:
        of = select(SPANS, {"session": row["session_id"], "project": row["project"]})
        found = read.rows(reader, of, names, order="oldest")
    return found.select(names)


def _in_window(
    reader: Reader, cursor: duckdb.DuckDBPyConnection, row: Mapping[str, Any], names: list[str]
) -> pa.Table:
    """The spans of a session's traces from its first start to its last, with these columns and its id."""
    found = cursor.sql(WINDOW, params={"session": row["session"]}).to_arrow_table().to_pylist()[0]
    picks: dict[str, Any] = {"trace": found["trace"] or [], "project": row["project"]}
    if found["timed"]:  # then files of other days are not looked into
        picks |= {"since": found["since"], "until": found["until"]}
    columns = list(dict.fromkeys((*names, "session_id")))
    return read.whole_traces(reader, select(SPANS, picks), columns, order="oldest")


def span(reader: Reader, trace_id: str, span_id: str) -> dict[str, Any] | None:
    """Every column of one span."""
    test = {"trace": trace_id, "where": "span_id = $span", "params": {"span": span_id}}
    found: list[dict[str, Any]] = read.rows(reader, select(SPANS, test), "all", limit=1).to_pylist()
    return found[0] if found else None
