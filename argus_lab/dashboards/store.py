"""A database of this process, in a temporary folder, which goes when nobody holds it any more."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
import time
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path

import duckdb

from argus_lab.lake.locks import FileLock, is_held

__all__ = ["Store", "sweep"]

_NUMBERS = itertools.count(1)
PREFIX, LOCK = "argus-pages-", "lock"
MADE_WITHIN_S = 60
"""By then whoever made a folder holds its lock."""


@cache
def sweep() -> None:
    """Remove, once a process, what processes left that were killed: nobody holds its lock any more."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError):  # it has gone meanwhile, or is somebody else's
            if time.time() - lock.stat().st_mtime > MADE_WITHIN_S and not is_held(lock):
                shutil.rmtree(lock.parent, ignore_errors=True)


def _remove(folder: str, lock: FileLock | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        lock.release()


class Store:
    """Tables on disk, of which no more than ``memory`` bytes are in memory.

    ``source`` is a copy of such tables, to begin with. Made ``aside``, it leaves a core to others until it is
    to :meth:`hurry`.

    Examples
    --------
    >>> Store(64_000_000).cursor().execute("SELECT 1").fetchall()
    [(1,)]
    """

    def __init__(self, memory: int, source: Path | None = None, *, aside: bool = False) -> None:
        self.number = next(_NUMBERS)
        self.writing = threading.Lock()
        """Whoever writes, but the thread that follows the lake, holds it: while a copy is made nobody may."""
        sweep()
        folder = tempfile.mkdtemp(prefix=PREFIX)
        self._folder = folder
        weakref.finalize(self, _remove, folder, FileLock.try_take(Path(folder, LOCK)))
        self._path = Path(folder, "digest.db")
        if source is not None:
            shutil.copyfile(source, self._path)
        # Text of this process's own SQL is all that runs here: it reads the lake's files and these tables.
        self._database = duckdb.connect(
            str(self._path),
            config={"memory_limit": f"{memory}B", "temp_directory": folder},
        )
        if aside:
            self.cursor().execute(f"SET threads = {max((os.cpu_count() or 1) - 1, 1)}")

    def hurry(self) -> None:
        """Use every core from here on."""
        self.cursor().execute("RESET threads")

    def forget(self) -> None:
        """Remove it from the disk."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def save(self, path: Path) -> None:
        """Leave a copy, for this user alone, in place of what is at ``path``; hold ``writing`` for it."""
        self.cursor().execute("FORCE CHECKPOINT")  # which waits for who reads; the plain one gives up then
        handle, made = tempfile.mkstemp(dir=path.parent, suffix=".new")
        os.close(handle)
        try:
            shutil.copyfile(self._path, made)
            Path(made).replace(path)
        finally:
            Path(made).unlink(missing_ok=True)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, for one thread at a time."""
        found = self._database.cursor()
        found.execute("SET TimeZone = 'UTC'")
        found.execute("SET enable_progress_bar = false")
        return found
