"""One thread a lake: it makes the tables, looks for new versions while pages are open, and tells them."""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from argus_lab.dashboards import reckoning
from argus_lab.dashboards.searching import Searches
from argus_lab.dashboards.store import Store
from argus_lab.errors import ArgusError, LakeUnavailable
from argus_lab.lake.changes import added_since, traces_in
from argus_lab.lake.snapshot import Reader
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from argus_lab.lake.snapshot import Snapshot

__all__ = ["Follower", "State"]

LOG = logging.getLogger(__name__)
EVERY = 0.4
"""Seconds between looks at the lake's version."""
FIRST_ROWS = 150_000
"""A lake of more spans than this is shown from its last days, that have so many, while the rest is read."""
TRACES_AT_ONCE = 300
ENDS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class State:
    """What the tables hold: of which version, how many spans, since when if not all, and what is wrong.

    ``total`` spans are in the lake; ``problem`` says why it cannot be read now. ``looks`` counts how often a
    search for a text came further.
    """

    version: int | None = None
    spans: int = 0
    total: int = 0
    since: datetime | None = None
    problem: ArgusError | None = None
    is_ready: bool = False
    looks: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether the tables hold all of the lake."""
        return self.is_ready and self.since is None


class Follower:
    """Keeps the tables of one lake up to date while somebody watches."""

    def __init__(self, address: str, memory: int, prepare: Callable[[Store], None]) -> None:
        self._reader = Reader(address, SPANS)
        self._memory = memory
        self._prepare = prepare
        self._watchers: dict[int, Callable[[State], None]] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._wake = threading.Event()
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.ready = threading.Event()
        self.searches = Searches(self._reader.snapshot, self._tell_again)
        self.store: Store | None = None
        self.state = State()
        _ALL.add(self)

    def watch(self, watcher: Callable[[State], None]) -> Callable[[], None]:
        """Call ``watcher``, in a thread of ours, when there is something new; what is returned ends that."""
        with self._lock:
            self._number += 1
            number = self._number
            self._watchers[number] = watcher
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="argus-digest", daemon=True)
                self._thread.start()
        self._wake.set()

        def stop() -> None:
            with self._lock:
                self._watchers.pop(number, None)

        return stop

    def look(self) -> None:
        """Bring the tables up to the lake's newest version; watchers are told if that changed anything."""
        with self._looking:
            try:
                snapshot = self._reader.snapshot()
                if self.store is None or not self._is_follow_up(snapshot):
                    self._make(snapshot)
            except ArgusError as error:
                self._tell_problem(error)
            except Exception as error:  # a page that is open for a day outlives what nobody thought of
                LOG.exception("the lake %s could not be followed", self._reader.lake)
                self._tell_problem(
                    LakeUnavailable(f"the lake {self._reader.lake} could not be read: {error}")
                )

    def _follow(self) -> None:
        while not self._is_ending.is_set():
            self._wake.wait()
            if not self._is_ending.is_set():
                self.look()
            with self._lock:
                if not self._watchers and not self._is_ending.is_set():
                    self._wake.clear()
            self._is_ending.wait(EVERY)

    def end(self) -> None:
        """Look no more, and wait for the look that goes on."""
        self._is_ending.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN_S)

    def _is_follow_up(self, snapshot: Snapshot) -> bool:
        """Whether what is new was put into the tables; not if they have to be made anew."""
        state = self.state
        if snapshot.version == state.version and snapshot.root:
            if state.problem is not None:
                self._tell(replace(state, problem=None))
            return True
        files = added_since(snapshot, state.version or 0, state.total)
        if files is None or self.store is None:
            return False
        if files:
            self._refresh(snapshot, traces_in(snapshot, files))
        self._tell(State(snapshot.version, snapshot.rows, snapshot.rows, is_ready=True))
        return True

    def _refresh(self, snapshot: Snapshot, traces: pa.Array) -> None:
        assert self.store is not None  # noqa: S101  asked before
        cursor = self.store.cursor()
        for first in range(0, len(traces), TRACES_AT_ONCE):
            some = traces[first : first + TRACES_AT_ONCE]
            reckoning.refreshed(cursor, snapshot, some)
            self.searches.refresh(self.store, snapshot, some)
        cursor.close()

    def _make(self, snapshot: Snapshot) -> None:
        """The tables anew: of a large lake its last days first, if there are none yet."""
        version, total = snapshot.version, snapshot.rows
        since = _last_days(snapshot)
        if since is not None and self.store is None:
            self.store = self._made(snapshot, since)
            count = _count(self.store)
            self._tell(State(version, count, total, since, is_ready=True))
        self.store = self._made(snapshot, None)
        self._tell(State(version, total, total, is_ready=True))

    def _made(self, snapshot: Snapshot, since: datetime | None) -> Store:
        store = Store(self._memory)
        cursor = store.cursor()
        reckoning.empty(cursor)
        try:
            reckoning.reckoned(cursor, snapshot, {"since": since} if since else None)
        except OSError as error:  # files were vacuumed, or the disk is full: the next look tries again
            raise LakeUnavailable(f"the lake {self._reader.lake} cannot be read: {error}") from error
        cursor.close()
        return store

    def _tell_again(self) -> None:
        """A search has come further."""
        self._tell(replace(self.state, looks=self.state.looks + 1))

    def _tell_problem(self, error: ArgusError) -> None:
        if str(error) != str(self.state.problem):
            self._tell(replace(self.state, problem=error))

    def _tell(self, state: State) -> None:
        if self.store is not None and (state.version, state.since) != (self.state.version, self.state.since):
            self._prepare(self.store)
        self.state = state
        if state.is_ready or state.problem is not None:
            self.ready.set()
        with self._lock:
            watchers = list(self._watchers.values())
        for watcher in watchers:
            watcher(state)


_ALL: weakref.WeakSet[Follower] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """A thread that is within the engine when Python ends takes the process down with it."""
    for follower in list(_ALL):
        follower.end()


def _last_days(snapshot: Snapshot) -> datetime | None:
    """Since when there are enough spans for a first look; ``None`` if that is all there is."""
    if snapshot.adds is None:
        return None
    rows: Counter[date] = Counter()
    dates, counts = (snapshot.adds[name].to_pylist() for name in ("partition.date", "num_records"))
    for day, count in zip(dates, counts, strict=True):
        if day is not None:
            rows[day] += count
    found, days = 0, sorted(rows, reverse=True)
    for day in days:
        found += rows[day]
        if found >= FIRST_ROWS:
            return None if day == days[-1] else datetime.combine(day, time(), UTC)
    return None


def _count(store: Store) -> int:
    return int(store.cursor().execute("SELECT count(*) FROM spans").fetchall()[0][0])
