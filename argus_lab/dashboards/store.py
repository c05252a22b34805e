"""A database of this process, in a temporary folder, which goes when nobody holds it any more."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from pathlib import Path

import duckdb

__all__ = ["Store"]

_NUMBERS = itertools.count(1)


class Store:
    """Tables on disk, of which no more than ``memory`` bytes are in memory.

    Examples
    --------
    >>> Store(64_000_000).cursor().execute("SELECT 1").fetchall()
    [(1,)]
    """

    def __init__(self, memory: int) -> None:
        self.number = next(_NUMBERS)
        folder = tempfile.mkdtemp(prefix="argus-pages-")
        self._folder = folder
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        # Text of this process's own SQL is all that runs here: it reads the lake's files and these tables.
        self._database = duckdb.connect(
            str(Path(folder, "digest.db")),
            config={"memory_limit": f"{memory}B", "temp_directory": folder},
        )

    def forget(self) -> None:
        """Remove it from the disk."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, for one thread at a time."""
        found = self._database.cursor()
        found.execute("SET TimeZone = 'UTC'")
        found.execute("SET enable_progress_bar = false")
        return found
