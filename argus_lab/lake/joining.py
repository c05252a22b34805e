"""SQL that reads spans in the sessions that they belong to, by joins with small tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from argus_lab.lake.belonging import SESSION_COLUMNS
from argus_lab.lake.sessions import NEEDED, OPEN
from argus_lab.lake.sources import among, quoted, source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from argus_lab.lake.belonging import Belonging, Part
    from argus_lab.lake.few import Near
    from argus_lab.lake.snapshot import Picked

__all__ = ["joined", "resolved"]

FEW = 30
"""Traces that are named in a query: to join so few with a table takes longer to plan."""
MANY = 1_000_000
"""Fewer rows are looked up all together: to read them apart by what may move takes longer to plan."""


def resolved(
    picked: Picked,
    cursor: duckdb.DuckDBPyConnection,
    columns: Sequence[str] | None = None,
    *,
    is_lazy: bool = False,
) -> str:
    """SQL that reads these columns of the picked files, or every one, with the sessions that spans belong to.

    Files whose spans all belong where it is stored are read as they are. ``is_lazy``: maybe nobody asks for
    the sessions, who then pays for none.
    """
    belonging = picked.belonging
    # Of none it is still to be told how many rows there are.
    names = picked.table.names if columns is None else columns or picked.table.names[:1]
    read = names if columns is None else tuple(dict.fromkeys((*names, *NEEDED)))
    if picked.near is not None and picked.files:
        return _near(picked, picked.near, names, read, cursor)
    plain = [file for file in picked.files if file.path not in belonging.files]
    if len(plain) == len(picked.files):
        return source(picked.table, plain, names)
    off = [file for file in picked.files if file.path in belonging.files]
    rest = source(picked.table, off, read)
    parts = [source(picked.table, plain, names)] if plain else []
    asked = picked.filter.among.get("session_id")
    near = belonging.stored_for(asked) if asked is not None else None
    if near is not None:
        rest += f" WHERE session_id IN ({', '.join(map(quoted, near)) or 'NULL'})"
    elif belonging.stored_under is not None and sum(file.rows for file in off) >= MANY:
        # Few can move, so the others are not looked up, and stay as Parquet has them: dictionaries.
        parts.append(_chosen(names, {}, _under("ANTI", rest, belonging.stored_under, cursor)))
        alone, others = belonging.apart()
        if len(alone):
            parts.append(_own(names, rest, alone, cursor))
        rest = _under("SEMI", rest, others, cursor) if len(others) else ""
    if rest:
        put, joins = joined(belonging, cursor, is_lazy=is_lazy)
        parts.append(_chosen(names, put, rest, joins))
    return " UNION ALL ".join(parts)


def _chosen(names: Sequence[str], put: Mapping[str, str], rows: str, joins: str = "") -> str:
    """These columns of rows, some of them as they are ``put``."""
    columns = ", ".join(put.get(name, f'span."{name}"') for name in names)
    return f"SELECT {columns} FROM ({rows}) AS span {joins}"  # noqa: S608  paths are quoted, names are ours


def _own(names: Sequence[str], rows: str, traces: pa.Table, cursor: duckdb.DuckDBPyConnection) -> str:
    """The rows that are stored under the ids of these traces, in their sessions."""
    cursor.register("argus_sessions_own", traces)
    put = {name: f"own.{name}" for name in SESSION_COLUMNS}
    return _chosen(names, put, rows, "JOIN argus_sessions_own AS own ON span.session_id = own.trace_id")


def _near(
    picked: Picked, near: Near, names: Sequence[str], read: Sequence[str], cursor: duckdb.DuckDBPyConnection
) -> str:
    """The rows of traces that were looked up, in their sessions: all of those asked for are among them."""
    # Either finds them all, and both would have to unpack both columns.
    is_under = near.stored and len(near.stored) <= (len(near.traces) or len(near.stored))
    test = among("session_id", near.stored) if is_under else among("trace_id", near.traces)
    put = _spelled(picked.belonging)
    put, joins = joined(picked.belonging, cursor, is_lazy=False) if put is None else (put, "")
    return _chosen(names, put, f"{source(picked.table, picked.files, read)} WHERE {test}", joins)


def _spelled(belonging: Belonging) -> dict[str, str] | None:
    """What to select of sessions, if so few traces belong elsewhere that it can be said without a join."""
    traces, mended = belonging.traces, belonging.mended
    if len(traces) + len(mended) > FEW or len(belonging.spans) or (len(traces) and not belonging.is_alone):
        return None
    put = {}
    for name in SESSION_COLUMNS if belonging.files else ():
        known = []
        if len(mended):
            known.append(f"CASE WHEN {_OPEN} THEN {_cases('trace_id', mended, name)} END")
        if len(traces):
            known.append(_cases("session_id", traces, name))
        put[name] = f"coalesce({', '.join([*known, f'span.{name}'])}) AS {name}"
    return put


def _cases(key: str, rows: pa.Table, name: str) -> str:
    """The value of a column by the trace of this key, each spelled out."""
    told = zip(rows["trace_id"].to_pylist(), rows[name].to_pylist(), strict=True)
    cases = " ".join(f"WHEN {quoted(trace)} THEN {quoted(value)}" for trace, value in told)
    return f"CASE span.{key} {cases} END"


def _under(join: str, rows: str, sessions: pa.Array, cursor: duckdb.DuckDBPyConnection) -> str:
    """The rows that are (``SEMI``), or are not (``ANTI``), stored in these sessions."""
    name = f"argus_sessions_{join.lower()}"
    cursor.register(name, pa.table({"under": sessions}))
    return f"SELECT span.* FROM ({rows}) AS span {join} JOIN {name} ON span.session_id = under"  # noqa: S608


def joined(
    belonging: Belonging, cursor: duckdb.DuckDBPyConnection, *, is_lazy: bool
) -> tuple[dict[str, str], str]:
    """What to select of sessions, by column, and the joins of ``span`` with small tables it needs.

    The cursor knows the tables then. DuckDB leaves a join out where nothing of it is asked for, if it is with
    groups, of which there is one a key.
    """
    marks = belonging.marks
    # What is known of a trace by its own id goes before what is stored under another's.
    known, joins = list[str](), list[str]()
    if marks is not None:
        match = "span.session_id = marks.under"
        joins.append(_join("marks", marks, ("under",), match, cursor, is_lazy=is_lazy))
        known += [_TOLD] * bool(len(belonging.mended)) + [_OF_ALL if belonging.is_alone else _OF_TRACES]
    for part in belonging.parts():
        if marks is not None and part.name != "spans":
            continue  # these are among the marks
        match = _match(part, is_marked=marks is not None)
        joins.append(_join(part.name, part.rows, part.own, match, cursor, is_lazy=is_lazy))
        known.insert(0, f"{part.name}.{{column}}")
    first = f"coalesce({', '.join([*known, 'span.{column}'])}) AS {{column}}"
    return {name: first.format(column=name) for name in SESSION_COLUMNS}, " ".join(joins)


_OF_ALL = "marks.{column}"
_OF_TRACES = "CASE WHEN span.session_source = 'trace' THEN marks.{column} END"
_OPEN = f"span.session_source IN ({', '.join(map(quoted, OPEN))})"
_IS_TOLD = f"marks.told_session_id IS NOT NULL AND {_OPEN}"
_TOLD = f"CASE WHEN {_IS_TOLD} THEN marks.told_{{column}}[span.trace_id] END"


def _join(
    name: str,
    rows: pa.Table,
    own: Sequence[str],
    match: str,
    cursor: duckdb.DuckDBPyConnection,
    *,
    is_lazy: bool,
) -> str:
    """A join with these rows, of which there is one for what is their ``own``."""
    cursor.register(f"argus_sessions_{name}", rows)
    others = [column for column in rows.column_names if column not in {"trace_id", "span_id", *own}]
    put = [f"any_value({column}) AS {column}" for column in others] if is_lazy else others
    group = f"GROUP BY {', '.join(own)}" if is_lazy else ""
    chosen = f"SELECT {', '.join((*own, *put))} FROM argus_sessions_{name} {group}"  # noqa: S608  our names
    return f"LEFT JOIN ({chosen}) AS {name} ON {match}"


def _match(part: Part, *, is_marked: bool) -> str:
    """Which rows of ``span`` a row of the part is for."""
    first, *more = part.keys
    key = f"span.{first}"
    if not part.is_alone:
        # Rows that it is not for have no key, which costs less than to look for it.
        which = f"span.session_source IN ({', '.join(map(quoted, part.sources))})"
        key = f"CASE WHEN {'marks.is_told_by_span AND ' if is_marked else ''}{which} THEN {key} END"
    tests = [f"{key} = {part.name}.trace_id"]
    tests += [f"span.{key} = {part.name}.{own}" for key, own in zip(more, part.own[1:], strict=True)]
    return " AND ".join(tests)
