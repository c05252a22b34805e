"""Upkeep of a lake: merging small files, dropping duplicates, retention, vacuum.

Everything here swaps files in one atomic commit that readers and writers do not notice: a reader
keeps the files of its snapshot (they are deleted only ``vacuum_after`` seconds later), a writer's
commit touches other files.
"""

from __future__ import annotations

import json
import logging
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from argus_lab.errors import ArgusError
from argus_lab.lake import table as t
from argus_lab.lake.foresight import Foresight
from argus_lab.lake.locks import FileLock
from argus_lab.lake.merging import merged
from argus_lab.lake.outdated import Outdated, Overtaken, overtaken
from argus_lab.lake.partitions import Logged, Partition, Partitions, data_files, logged_files
from argus_lab.lake.renewing import renewed
from argus_lab.lake.settling import EVERY, settle
from argus_lab.lake.snapshot import Reader, snapshot_of
from argus_lab.schema import REFUSED, SPANS, Table
from argus_lab.settings import Settings

__all__ = ["LOCK", "Summary", "Upkeep", "compact"]

log = logging.getLogger("argus.keeper")

LOCK = "upkeep.lock"
"""Who holds it may swap files; nobody else will meanwhile."""

MERGE_FILES = 8
"""So many small files in a partition are merged."""

_VACUUM_EVERY = 3600.0


@dataclass(frozen=True)
class Summary:
    """What upkeep did.

    Files merged or rewritten and files written in their place, rows that were there twice, partitions too old
    to keep, and files deleted.
    """

    merged: int = 0
    written: int = 0
    duplicates: int = 0
    expired: int = 0
    vacuumed: int = 0

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.merged + other.merged,
            self.written + other.written,
            self.duplicates + other.duplicates,
            self.expired + other.expired,
            self.vacuumed + other.vacuumed,
        )


class Upkeep:
    """Upkeep beside the intake, in a thread of its own, so that spans stay visible in a second."""

    def __init__(self, settings: Settings, foresight: Foresight) -> None:
        self._settings = settings
        self._foresight = foresight
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="argus-upkeep")
        self._outdated = Outdated(settings.compact_every)
        self._reader = Reader(settings.lake, SPANS)
        self._running: Future[Summary] | None = None
        self._next = time.monotonic() + settings.compact_every
        self._next_settled = time.monotonic() + EVERY

    def tend(self, now: float, *, is_behind: bool = False) -> None:
        """Start what is due, if nothing is running: a round, or to keep what is known of what came since.

        The latter waits while the intake ``is_behind``. Trouble of what ran last is reported.
        """
        if self._running is not None:
            if not self._running.done():
                return
            self._finish(self._running)
            self._running = None
        if now >= self._next:
            self._next = now + self._settings.compact_every
            self._running = self._pool.submit(compact, self._settings, self._outdated, self._foresight)
        elif now >= self._next_settled and not is_behind:
            self._next_settled = now + EVERY
            self._running = self._pool.submit(self._settle)

    def _settle(self) -> Summary:
        settle(self._reader.snapshot(), at_once=False)
        return Summary()

    def close(self) -> None:
        """Wait for the round that is running."""
        self._pool.shutdown(wait=True)
        if self._running is not None:
            self._finish(self._running)

    def _finish(self, done: Future[Summary]) -> None:
        error = done.exception()
        if error is None:
            summary = done.result()
            if summary != Summary():
                log.info("upkeep %s", summary)
        elif isinstance(error, ArgusError | DeltaError | OSError | pa.ArrowException | duckdb.Error):
            log.error("upkeep failed and will be tried again: %s", error)
        else:
            raise error


def compact(
    settings: Settings, outdated: Outdated | None = None, foresight: Foresight | None = None
) -> Summary:
    """Merge small files, drop duplicates and old partitions, and delete files out of use.

    Files of spans are rewritten whose stored sessions are not those that the spans belong to.

    Parameters
    ----------
    settings
        Uses ``lake``, ``target_file_size``, ``keep``, ``vacuum_after``.
    outdated
        Do a little, as the keeper does between commits: merge only where there are many small files, and
        rewrite at most the one that this finds. Otherwise all that is to be done.
    foresight
        By which this process commits, if it does meanwhile.

    Raises
    ------
    LakeNotFound, LakeVersionError, LakeUnavailable
        As :func:`argus_lab.lake.table.open_table`.
    """
    task = _Task(settings, foresight or Foresight(settings.lake), outdated)
    lock = FileLock.try_take(t.journal_root(settings.lake) / LOCK) if _local(settings) else None
    if lock is None and _local(settings):
        return Summary()  # another process is at it
    try:
        total = Summary()
        for table in (SPANS, REFUSED):
            total += _tend_table(task, table)
        return total
    finally:
        if lock is not None:
            lock.release()


def _local(settings: Settings) -> bool:
    return t.journal_root(settings.lake).is_dir()


@dataclass(frozen=True)
class _Task:
    """What is to be done, and how; with ``outdated`` a little of it."""

    settings: Settings
    foresight: Foresight
    outdated: Outdated | None

    @property
    def lake(self) -> str:
        """The lake that is kept."""
        return self.settings.lake


def _tend_table(task: _Task, table: Table) -> Summary:
    settings, is_all = task.settings, task.outdated is None
    found = t.open_table(task.lake, table)
    total = Summary()
    try:
        total += _expire(found, settings)
    except CommitFailedError as error:
        log.info("retention was overtaken, and is for the next round: %s", error)
        found = t.open_table(task.lake, table)
    try:
        for part in Partitions(found).all():
            files = _mergeable(part.files, settings.target_file_size, all_files=is_all)
            if files:
                total += _merge(task, table, found, part, files)
        if table is SPANS:
            total += _renew(task, found)
    except CommitFailedError as error:
        # Somebody else swapped files since we looked; ours are not referenced, vacuum has them.
        log.info("a merge was overtaken: %s", error)
        found = t.open_table(task.lake, table)
    total += _vacuum(found, settings)
    if table is SPANS:
        settle(snapshot_of(task.lake, SPANS, found), at_once=is_all)
    return total


def _renew(task: _Task, found: DeltaTable) -> Summary:
    """Rewrite files whose spans belong elsewhere than is stored: all of them, or the next one."""
    total = Summary()
    if task.outdated is not None:
        late = task.outdated.find(task.lake, found)
        if late is not None:
            total, new = _rewrite(task, found, late)
            task.outdated.was_rewritten(late.file["path"], new)
        return total
    for part in (parts := Partitions(found)).all():
        near = parts.near(part.values)
        for file in part.files:
            if overtaken(task.lake, file, near):
                total += _rewrite(task, found, Overtaken(file, part, near))[0]
    return total


def _mergeable(files: list[Logged], target: int, *, all_files: bool) -> list[Logged]:
    """The small files of a partition, once there are many of them."""
    small = [file for file in files if file["size_bytes"] < target // 2]
    least = 2 if all_files else MERGE_FILES
    return _batch(small, target) if len(small) >= least else []


def _batch(files: list[Logged], target: int) -> list[Logged]:
    """The smallest files first, up to about one target file: each byte is rewritten few times."""
    taken: list[Logged] = []
    size = 0
    for file in sorted(files, key=lambda f: f["size_bytes"]):
        if size + file["size_bytes"] > target and len(taken) > 1:
            break
        taken.append(file)
        size += file["size_bytes"]
    return taken


def _merge(task: _Task, table: Table, found: DeltaTable, part: Partition, files: list[Logged]) -> Summary:
    """Rewrite small files of a partition as one: sorted, each span once, in the session it belongs to."""
    others = [file for file in part.files if file not in files]
    near = Partitions(found).near(part.values)
    of = partial(data_files, task.lake, table)
    with merged(task.lake, table, of(files), of(others), of(near)) as rows:
        add = t.write_file(task.lake, table, part.values, rows)
    return _swapped(task, table, found, files, add)


def _rewrite(task: _Task, found: DeltaTable, late: Overtaken) -> tuple[Summary, str]:
    """Rewrite a file with its spans in the sessions that they belong to; where it is now."""
    of = partial(data_files, task.lake, SPANS)
    with renewed(task.lake, of([late.file])[0], of(late.near)) as rows:
        add = t.write_file(task.lake, SPANS, late.part.values, rows)
    return _swapped(task, SPANS, found, [late.file], add), add.path


def _swapped(task: _Task, table: Table, found: DeltaTable, files: list[Logged], add: AddAction) -> Summary:
    before = sum(file["num_records"] for file in files)
    after = int(json.loads(add.stats)["numRecords"])
    kept, gone = [add] if after else [], data_files(task.lake, table, files)
    with task.foresight.of(kept, gone) if table is SPANS else nullcontext():
        t.swap(found, files, kept)
    return Summary(merged=len(files), written=1, duplicates=before - after)


def _expire(found: DeltaTable, settings: Settings) -> Summary:
    if settings.keep is None:
        return Summary()
    oldest = datetime.now(UTC).date() - timedelta(days=settings.keep)
    old = [file for file in logged_files(found) if file["partition"]["date"] < oldest]
    if old:
        t.swap(found, old, [])
    return Summary(expired=len({tuple(file["partition"].values()) for file in old}))


_vacuumed: dict[str, float] = {}


def _vacuum(found: DeltaTable, settings: Settings) -> Summary:
    """Delete files that no snapshot within ``vacuum_after`` needs, once an hour."""
    last = _vacuumed.get(found.table_uri)
    if last is not None and time.monotonic() - last < min(_VACUUM_EVERY, settings.vacuum_after):
        return Summary()
    _vacuumed[found.table_uri] = time.monotonic()
    hours = math.ceil(settings.vacuum_after / 3600)
    # Full: files of a writer that crashed before its commit stand in no log; they go by their age.
    gone = found.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True)
    found.cleanup_metadata()
    return Summary(vacuumed=len(gone))
