"""Questions with one answer: a trace, a session, the projects, a query; and what comes near."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.errors import NotFound
from argus_lab.frames import narrowed, pandas_of
from argus_lab.lake import duck, frames, read, sessions
from argus_lab.lake.namings import all_named
from argus_lab.lake.parsing import parsed
from argus_lab.lake.selection import select, trace_key
from argus_lab.lake.wanted import sessions_wanted
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import Reader, Snapshot

__all__ = ["projects", "session", "sql", "trace"]

TRACE_DIGITS = 32
TRACE_ID = re.compile(r"[0-9a-f]{32}")
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
        found = _whole_trace(reader, select(SPANS, {"trace": key}), columns)
        if len(found):
            return found
    start = key if len(key) < TRACE_DIGITS else key[:ALIKE_DIGITS]
    near = _ids(reader, "trace_id", "starts_with(trace_id, $key)", {"key": start}, "trace_id")
    raise NotFound.of("trace", trace_id, near, _place(reader))


def session(reader: Reader, session_id: str, project: str | None, columns: read.Columns) -> pd.DataFrame:
    """All spans of a session, those that inherit it included; ``NotFound`` with those named most alike."""
    asked = select(SPANS, {"session": session_id, "project": project})
    found = _whole_session(reader, asked, columns)
    if len(found):
        return found
    alike = "jaro_winkler_similarity(session_id, $key)"
    near = _ids(reader, "session_id", f"{alike} > {ALIKE}", {"key": session_id}, f"{alike} DESC, session_id")
    raise NotFound.of("session", session_id, near, _place(reader))


def _whole_session(reader: Reader, asked: Filter, columns: read.Columns) -> pd.DataFrame:
    """The spans of a session, oldest first, wherever it is only inherited."""
    if reader.infer_sessions:
        return read.frame(reader, asked, columns, order="oldest")
    chosen = reader.table.choose(columns)
    (session_id,) = asked.among["session_id"]

    def act(snapshot: Snapshot) -> pd.DataFrame:
        # The traces of a session have spans that name it, or its name is a trace's id: others need no look.
        named = select(SPANS, {"session": session_id})
        traces = set(
            read.load(snapshot.stored(named), ["trace_id"], limit=None, order="stored")[0][
                "trace_id"
            ].to_pylist()
        )
        if TRACE_ID.fullmatch(session_id):
            traces.add(session_id)
        rows = _resolved(snapshot, select(SPANS, {"trace": sorted(traces)}), [*chosen, "project"])
        for column, values in asked.among.items():
            rows = rows.filter(pc.is_in(rows[column], pa.array(values, pa.string())))
        found = pandas_of(rows.select(chosen))
        told = frames.provenance(snapshot.stored(asked), chosen, matched=len(rows), returned=len(rows))
        found.attrs["argus"] = told
        return found

    return read.on_newest(reader, act)


def _whole_trace(reader: Reader, asked: Filter, columns: read.Columns) -> pd.DataFrame:
    """The spans of a trace, oldest first."""
    if reader.infer_sessions:
        return read.frame(reader, asked, columns, order="oldest")
    chosen = reader.table.choose(columns)

    def act(snapshot: Snapshot) -> pd.DataFrame:
        found = pandas_of(_resolved(snapshot, asked, chosen).select(chosen))
        found.attrs["argus"] = frames.provenance(
            snapshot.stored(asked), chosen, matched=len(found), returned=len(found)
        )
        return found

    return read.on_newest(reader, act)


def _resolved(snapshot: Snapshot, traces: Filter, columns: Sequence[str]) -> pa.Table:
    """The rows of whole traces, oldest first, in the sessions that follow from them."""
    needed = list(dict.fromkeys([*columns, *sessions.NEEDED]))
    return sessions.inherited(read.load(snapshot.stored(traces), needed, limit=None, order="oldest")[0])


def projects(snapshot: Snapshot, picks: Mapping[str, Any]) -> pd.DataFrame:
    """A row per project."""
    picked = snapshot.pick(select(SPANS, picks))
    rows = duck.rows(PROJECT_COLUMNS, picked, "GROUP BY project ORDER BY project")
    found = pandas_of(rows)
    found.attrs["argus"] = frames.provenance(picked, rows.column_names, matched=len(rows), returned=len(rows))
    return found


def sql(
    readers: tuple[Reader, Reader], query: str, params: Sequence[Any] | Mapping[str, Any] | None
) -> pd.DataFrame:
    """The result of the caller's query over both tables."""
    spans, refused = readers

    def act(snapshot: Snapshot) -> pd.DataFrame:
        views = {
            taken.table.name: taken.pick(select(taken.table, {})) for taken in (snapshot, refused.snapshot())
        }
        tree = parsed(duck.connection(), query)
        is_doubtful = not all(all_named(file.path) for file in views["spans"].files)
        if is_doubtful and duck.asks_sessions(query, params, views, tree):
            wanted = sessions_wanted(tree, params)
            views["spans"] = snapshot.pick(select(SPANS, {"session": wanted}), sessions=True)
        rows = narrowed(duck.answer(query, params, views, tree))
        found = pandas_of(rows)
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
