"""A database of this process, in a temporary folder, which goes when nobody holds it any more."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

import duckdb

__all__ = ["Store"]

_NUMBERS = itertools.count(1)


class Store:
    """Tables on disk, of which no more than ``memory`` bytes are in memory.

    ``source`` is a copy of such tables, to begin with.

    Examples
    --------
    >>> Store(64_000_000).cursor().execute("SELECT 1").fetchall()
    [(1,)]
    """

    def __init__(self, memory: int, source: Path | None = None) -> None:
        self.number = next(_NUMBERS)
        self.writing = threading.Lock()
        """Whoever writes, but the thread that follows the lake, holds it: while a copy is made nobody may."""
        folder = tempfile.mkdtemp(prefix="argus-pages-")
        self._folder = folder
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._path = Path(folder, "digest.db")
        if source is not None:
            shutil.copyfile(source, self._path)
        # Text of this process's own SQL is all that runs here: it reads the lake's files and these tables.
        self._database = duckdb.connect(
            str(self._path),
            config={"memory_limit": f"{memory}B", "temp_directory": folder},
        )

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
