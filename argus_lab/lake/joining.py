"""SQL that reads spans in the sessions that they belong to, by joins with small tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from argus_lab.lake.belonging import SESSION_COLUMNS
from argus_lab.lake.sources import among, quoted, source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from argus_lab.lake.belonging import Part
    from argus_lab.lake.few import Near
    from argus_lab.lake.snapshot import Picked
    from argus_lab.schema import Table

__all__ = ["joined", "resolved"]


def resolved(picked: Picked, cursor: duckdb.DuckDBPyConnection, *, is_lazy: bool = False) -> str:
    """SQL that reads every column of the picked files, with the sessions that spans belong to.

    Files whose spans all belong where it is stored are read as they are. ``is_lazy``: maybe nobody asks for
    the sessions, who then pays for none.
    """
    belonging = picked.belonging
    if picked.near is not None and picked.files:
        return _near(picked, picked.near, cursor)
    plain = [file for file in picked.files if file.path not in belonging.files]
    if len(plain) == len(picked.files):
        return source(picked.table, plain)
    rest = source(picked.table, [file for file in picked.files if file.path in belonging.files])
    parts = [source(picked.table, plain)] if plain else []
    asked = picked.filter.among.get("session_id")
    near = belonging.stored_for(asked) if asked is not None else None
    if near is not None:
        rest += f" WHERE session_id IN ({', '.join(map(quoted, near)) or 'NULL'})"
    elif belonging.stored_under is not None:
        # Few can move, so the others are not looked up, and stay as Parquet has them: dictionaries.
        parts.append(_under("ANTI", rest, belonging.stored_under, cursor))
        alone, others = belonging.apart()
        if len(alone):
            parts.append(_own(picked.table, rest, alone, cursor))
        rest = _under("SEMI", rest, others, cursor) if len(others) else ""
    if rest:
        put, joins = joined(belonging.parts(), cursor, is_lazy=is_lazy)
        columns = ", ".join(put.get(name, f'span."{name}"') for name in picked.table.names)
        parts.append(f"SELECT {columns} FROM ({rest}) AS span {joins}")  # noqa: S608  paths are quoted, names are ours
    return " UNION ALL ".join(parts)


def _own(table: Table, rows: str, traces: pa.Table, cursor: duckdb.DuckDBPyConnection) -> str:
    """The rows that are stored under the ids of these traces, in their sessions."""
    cursor.register("argus_sessions_own", traces)
    put = {name: f"own.{name}" for name in SESSION_COLUMNS}
    columns = ", ".join(put.get(name, f'span."{name}"') for name in table.names)
    join = "JOIN argus_sessions_own AS own ON span.session_id = own.trace_id"
    return f"SELECT {columns} FROM ({rows}) AS span {join}"  # noqa: S608  paths are quoted, names are ours


def _near(picked: Picked, near: Near, cursor: duckdb.DuckDBPyConnection) -> str:
    """The rows of traces that were looked up, in their sessions: all of those asked for are among them."""
    # Either finds them all, and both would have to unpack both columns.
    is_under = near.stored and len(near.stored) <= (len(near.traces) or len(near.stored))
    test = among("session_id", near.stored) if is_under else among("trace_id", near.traces)
    rows = f"{source(picked.table, picked.files)} WHERE {test}"
    put, joins = joined(picked.belonging.parts(), cursor, is_lazy=False)
    columns = ", ".join(put.get(name, f'span."{name}"') for name in picked.table.names)
    return f"SELECT {columns} FROM ({rows}) AS span {joins}"  # noqa: S608  paths are quoted, names are ours


def _under(join: str, rows: str, sessions: pa.Array, cursor: duckdb.DuckDBPyConnection) -> str:
    """The rows that are (``SEMI``), or are not (``ANTI``), stored in these sessions."""
    name = f"argus_sessions_{join.lower()}"
    cursor.register(name, pa.table({"under": sessions}))
    return f"SELECT span.* FROM ({rows}) AS span {join} JOIN {name} ON span.session_id = under"  # noqa: S608


def joined(
    parts: Sequence[Part], cursor: duckdb.DuckDBPyConnection, *, is_lazy: bool
) -> tuple[dict[str, str], str]:
    """What to select of sessions, by column, and the joins of ``span`` with small tables it needs.

    The cursor knows the tables then. DuckDB leaves a join out where nothing of it is asked for, if it is with
    groups, of which there is one a key.
    """
    joins, sessions, sources = [], list[str](), list[str]()
    for part in parts:
        name = part.name
        cursor.register(f"argus_sessions_{name}", part.rows)
        put = ("any_value(session_id) AS session", "any_value(session_source) AS source")
        if not is_lazy:
            put = ("session_id AS session", "session_source AS source")
        group = f"GROUP BY {', '.join(part.own)}" if is_lazy else ""
        chosen = f"SELECT {', '.join((*part.own, *put))} FROM argus_sessions_{name} {group}"  # noqa: S608  our names
        joins.append(f"LEFT JOIN ({chosen}) AS {name} ON {_match(part)}")
        # What is known of a trace by its own id goes before what is stored under another's.
        sessions.insert(0, f"{name}.session")
        sources.insert(0, f"{name}.source")
    return {
        "session_id": f"coalesce({', '.join([*sessions, 'span.session_id'])}) AS session_id",
        "session_source": f"coalesce({', '.join([*sources, 'span.session_source'])}) AS session_source",
    }, " ".join(joins)


def _match(part: Part) -> str:
    """Which rows of ``span`` a row of the part is for."""
    first, *more = part.keys
    key = f"span.{first}"
    if not part.is_alone:
        # Rows that it is not for have no key, which costs less than to look for it.
        which = f"span.session_source IN ({', '.join(map(quoted, part.sources))})"
        key = f"CASE WHEN {which} THEN {key} END"
    tests = [f"{key} = {part.name}.trace_id"]
    tests += [f"span.{key} = {part.name}.{own}" for key, own in zip(more, part.own[1:], strict=True)]
    return " AND ".join(tests)
