"""Texts that visitors look for in messages: which spans hold them, the newest days first, each once.

Messages stay in the lake. A search reads them day by day, in a thread of its own, and puts the ids of the
spans that hold the text into a table, where every question with that text finds them.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from argus_lab.dashboards.choices import text_condition
from argus_lab.errors import ArgusError
from argus_lab.lake import read
from argus_lab.lake.selection import select
from argus_lab.lake.snapshot import Picked
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from argus_lab.dashboards.store import Store
    from argus_lab.lake.snapshot import DataFile, Snapshot

__all__ = ["Search", "Searches"]

KEPT = 8
FORGOTTEN_AFTER = 60.0
"""Seconds after which a search that nobody asks for any more is not begun."""
IDS = ("trace_id", "span_id")


@dataclass
class Search:
    """A text that is looked for: the number of its hits in the table, and how far the look has come."""

    number: int
    text: str
    read: int = 0
    total: int = 0
    is_done: bool = False
    problem: ArgusError | None = None
    asked_at: float = field(default_factory=time.monotonic)

    @property
    def words(self) -> str:
        """How far it has come, for whoever waits; empty when it is done."""
        if self.problem is not None:
            return f"The search ended early: {self.problem}"
        return "" if self.is_done else f"Searching messages: {self.read:,} of {self.total:,} spans read"


class Searches:
    """The searches in one lake; their hits stand in the table ``hits`` of a store."""

    def __init__(self, snapshot: Callable[[], Snapshot], told: Callable[[], None]) -> None:
        self._snapshot = snapshot
        self._told = told
        self._known: OrderedDict[tuple[int, str], Search] = OrderedDict()
        self._number = 0
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="argus-search")

    def of(self, text: str, store: Store) -> Search:
        """The search for a text, begun now if nobody looked for it before."""
        with self._lock:
            key = (store.number, text)
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
                found.asked_at = time.monotonic()
                return found
            self._number += 1
            found = self._known[key] = Search(self._number, text)
            while len(self._known) > KEPT:
                _, old = self._known.popitem(last=False)
                self._thread.submit(_forget, store, old.number)
        self._thread.submit(self._run, found, store)
        return found

    def refresh(self, store: Store, snapshot: Snapshot, traces: pa.Array) -> None:
        """Look once more in these traces, which have new spans."""
        with self._lock:
            known = [search for (number, _), search in self._known.items() if number == store.number]
        for search in known:
            test, params = text_condition(search.text)
            asked = {"trace": traces.to_pylist(), "where": test, "params": params}
            rows = read.load(snapshot.pick(select(SPANS, asked)), IDS, limit=None, order="stored")[0]
            _put(store, search.number, rows, traces)

    def _run(self, search: Search, store: Store) -> None:
        if time.monotonic() - search.asked_at > FORGOTTEN_AFTER:
            self._drop(search, store)
            return
        try:
            snapshot = self._snapshot()
            search.total = snapshot.rows
            test, params = text_condition(search.text)
            filter = select(SPANS, {"where": test, "params": params})
            for files in _by_day(snapshot.pick(select(SPANS, {})).files):
                rows = read.load(Picked(snapshot, filter, files), IDS, limit=None, order="stored")[0]
                _put(store, search.number, rows)
                search.read += sum(file.rows for file in files)
                self._told()
        except ArgusError as error:
            search.problem = error
        search.is_done = True
        self._told()

    def _drop(self, search: Search, store: Store) -> None:
        with self._lock:
            self._known.pop((store.number, search.text), None)


def _by_day(files: tuple[DataFile, ...]) -> list[tuple[DataFile, ...]]:
    """The files of each day, the newest day first."""
    days: dict[Any, list[DataFile]] = {}
    for file in files:
        days.setdefault(file.partition["date"] or date.min, []).append(file)
    return [tuple(days[day]) for day in sorted(days, reverse=True)]


def _put(store: Store, number: int, rows: pa.Table, traces: pa.Array | None = None) -> None:
    """Put hits into the table; with ``traces`` in place of those that were found in these."""
    with store.writing:
        _put_now(store, number, rows, traces)


def _put_now(store: Store, number: int, rows: pa.Table, traces: pa.Array | None) -> None:
    cursor = store.cursor()
    if traces is not None:
        cursor.register("argus_traces", pa.table({"trace_id": traces}))
        test = "search = $search AND trace_id IN (SELECT trace_id FROM argus_traces)"
        cursor.execute(f"DELETE FROM hits WHERE {test}", {"search": number}).fetchall()  # noqa: S608  our own text
    cursor.register("argus_hits", rows)
    cursor.execute(f"INSERT INTO hits SELECT {int(number)}, * FROM argus_hits").fetchall()  # noqa: S608  a number
    cursor.close()


def _forget(store: Store, number: int) -> None:
    with store.writing:
        cursor = store.cursor()
        cursor.execute("DELETE FROM hits WHERE search = $search", {"search": number}).fetchall()
        cursor.close()
