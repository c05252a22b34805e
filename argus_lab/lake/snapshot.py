"""A pinned version of one Delta table: its files, and which of them a filter can need.

Reading works on a snapshot, so that writers may append and compact meanwhile: the files of a
snapshot stay on disk until ``vacuum`` (setting ``vacuum_after``).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from argus_lab.errors import LakeNotFound, NotFound
from argus_lab.lake import duck
from argus_lab.lake.belonging import NOTHING, Belonging
from argus_lab.lake.few import Near, gathered, moved
from argus_lab.lake.knowing import Knowing, remember, together
from argus_lab.lake.past import committed_at, travel
from argus_lab.lake.pruning import MANY, possible
from argus_lab.lake.resolving import belonging_of_rows
from argus_lab.lake.sessions import NEEDED
from argus_lab.lake.sources import DataFile
from argus_lab.lake.table import check_stamp, open_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deltalake import DeltaTable

    from argus_lab.lake.selection import Filter
    from argus_lab.lake.settled import Settled
    from argus_lab.schema import Table

__all__ = ["DataFile", "Picked", "Reader", "Snapshot", "absent", "snapshot_of"]


@dataclass(frozen=True)
class Snapshot:
    """A table as one commit left it. ``adds`` has a row per file; an absent table has none.

    ``before``: what its reader found out of sessions at another version.
    """

    lake: str
    table: Table
    root: str
    version: int | None
    as_of: datetime | None
    adds: pa.Table | None
    infer_sessions: bool = False
    before: Settled | None = None
    _belongings: dict[tuple[str, ...], Belonging] = field(default_factory=dict, repr=False, compare=False)
    _nears: dict[tuple[str, ...], Near | None] = field(default_factory=dict, repr=False, compare=False)
    _arounds: dict[tuple[str, ...], Belonging | None] = field(default_factory=dict, repr=False, compare=False)

    def pick(self, filter: Filter, *, sessions: bool = False) -> Picked:
        """The files that can hold rows of ``filter``, by date, project, then age.

        With ``sessions``, or where the filter asks for sessions, it is also known to which ones their spans
        belong; otherwise nothing is read.
        """
        files = self._files(filter)
        if not (sessions or filter.asks_sessions) or "session_id" not in self.table.names:
            return Picked(self, filter, files)
        others = {name: values for name, values in filter.among.items() if name != "session_id"}
        whole = self._files(replace(filter, among=others)) if len(others) < len(filter.among) else files
        if not whole or self._leaves(filter.among.get("session_id", ())):
            return Picked(self, filter, files)
        near = self._near(filter)
        if near is not None:
            held = tuple(file for file in whole if file.path in near.files)
            return Picked(self, filter, held, near.belonging, near)
        found = self._belonging(filter, whole)
        kept = found.files | {file.path for file in files}
        return Picked(self, filter, tuple(file for file in whole if file.path in kept), found)

    def whole(self, filter: Filter) -> Picked:
        """The same with every column, the sessions among them."""
        return self.pick(filter, sessions=True)

    def of_files(self, filter: Filter, files: tuple[DataFile, ...], *, sessions: bool = False) -> Picked:
        """The same for files that are known already, as those of a commit are, merged since or not."""
        is_asked = (sessions or filter.asks_sessions) and "session_id" in self.table.names and bool(files)
        return Picked(self, filter, files, self._belonging(filter, files) if is_asked else NOTHING)

    def stored(self, filter: Filter) -> Picked:
        """The same for sessions as they are stored."""
        return Picked(self, filter, self._files(filter))

    def _files(self, filter: Filter) -> tuple[DataFile, ...]:
        if self.adds is None:
            return ()
        return tuple(compress(self.every, possible(self.adds, self.table.partition_by, filter).to_pylist()))

    @cached_property
    def every(self) -> tuple[DataFile, ...]:
        """All files."""
        if self.adds is None:
            return ()
        return tuple(self._file(row) for row in self.adds.select(self._identity).to_pylist())

    @cached_property
    def knowing(self) -> Knowing:
        """What is known of where spans belong."""
        given = (self.table, self.root, self.every, self.infer_sessions, self.before)
        return Knowing(*given, self._belongings)

    def _leaves(self, sessions: Sequence[str]) -> bool:
        """Whether it is known that these sessions, or all, have the spans that are stored there."""
        whole = self.knowing.whole
        if whole is None or not whole.files:
            return whole is not None
        return bool(sessions) and self._around(whole, tuple(sessions)) is NOTHING

    def _around(self, whole: Belonging, sessions: tuple[str, ...]) -> Belonging | None:
        """What is known of these sessions, of which it may be asked again."""
        try:
            return self._arounds[sessions]
        except KeyError:  # never asked, or let go for another thread's
            found = whole.around(sessions)
            remember(self._arounds, sessions, found)
            return found

    def _near(self, filter: Filter) -> Near | None:
        """Where the spans of a filter's sessions are, if these are few; None if all are to be looked at."""
        sessions = filter.among.get("session_id", ())
        if self.infer_sessions or "trace_id" in filter.among or not 0 < len(sessions) <= MANY:
            return None

        def holding(column: str, values: Sequence[str]) -> tuple[DataFile, ...]:
            among = {column: tuple(values)}
            return self._files(replace(filter, among=among, since=None, until=None))

        if sessions not in self._nears:
            whole = self.knowing.whole
            part = None if whole is None else self._around(whole, sessions)
            near = None if part is None else moved(sessions, part, holding, self.knowing.holdings)
            remember(self._nears, sessions, near or gathered(sessions, holding, self.knowing.doubt))
        return self._nears[sessions]

    def _belonging(self, filter: Filter, files: tuple[DataFile, ...]) -> Belonging:
        """Where spans of these files belong; of few traces by their spans, else by what all files name."""
        traces = filter.among.get("trace_id", ())
        if 0 < len(traces) <= MANY and not self.infer_sessions:
            near = self._files(replace(filter, among={"trace_id": traces}, since=None, until=None))
            whole = together(near, files)
            rows = duck.whole_traces(self.table, whole, pa.array(traces, pa.string()), NEEDED)
            return belonging_of_rows(rows, files)
        return self.knowing.belonging(files)

    def partition_values(self, column: str) -> list[str]:
        """The values that a partition column has in this snapshot."""
        if self.adds is None:
            return []
        return sorted(pc.unique(self.adds[f"partition.{column}"]).to_pylist())

    def paths(self) -> list[str]:
        """Every file of the snapshot."""
        return [] if self.adds is None else [self._path(path) for path in self.adds["path"].to_pylist()]

    @property
    def rows(self) -> int:
        """How many rows there are, as the log counts them."""
        return 0 if self.adds is None else int(pc.sum(self.adds["num_records"]).as_py() or 0)

    @cached_property
    def _identity(self) -> list[str]:
        return ["path", "num_records", *(f"partition.{name}" for name in self.table.partition_by)]

    def _file(self, row: Mapping[str, Any]) -> DataFile:
        values = {name: row[f"partition.{name}"] for name in self.table.partition_by}
        return DataFile(self._path(row["path"]), row["num_records"] or 0, values)

    def _path(self, logged: str) -> str:
        # The log holds the path percent-encoded once more than the disk does.
        return f"{self.root}/{unquote(logged)}"


@dataclass(frozen=True, slots=True)
class Picked:
    """A filter on a snapshot, with the files that can hold its rows."""

    snapshot: Snapshot
    filter: Filter
    files: tuple[DataFile, ...]
    belonging: Belonging = NOTHING
    near: Near | None = None

    @property
    def table(self) -> Table:
        """The table that is read."""
        return self.snapshot.table

    def is_off(self, file: DataFile) -> bool:
        """Whether spans of a file belong elsewhere than is stored."""
        return file.path in self.belonging.files


@dataclass
class Reader:
    """Snapshots of one table: the newest at each call, or for ever the one of ``as_of``."""

    lake: str
    table: Table
    as_of: int | datetime | None = None
    may_be_absent: bool = False
    infer_sessions: bool = False
    _delta: DeltaTable | None = field(default=None, repr=False)
    _last: Snapshot | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def last(self) -> Snapshot:
        """The snapshot that was read last, without a look at the disk."""
        return self._last or absent(self.lake, self.table)

    def snapshot(self, *, fresh: bool = False) -> Snapshot:
        """The snapshot to read from. ``fresh`` forgets what is cached: the lake was replaced."""
        with self._lock:
            if fresh:
                self._delta = self._last = None
            try:
                return self._read()
            except (LakeNotFound, NotFound):
                if self.may_be_absent:
                    return absent(self.lake, self.table)
                raise

    def _read(self) -> Snapshot:
        if self._delta is None:
            self._delta = self._opened()
        elif self.as_of is None:
            self._delta = _updated(self._delta) or self._opened()
        if self._last is None or self._last.version != self._delta.version():
            check_stamp(self._delta, self.lake, self.table)
            before = None if self._last is None else self._last.knowing.latest
            last = snapshot_of(self.lake, self.table, self._delta, infer_sessions=self.infer_sessions)
            self._last = replace(last, before=before)
        return self._last

    def _opened(self) -> DeltaTable:
        delta = open_table(self.lake, self.table)
        if self.as_of is not None:
            travel(delta, self.lake, self.table, self.as_of)
        return delta


def absent(lake: str, table: Table) -> Snapshot:
    """The snapshot of a table that was never written: it has no rows."""
    return Snapshot(lake, table, "", None, None, None)


def _updated(delta: DeltaTable) -> DeltaTable | None:
    """The table with what was committed since; None if it is not the table it was."""
    try:
        delta.update_incremental()
    except (DeltaError, OSError):
        return None  # opening it anew tells whether it was replaced or cannot be read
    return delta


def snapshot_of(lake: str, table: Table, delta: DeltaTable, *, infer_sessions: bool = False) -> Snapshot:
    """The version that ``delta`` is at."""
    adds = pa.table(delta.get_add_actions(flatten=True))
    order = [f"partition.{name}" for name in reversed(table.partition_by)]
    keys = [(name, "ascending") for name in (*order, "modification_time", "path")]
    root = f"{lake}/{table.name}"
    version, moment = delta.version(), committed_at(root, delta.version())
    return Snapshot(lake, table, root, version, moment, adds.sort_by(keys), infer_sessions)
