"""New spans as they come: the Delta log followed, commit by commit.

A commit names the files it adds, so each new span is seen once, however late it started, however many
commits came at once, and whatever compaction did since. Files that were merged are read as long as they
are on disk. Where they were vacuumed in between, because a tail slept for longer than ``vacuum_after`` (7
days), what is new is told apart by what was given before and by when spans were received.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

import duckdb
import pyarrow as pa

from argus_lab.errors import InvalidArgument, LakeUnavailable
from argus_lab.frames import pandas_of
from argus_lab.lake import frames, read
from argus_lab.lake.commits import appended
from argus_lab.lake.recent import Keys, RecentIds, keys_of
from argus_lab.lake.snapshot import Picked

if TYPE_CHECKING:
    import pandas as pd

    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import DataFile, Reader, Snapshot

__all__ = ["Tail"]

KEY = ("project", "trace_id", "span_id")
ROWS_AT_ONCE = 200_000
"""A frame ends with the file that makes it this long, so that catching up takes little memory."""

REMEMBERED = 1_000_000
"""Ids of spans that were given (32 bytes each), so that none is given twice."""

NEWEST = "max.received_at"
"""Where a snapshot says when the newest span of a file was received."""

BEHIND = timedelta(minutes=1)
"""How long after its receipt a span may be committed; asked only where vacuum took the files."""

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found: rows that are new, and where the tail stands once they are taken."""

    rows: pd.DataFrame
    keys: Keys
    version: int
    files: tuple[DataFile, ...]
    paths: frozenset[str]
    at: datetime


class Tail:
    """Frames of new spans, for ``for`` and for ``async for``. Made by :meth:`argus_lab.Lake.tail`.

    An interrupt (Ctrl-C, Jupyter's stop button) or a cancelled task ends the loop and loses nothing: the
    same tail, asked again, goes on where it was.
    """

    def __init__(
        self, reader: Reader, filter: Filter, columns: list[str], *, every: float, timeout: float | None
    ) -> None:
        _check("every", every)
        if timeout is not None:
            _check("timeout", timeout)
        self._reader, self._filter, self._columns = reader, filter, columns
        self._every, self._timeout = every, timeout
        self._closed = threading.Event()
        self._known = RecentIds(FOREVER, REMEMBERED)
        self._begin()

    def _begin(self) -> None:
        snapshot = self._reader.snapshot()
        self._version = snapshot.version or 0
        self._paths = frozenset(snapshot.paths())
        self._at = datetime.now(UTC)
        # With since= everything that matches is wanted, else what comes after now.
        self._files = snapshot.pick(self._filter).files if self._filter.since else ()
        if not self._filter.since:
            self._known.add(_keys(_rows(_received(snapshot, self._filter, self._at), ())), time.time())

    def __repr__(self) -> str:
        state = "closed" if self._closed.is_set() else f"at version {self._version}"
        return f"<Tail of {self._reader.lake}: {state}>"

    def close(self) -> None:
        """End the loop that waits for this tail, from wherever it is called."""
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self

    def __next__(self) -> pd.DataFrame:
        end = self._deadline()
        while not self._closed.is_set():
            found = self._look()
            if found is not None:
                self._take(found)
                if len(found.rows):
                    return found.rows
            elif time.monotonic() >= end:
                break
            else:
                self._closed.wait(self._every)
        raise StopIteration

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> pd.DataFrame:
        end = self._deadline()
        while not self._closed.is_set():
            # A look changes nothing, so that one which a cancelled task leaves behind takes nothing away.
            found = await asyncio.to_thread(self._look)
            if found is not None:
                self._take(found)
                if len(found.rows):
                    return found.rows
            elif time.monotonic() >= end:
                break
            else:
                await asyncio.sleep(self._every)
        raise StopAsyncIteration

    def _deadline(self) -> float:
        return FOREVER if self._timeout is None else time.monotonic() + self._timeout

    def _take(self, found: Found) -> None:
        self._known.add(found.keys, time.time())
        self._version, self._files = found.version, found.files
        self._paths, self._at = found.paths, found.at

    def _look(self) -> Found | None:
        """What is new since the last look; None: nothing was committed."""
        at = datetime.now(UTC)
        snapshot = self._reader.snapshot()
        version = snapshot.version or 0
        if version == self._version and not self._files:
            return None
        if version < self._version:  # another lake took this one's place: all of it is new
            return self._found(snapshot, snapshot.pick(self._filter).files, (), version, at)
        try:
            if self._files:
                files, rest = _some(self._files)
                return self._found(snapshot, files, rest, self._version, at)
            files, upto = self._appended(snapshot)
            return self._found(snapshot, files, (), upto, at)
        except FileNotFoundError:
            return self._missed(snapshot, at)

    def _appended(self, snapshot: Snapshot) -> tuple[tuple[DataFile, ...], int]:
        """Files of the next commits, and the version that they reach up to."""
        files: list[DataFile] = []
        version = self._version
        while version < (snapshot.version or 0) and sum(file.rows for file in files) < ROWS_AT_ONCE:
            version += 1
            files += appended(snapshot, version)
        return tuple(files), version

    def _found(
        self,
        snapshot: Snapshot,
        files: tuple[DataFile, ...],
        rest: tuple[DataFile, ...],
        version: int,
        at: datetime,
    ) -> Found:
        seen = snapshot if version == snapshot.version else replace(snapshot, version=version, as_of=None)
        return self._told(Picked(seen, self._filter, files), rest, at)

    def _missed(self, snapshot: Snapshot, at: datetime) -> Found:
        """What is new by its id and receipt, because files or log of the commits are gone."""
        if self._filter.since:
            return self._told(snapshot.pick(self._filter), (), at)
        picked = _received(snapshot, self._filter, self._at)
        unseen = tuple(file for file in picked.files if file.path not in self._paths)
        return self._told(replace(picked, files=unseen), (), at)

    def _told(self, picked: Picked, rest: tuple[DataFile, ...], at: datetime) -> Found:
        rows = _rows(picked, self._columns)
        keys = _keys(rows)
        fresh = self._known.fresh(keys)
        frame = pandas_of(rows.filter(pa.array(fresh)).select(self._columns))
        count = len(frame)
        frame.attrs["argus"] = frames.provenance(picked, self._columns, matched=count, returned=count)
        version = picked.snapshot.version or 0
        return Found(frame, keys[fresh], version, rest, frozenset(picked.snapshot.paths()), at)


def _rows(picked: Picked, columns: Sequence[str]) -> pa.Table:
    """The picked rows with these columns and their keys, oldest first, in the sessions that follow by now.

    Raises
    ------
    FileNotFoundError
        Files were vacuumed.
    """
    names = list(dict.fromkeys([*columns, *KEY]))
    snapshot, filter = picked.snapshot, picked.filter
    try:
        resolved = snapshot.of_files(filter, picked.files, sessions=read.asks_sessions(columns))
        return read.load(resolved, names, limit=None, order="oldest")[0]
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        gone = [file.path for file in picked.files if not Path(file.path).exists()]
        if gone:
            raise FileNotFoundError(gone[0]) from error
        raise LakeUnavailable(f"{picked.snapshot.root} cannot be read: {error}") from error


def _received(snapshot: Snapshot, filter: Filter, moment: datetime) -> Picked:
    """What was received since a minute before ``moment``, in the files that can hold such spans."""
    since = moment - BEHIND
    files = snapshot.pick(filter).files
    if snapshot.adds is not None and NEWEST in snapshot.adds.column_names:
        newest = dict(zip(snapshot.paths(), snapshot.adds[NEWEST].to_pylist(), strict=True))
        files = tuple(file for file in files if (last := newest[file.path]) is None or last >= since)
    return Picked(snapshot, replace(filter, time_column="received_at", since=since), files)


def _some(files: tuple[DataFile, ...]) -> tuple[tuple[DataFile, ...], tuple[DataFile, ...]]:
    """The first files, up to the rows of one frame, and the rest."""
    rows = 0
    for place, file in enumerate(files, start=1):
        rows += file.rows
        if rows >= ROWS_AT_ONCE:
            return files[:place], files[place:]
    return files, ()


def _keys(rows: pa.Table) -> Keys:
    texts: Iterable[list[str]] = (rows[name].to_pylist() for name in KEY)
    return keys_of(*texts)


def _check(name: str, seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise InvalidArgument(f"{name}={seconds!r}: a positive number of seconds is expected.")
