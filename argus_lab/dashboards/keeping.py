"""The tables of a large lake, kept in the user's cache folder for the next process that shows its pages.

A process takes a copy for itself and leaves one behind, in one step of the file system; so no two of them
have to agree on anything. A copy is of one version of one lake, and of this code: what the log cannot carry
on from there, or other measures would count differently, is made anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from argus_lab.dashboards.store import Store
from argus_lab.lake.table import open_table

if TYPE_CHECKING:
    from argus_lab.lake.snapshot import Snapshot

__all__ = ["OFF", "Kept", "folder_of"]

LOG = logging.getLogger(__name__)
OFF = "off"
KEPT_FROM = 200_000
"""Tables of fewer spans are made in less time than anybody notices."""
UNUSED_S = 30 * 86_400.0
"""Seconds after which tables that nobody took are removed."""


def folder_of(setting: str | None) -> Path | None:
    """Where tables are kept by the setting ``dashboard_cache``; ``None`` keeps nothing.

    Examples
    --------
    >>> folder_of("off") is None, folder_of("/var/cache/pages").name
    (True, 'pages')
    """
    if setting == OFF:
        return None
    if setting:
        return Path(setting)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "argus-lab", "pages")


@dataclass(frozen=True)
class Kept:
    """Where the tables of one lake wait for the next process."""

    folder: Path | None
    lake: str

    def take(self, snapshot: Snapshot, memory: int) -> tuple[Store, int, int] | None:
        """A copy that this snapshot may follow on: tables, of which version, of how many spans."""
        path = self._path
        if path is None or not path.exists():
            return None
        store = None
        try:
            store = Store(memory, path)
            about = json.loads(store.cursor().execute("SELECT said FROM about").fetchall()[0][0])
            if self._is_of(about, snapshot):
                _begun_anew(store)
                os.utime(path)
                return store, about["version"], about["spans"]
        except (OSError, duckdb.Error, ValueError, LookupError) as error:
            LOG.warning("the tables in %s cannot be used and are made anew: %s", path, error)
        if store is not None:
            store.forget()
        return None

    def put(self, store: Store, snapshot: Snapshot, spans: int) -> bool:
        """Leave a copy of the tables, which are of this snapshot, if they are worth it."""
        path = self._path
        if path is None or spans < KEPT_FROM:
            return False
        said = json.dumps(_about(snapshot) | {"version": snapshot.version, "spans": spans})
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with store.writing:
                cursor = store.cursor()
                cursor.execute("CREATE OR REPLACE TABLE about AS SELECT $said AS said", {"said": said})
                store.save(path)
            self._tidy(path)
        except (OSError, duckdb.Error) as error:  # pages go on without: the next start takes longer
            LOG.warning("the tables of %s could not be kept in %s: %s", self.lake, path, error)
            return False
        return True

    @property
    def _path(self) -> Path | None:
        return None if self.folder is None else self.folder / f"{self._name}.{_maker()}.db"

    @property
    def _name(self) -> str:
        return hashlib.sha256(self.lake.encode()).hexdigest()[:24]

    def _is_of(self, about: dict[str, Any], snapshot: Snapshot) -> bool:
        wanted = _about(snapshot, about["version"])
        return wanted["committed_ns"] is not None and wanted.items() <= about.items()

    def _tidy(self, path: Path) -> None:
        """Remove what other code made of this lake, and what was not asked for in a long time."""
        for other in path.parent.glob("*.db"):
            is_older = other.name.startswith(f"{self._name}.") and other != path
            if is_older or time.time() - other.stat().st_mtime > UNUSED_S:
                other.unlink(missing_ok=True)


def _about(snapshot: Snapshot, at: int | None = None) -> dict[str, Any]:
    """What tells a lake's version from that of another one in its place."""
    number = snapshot.version if at is None else at
    log = Path(snapshot.root, "_delta_log", f"{number:020d}.json")
    committed = log.stat().st_mtime_ns if log.exists() else None
    table = open_table(snapshot.lake, snapshot.table)
    return {"lake": snapshot.lake, "table": str(table.metadata().id), "committed_ns": committed}


def _begun_anew(store: Store) -> None:
    """Numbers of sessions go on where they ended, and texts are looked for again."""
    cursor = store.cursor()
    last = cursor.execute("SELECT coalesce(max(session), 0) FROM sessions").fetchall()[0][0]
    cursor.execute(f"CREATE OR REPLACE SEQUENCE numbers START {int(last) + 1}")
    cursor.execute("DELETE FROM hits").fetchall()
    cursor.close()


@cache
def _maker() -> str:
    """What made the tables: this code and what it counts with."""
    found = hashlib.sha256()
    root = Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        found.update(f"{path.relative_to(root)} {path.stat().st_size} ".encode())
        found.update(path.read_bytes())
    for package in ("duckdb", "genai-prices"):
        found.update(f"{package} {version(package)} ".encode())
    return found.hexdigest()[:16]
