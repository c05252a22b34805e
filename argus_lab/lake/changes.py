"""What changed between two versions of a lake, for those who keep something that was worked out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from argus_lab.errors import LakeUnavailable
from argus_lab.lake import duck
from argus_lab.lake.commits import appended, rewrites

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from argus_lab.lake.snapshot import DataFile, Picked, Snapshot

__all__ = ["added_since", "relation_of", "traces_in"]


def added_since(snapshot: Snapshot, version: int, rows: int) -> tuple[DataFile, ...] | None:
    """The files of spans that came after that version, of so many rows; ``None`` if those changed too.

    Merging files changes nothing. Retention, renormalising and another lake in this one's place do, and so
    may what the log does not tell any more.
    """
    if snapshot.version is None or snapshot.version < version:
        return None
    files: list[DataFile] = []
    try:
        for each in range(version + 1, snapshot.version + 1):
            if rewrites(snapshot, each):
                return None
            files += appended(snapshot, each)
    except FileNotFoundError:
        return None
    is_all = snapshot.rows == rows + sum(file.rows for file in files)
    return tuple(files) if is_all else None


def traces_in(snapshot: Snapshot, files: Sequence[DataFile]) -> pa.Array:
    """The ids of the traces of which these files hold spans.

    Raises
    ------
    LakeUnavailable
        A file cannot be read: it may have been merged and deleted meanwhile.
    """
    query = f"SELECT DISTINCT trace_id FROM ({duck.source(snapshot.table, files)})"  # noqa: S608  our own text
    try:
        found: pa.Table = duck.connection().sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise LakeUnavailable(f"{snapshot.root} cannot be read: {error}") from error
    return found["trace_id"].combine_chunks()


def relation_of(picked: Picked, cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """The picked spans with every column, in their sessions, in the caller's own database."""
    relation = cursor.sql(duck.resolved(picked, cursor))
    for test in duck.conditions(picked.filter):
        relation = relation.filter(test)
    return relation
