"""One thread a lake: it makes the tables, looks for new versions while pages are open, and tells them."""

from __future__ import annotations

import atexit
import logging
import threading
import time as clock
import weakref
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from argus_lab.dashboards import reckoning
from argus_lab.dashboards.arriving import ARRIVALS
from argus_lab.dashboards.searching import Searches
from argus_lab.dashboards.slices import Slice, lately, newest, slices
from argus_lab.dashboards.store import Store
from argus_lab.errors import ArgusError, LakeUnavailable
from argus_lab.lake.changes import added_since, traces_in
from argus_lab.lake.journal import journal_root
from argus_lab.lake.progress import status
from argus_lab.lake.snapshot import Reader
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

    from argus_lab.dashboards.keeping import Kept
    from argus_lab.lake.snapshot import Snapshot

__all__ = ["Follower", "State"]

LOG = logging.getLogger(__name__)
EVERY = 0.4
"""Seconds between looks at the lake's version."""
RESTS_S = 2.0
"""Seconds for which nothing is new, after which there is time for what makes answers quicker."""
GROWTH = 1.5
"""Pages are drawn anew with what has been read once it is so many times what they show."""
TRACES_AT_ONCE = 300
ENDS_WITHIN_S = 10.0
KEEP_EVERY_S = 600.0
"""Seconds between copies of the tables of a lake that changes, for the next process."""
MOST_SINCE = 0.1
"""Of tables that were kept, a lake may have so much more: following takes longer than making, a span."""


@dataclass(frozen=True, slots=True)
class State:
    """What the tables hold: of which version, how many spans, since when if not all, and what is wrong.

    ``total`` spans are in the lake; ``problem`` says why it cannot be read now. ``looks`` counts how often a
    search for a text came further. ``receiver``: how the lake's receiver on this machine is, and why; ``""``
    if there never was one.
    """

    version: int | None = None
    spans: int = 0
    total: int = 0
    since: datetime | None = None
    problem: ArgusError | None = None
    is_ready: bool = False
    looks: int = 0
    receiver: tuple[str, str] = ("", "")

    @property
    def is_whole(self) -> bool:
        """Whether the tables hold all of the lake."""
        return self.is_ready and self.since is None


class Follower:
    """Keeps the tables of one lake up to date while somebody watches."""

    def __init__(
        self,
        address: str,
        memory: int,
        prepare: Callable[[Store], None],
        kept: Kept,
        at_rest: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = Reader(address, SPANS)
        self._kept = kept
        self._kept_version: int | None = None
        self._kept_at = -KEEP_EVERY_S
        self._memory = memory
        self._prepare = prepare
        self._at_rest = at_rest
        self._told_at = 0.0
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
        self.writes = 0
        """Odd while rows change: who finds the same even number before and after has seen one state."""
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
                if self.store is None:
                    self._take(snapshot)
                if self.store is None or not self._is_follow_up(snapshot):
                    self._make(snapshot)
                if clock.monotonic() - self._kept_at > KEEP_EVERY_S:
                    self._keep(snapshot)
                if _receiver(self._reader.lake) != self.state.receiver:
                    self._tell(self.state)
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
                if self.state.is_whole and clock.monotonic() - self._told_at > RESTS_S:
                    self._rest()
            with self._lock:
                if not self._watchers and not self._is_ending.is_set():
                    self._wake.clear()
            self._is_ending.wait(EVERY)

    def _rest(self) -> None:
        try:
            self._at_rest()
        except Exception:  # answers are slower then, and as right; to follow the lake matters more
            LOG.exception("the tables of %s could not be put in order", self._reader.lake)
            self._at_rest = lambda: None

    def end(self) -> None:
        """Look no more, and wait for the look that goes on."""
        self._is_ending.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN_S)

    def keep(self) -> None:
        """Leave the tables for the next process; after :meth:`end`."""
        if self._looking.acquire(timeout=0):
            self._keep(self._reader.last)
            self._looking.release()

    def _take(self, snapshot: Snapshot) -> None:
        """Begin with the tables that an earlier process left, unless too much came since."""
        found = self._kept.take(snapshot, self._memory)
        if found is None:
            return
        store, version, spans = found
        if not 0 <= snapshot.rows - spans <= snapshot.rows * MOST_SINCE:
            store.forget()
            return
        self.store, self._kept_version, self._kept_at = store, version, clock.monotonic()
        self._tell(State(version, spans, spans, is_ready=True))

    def _keep(self, snapshot: Snapshot) -> None:
        state = self.state
        if self.store is None or not state.is_whole or state.version != snapshot.version:
            return
        if state.version != self._kept_version:
            self._kept.put(self.store, snapshot, state.total)
            self._kept_version = state.version
        self._kept_at = clock.monotonic()

    def _is_follow_up(self, snapshot: Snapshot) -> bool:
        """Whether what is new was put into the tables; not if they have to be made anew, or to the end."""
        state = self.state
        if snapshot.version == state.version and snapshot.root and state.since is None:
            if state.problem is not None:
                self._tell(replace(state, problem=None))
            return True
        files = added_since(snapshot, state.version or 0, state.total)
        if files is None or self.store is None or state.since is not None:
            return False
        if files:
            self._refresh(snapshot, traces_in(snapshot, files))
        self._tell(State(snapshot.version, snapshot.rows, snapshot.rows, is_ready=True))
        return True

    def _refresh(self, snapshot: Snapshot, traces: pa.Array) -> None:
        assert self.store is not None  # noqa: S101  asked before
        cursor = self.store.cursor()
        self.writes += 1
        try:
            for first in range(0, len(traces), TRACES_AT_ONCE):
                some = traces[first : first + TRACES_AT_ONCE]
                reckoning.refreshed(cursor, snapshot, some)
                self.searches.refresh(self.store, snapshot, some)
        finally:
            self.writes += 1
            cursor.close()

    def _make(self, snapshot: Snapshot) -> None:
        """The tables anew. If there are none yet, what is read already is shown meanwhile."""
        is_first = self.store is None
        since = lately(snapshot) if is_first else None
        if since is not None:
            list(self._filled(first := Store(self._memory), newest(snapshot, since, reckoning.COLUMNS)))
            self._tell_part(snapshot, first, since)
        store = Store(self._memory, aside=is_first)
        parts = slices(store.cursor(), snapshot, reckoning.COLUMNS, pause=ARRIVALS.wait)
        for since in self._filled(store, parts):
            if is_first and since is not None:
                self._tell_part(snapshot, store, since)
        store.hurry()
        self.store = store
        self._tell(State(snapshot.version, snapshot.rows, snapshot.rows, is_ready=True))

    def _filled(self, store: Store, parts: Iterable[Slice]) -> Iterator[datetime | None]:
        """Fill a store with slices; since when it holds all spans, slice by slice."""
        cursor = store.cursor()
        reckoning.empty(cursor)
        try:
            for part in parts:
                if self._is_ending.is_set():
                    raise LakeUnavailable("the pages end")
                reckoning.reckoned(cursor, part, ARRIVALS.wait)
                yield part.since
        except OSError as error:  # files were vacuumed, or the disk is full: the next look tries again
            raise LakeUnavailable(f"the lake {self._reader.lake} cannot be read: {error}") from error
        finally:
            cursor.close()

    def _tell_part(self, snapshot: Snapshot, store: Store, since: datetime) -> None:
        """Show what has been read, if it is much more than what is shown."""
        spans = reckoning.count_since(store.cursor(), since)
        if spans > GROWTH * self.state.spans:
            self.store = store
            self._tell(State(snapshot.version, spans, snapshot.rows, since, is_ready=True))

    def _tell_again(self) -> None:
        """A search has come further."""
        self._tell(replace(self.state, looks=self.state.looks + 1))

    def _tell_problem(self, error: ArgusError) -> None:
        if str(error) != str(self.state.problem):
            self._tell(replace(self.state, problem=error))

    def _tell(self, state: State) -> None:
        if self.store is not None and (state.version, state.since) != (self.state.version, self.state.since):
            self._prepare(self.store)
        state = replace(state, receiver=_receiver(self._reader.lake))
        self.state, self._told_at = state, clock.monotonic()
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


def _receiver(lake: str) -> tuple[str, str]:
    """How the receiver is, and why; nothing if none ever took in anything here."""
    said = status(journal_root(lake))
    return ("", "") if said.pid is None else (said.state, said.reason or "")
