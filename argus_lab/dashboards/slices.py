"""The spans of a lake in slices that can be measured each by itself, those of the newest days first.

What is measured are traces and sessions as wholes. Nearly all of them lie in one file or in files of one day;
those that do not are found first and put into slices of their own. So memory is bounded by a slice, however
large the lake is, and what has been read can be shown while the rest is.
"""
# ruff: noqa: S608  texts are made of names of this module and of numbers

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from argus_lab.lake import read
from argus_lab.lake.changes import relation_of
from argus_lab.lake.selection import select
from argus_lab.measures.engines import queried
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import duckdb

    from argus_lab.lake.snapshot import DataFile, Picked, Snapshot

    Files = tuple[DataFile, ...]

__all__ = ["ROWS", "Slice", "lately", "newest", "slices"]

ROWS = 1_000_000
"""Spans of a slice, about: it ends with the file, or the session, that makes it so large."""
FIRST_ROWS = 10_000
"""Of a lake of many more spans the newest, about so many, are shown while the rest is read."""
FEW = 1_000
"""So many traces are looked up in the files by their ids."""


@dataclass(frozen=True)
class Slice:
    """Some traces as wholes, with all others of their sessions.

    ``since`` is when the newest days begin of which all spans are in this slice or in an earlier one;
    ``None`` before the first such day. ``traces`` are hashes of ids: those that the slice is of
    (``is_apart``), or that are left out. ``rows`` are the spans, where there are few.
    """

    picked: Picked
    since: datetime | None = None
    traces: pa.Table | None = None
    is_apart: bool = False
    rows: pa.Table | None = None

    @classmethod
    def held(cls, picked: Picked, columns: Sequence[str]) -> Slice:
        """A small one, whose rows are read now: that takes less time than planning for files."""
        return cls(picked, rows=read.load(picked, list(columns), limit=None, order="stored")[0])

    def relation(self, cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """The spans with every column, in the caller's own database, read from the files."""
        spans = relation_of(self.picked, cursor)
        if self.traces is None:
            return spans
        cursor.register("argus_apart", self.traces)
        join = "SEMI" if self.is_apart else "ANTI"
        test = "hash(frame.trace_id) = argus_apart.trace"
        found: duckdb.DuckDBPyRelation = queried(spans, f"FROM frame {join} JOIN argus_apart ON {test}")
        return found


def slices(
    cursor: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    columns: Sequence[str],
    rows: int = ROWS,
    pause: Callable[[], object] = lambda: None,
) -> Iterator[Slice]:
    """All spans of a snapshot, each in one slice, with these columns at least.

    ``pause`` is called now and then.
    """
    picked = snapshot.whole(select(SPANS, {}))
    groups = _groups(picked.files, rows)
    if len(groups) < 2:  # noqa: PLR2004  nothing lies in two
        yield Slice(picked)
        return
    _look(cursor, picked, groups, pause)
    apart = cursor.sql("SELECT DISTINCT trace FROM argus_linked").to_arrow_table()
    yield from _linked(cursor, picked, groups, columns, rows)
    cursor.execute("DROP TABLE argus_linked")
    days = [{_day(file) for file in group} for group in groups]
    for place, group in enumerate(groups):
        rest = set().union(*days[place + 1 :])
        whole = [day for day in set().union(*days[: place + 1]) if not rest or day > max(rest)]
        since = datetime.combine(min(whole), time(), UTC) if whole else None
        yield Slice(replace(picked, files=group), since, apart if len(apart) else None)


def lately(snapshot: Snapshot) -> datetime | None:
    """Since when there are about as many spans as a first look needs; ``None`` if that is nearly all."""
    if snapshot.adds is None or snapshot.rows < 2 * FIRST_ROWS:
        return None
    names = ("partition.date", "num_records", "min.start_time", "max.start_time")
    if not set(names) <= set(snapshot.adds.column_names):
        return None  # another writer left the log without them
    files: dict[date, list[tuple[int, datetime, datetime]]] = {}
    for day, count, low, high in zip(*(snapshot.adds[name].to_pylist() for name in names), strict=True):
        if day is not None and low is not None and high is not None:
            files.setdefault(day, []).append((count, low, high))
    wanted = FIRST_ROWS
    for day in sorted(files, reverse=True):
        rows = sum(count for count, _, _ in files[day])
        low, high = min(each[1] for each in files[day]), max(each[2] for each in files[day])
        if rows >= wanted:  # as if they came evenly through the day
            return high.astimezone(UTC) - (high - low) * (wanted / rows)
        wanted -= rows
    return None


def newest(snapshot: Snapshot, since: datetime, columns: Sequence[str]) -> Iterator[Slice]:
    """The spans since then, in one slice."""
    yield Slice.held(snapshot.whole(select(SPANS, {"since": since})), columns)


def _groups(files: Files, rows: int) -> list[Files]:
    """The files, the newest days first, in groups of about so many spans."""
    groups: list[list[DataFile]] = [[]]
    held = 0
    for file in sorted(files, key=_day, reverse=True):
        if held and held + file.rows > rows:
            groups.append([])
            held = 0
        groups[-1].append(file)
        held += file.rows
    return [tuple(group) for group in groups]


def _day(file: DataFile) -> date:
    return file.partition["date"] or date.min


def _look(
    cursor: duckdb.DuckDBPyConnection, picked: Picked, groups: Sequence[Files], pause: Callable[[], object]
) -> None:
    """Make the table of traces and sessions that are in several groups, and of those linked with them."""
    columns = "part INTEGER, session UBIGINT, trace UBIGINT, spans BIGINT"
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE argus_seen ({columns})")
    made = "hash(project, coalesce(session_id, trace_id)) AS session, hash(trace_id) AS trace"
    for part, group in enumerate(groups):
        pause()
        own = cursor.cursor()
        spans = relation_of(replace(picked, files=group), own)
        found = queried(spans, f"SELECT {made}, count(*) AS spans FROM frame GROUP BY ALL")
        cursor.register("argus_found", found.to_arrow_table())
        cursor.execute(f"INSERT INTO argus_seen SELECT {part}, * FROM argus_found").fetchall()
        cursor.unregister("argus_found")
        own.close()
    cursor.execute(_LINKED)
    while cursor.execute(_FURTHER).fetchall()[0][0]:
        pass
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE argus_linked AS FROM argus_seen SEMI JOIN argus_several USING (session)"
    )
    cursor.execute("DROP TABLE argus_seen; DROP TABLE argus_several")


def _linked(
    cursor: duckdb.DuckDBPyConnection,
    picked: Picked,
    groups: Sequence[Files],
    columns: Sequence[str],
    rows: int,
) -> Iterator[Slice]:
    """The slices of what lies in several groups: sessions that share a trace are in the same one."""
    links = cursor.sql("FROM argus_linked").to_arrow_table()
    if not len(links):
        return
    group, spans = links["part"].to_numpy(), links["spans"].to_numpy()
    knot = _knots(links["session"].to_numpy(), links["trace"].to_numpy())
    sizes = np.bincount(knot, weights=spans)
    bucket = ((np.cumsum(sizes) - sizes) // rows).astype(np.int64)[knot]
    for number in np.unique(bucket):
        chosen = bucket == number
        files = tuple(file for place in np.unique(group[chosen]) for file in groups[place])
        traces = pa.table({"trace": np.unique(links["trace"].to_numpy()[chosen])})
        part = Slice(replace(picked, files=files), None, traces, is_apart=True)
        yield _by_name(part, cursor, columns) if len(traces) <= FEW else part


def _by_name(part: Slice, cursor: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> Slice:
    """The same slice by ids of traces: files are read where they may hold one, and not from end to end."""
    own = cursor.cursor()
    ids = part.relation(own).select("trace_id").distinct().to_arrow_table()["trace_id"].to_pylist()
    own.close()
    picked = part.picked.snapshot.whole(select(SPANS, {"trace": ids}))
    return Slice.held(picked, columns)


def _knots(sessions: np.ndarray, traces: np.ndarray) -> np.ndarray:
    """A number for each row, the same for rows that a chain of sessions and traces holds together.

    Examples
    --------
    >>> _knots(np.array([7, 7, 8, 9]), np.array([1, 2, 2, 3])).tolist()
    [0, 0, 0, 1]
    """
    session, trace = (np.unique(ids, return_inverse=True)[1] for ids in (sessions, traces))
    knot = session.astype(np.int64)
    while True:
        before = knot
        for at in (trace, session):
            least = np.full(int(at.max(initial=-1)) + 1, len(knot))
            np.minimum.at(least, at, knot)
            knot = least[at]
        if (knot == before).all():
            return np.unique(knot, return_inverse=True)[1]


_LINKED = """
CREATE OR REPLACE TEMP TABLE argus_several AS
SELECT session FROM argus_seen GROUP BY session HAVING count(DISTINCT part) > 1
UNION
SELECT session FROM argus_seen SEMI JOIN (
    SELECT trace FROM argus_seen GROUP BY trace HAVING count(DISTINCT part) > 1
) USING (trace)
"""
_FURTHER = """
INSERT INTO argus_several
SELECT DISTINCT session FROM argus_seen
SEMI JOIN (SELECT trace FROM argus_seen SEMI JOIN argus_several USING (session)) USING (trace)
ANTI JOIN argus_several USING (session)
"""
