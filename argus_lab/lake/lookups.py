"""Questions with one answer: a trace, a session, the projects, a query; and what comes near."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.errors import NotFound
from argus_lab.lake import duck, frames, read
from argus_lab.lake.selection import select, trace_key
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from argus_lab.lake.snapshot import Reader, Snapshot

__all__ = ["projects", "session", "sql", "trace"]

TRACE_DIGITS = 32
ALIKE_DIGITS = 6
"""Traces whose ids share this many leading digits are named when one is not found."""

NEAR = 3
ALIKE = 0.8

PROJECT_COLUMNS = (
    "project, list_sort(list(DISTINCT service)) AS services, count(DISTINCT trace_id) AS traces, "
    "count(*) AS spans, min(start_time) AS first_start, max(start_time) AS last_start"
)


def trace(reader: Reader, trace_id: str, columns: read.Columns) -> pd.DataFrame:
    """All spans of a trace; ``NotFound`` with traces whose ids start alike."""
    key = trace_key(trace_id)
    if len(key) == TRACE_DIGITS:
        found = read.frame(reader, select(SPANS, {"trace": key}), columns, order="oldest")
        if len(found):
            return found
    start = key if len(key) < TRACE_DIGITS else key[:ALIKE_DIGITS]
    near = _ids(reader, "trace_id", "starts_with(trace_id, $key)", {"key": start}, "trace_id")
    raise NotFound.of("trace", trace_id, near, _place(reader))


def session(reader: Reader, session_id: str, project: str | None, columns: read.Columns) -> pd.DataFrame:
    """All spans of a session; ``NotFound`` with the sessions named most alike."""
    picks = {"session": session_id, "project": project}
    found = read.frame(reader, select(SPANS, picks), columns, order="oldest")
    if len(found):
        return found
    alike = "jaro_winkler_similarity(session_id, $key)"
    near = _ids(reader, "session_id", f"{alike} > {ALIKE}", {"key": session_id}, f"{alike} DESC, session_id")
    raise NotFound.of("session", session_id, near, _place(reader))


def projects(snapshot: Snapshot, picks: Mapping[str, Any]) -> pd.DataFrame:
    """A row per project."""
    picked = snapshot.pick(select(SPANS, picks))
    rows = duck.rows(PROJECT_COLUMNS, picked, "GROUP BY project ORDER BY project")
    found = frames.pandas_of(rows)
    found.attrs["argus"] = frames.provenance(picked, rows.column_names, matched=len(rows), returned=len(rows))
    return found


def sql(
    readers: tuple[Reader, Reader], query: str, params: Sequence[Any] | Mapping[str, Any] | None
) -> pd.DataFrame:
    """The result of the caller's query over both tables."""
    spans, refused = readers

    def act(snapshot: Snapshot) -> pd.DataFrame:
        views = {
            taken.table.name: duck.source(taken.table, taken.pick(select(taken.table, {})).files)
            for taken in (snapshot, refused.snapshot())
        }
        rows = frames.narrowed(duck.answer(query, params, views))
        found = frames.pandas_of(rows)
        found.attrs["argus"] = frames.answered(snapshot, query, params, rows)
        return found

    return read.on_newest(spans, act)


def _ids(reader: Reader, column: str, where: str, params: dict[str, str], order: str) -> list[str]:
    filter = select(SPANS, {"where": where, "params": params})
    tail = f"GROUP BY {column} ORDER BY {order} LIMIT {NEAR}"
    rows = read.on_newest(reader, lambda snapshot: duck.rows(column, snapshot.pick(filter), tail))
    return [str(value) for value in rows[column].to_pylist()]


def _place(reader: Reader) -> str:
    last = reader.last
    return f"{reader.lake} (version {last.version}, {last.rows:,} spans)"
