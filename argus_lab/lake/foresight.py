"""Commits of which it is kept beforehand where all spans belong once they are made.

Who sees such a commit finds it known, and works out nothing: see docs/decisions/0026.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from deltalake.exceptions import DeltaError

from argus_lab.errors import ArgusError
from argus_lab.lake.keeping import noted
from argus_lab.lake.knowing import Knowing
from argus_lab.lake.outdated import SHARE
from argus_lab.lake.partitions import added
from argus_lab.lake.snapshot import Reader
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deltalake.transaction import AddAction

    from argus_lab.lake.settled import Settled
    from argus_lab.lake.sources import DataFile

__all__ = ["EFFORT", "Foresight"]

log = logging.getLogger("argus.keeper")

EFFORT = 2_000_000
"""Spans in the files that are looked at before a commit at most: what it waits for is to be short."""

CREDIT = 10.0
"""So many seconds in which little was done allow for more at once, as where large files are swapped."""

PAUSE = 60.0
"""Seconds before it is tried again, if it fails: as where a file is damaged."""


class Foresight:
    """Of the commits of spans to a lake: they are made one after the other, by any thread of this process.

    It takes a share of the time at most. What is not foreseen is found out by who reads, and by the keeper's
    looks (:mod:`argus_lab.lake.settling`).
    """

    def __init__(self, lake: str) -> None:
        self._lake = lake
        self._reader = Reader(lake, SPANS)
        self._last: Settled | None = None
        self._rests = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def of(self, adds: Sequence[AddAction], removed: Iterable[DataFile] = ()) -> Iterator[None]:
        """Within it files are committed, and others removed. It waits while another commit is being made."""
        with self._lock:
            began = time.monotonic()
            if "://" not in self._lake and began >= self._rests:
                self._foresee(adds, {file.path for file in removed})
                took = time.monotonic() - began
                self._rests = max(self._rests, began - CREDIT) + took / SHARE
            yield

    def _foresee(self, adds: Sequence[AddAction], removed: set[str]) -> None:
        try:
            snapshot = self._reader.snapshot()
            stay = (file for file in snapshot.every if file.path not in removed)
            files = (*stay, *(added(self._lake, SPANS, add) for add in adds))
            knowing = Knowing(SPANS, snapshot.root, files, infers=False, before=self._last, found={})
            if knowing.whole is None and knowing.effort <= EFFORT:
                noted(snapshot.root, found := knowing.settled(files))
                self._last = found
        except (ArgusError, DeltaError, OSError, pa.ArrowException, duckdb.Error) as error:
            log.warning("for a while readers find out themselves where new spans belong: %s", error)
            self._rests = time.monotonic() + PAUSE
