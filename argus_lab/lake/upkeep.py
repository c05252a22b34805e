"""Upkeep of a lake: merging small files, dropping duplicates, retention, vacuum.

Everything here swaps files in one atomic commit that readers and writers do not notice: a reader
keeps the files of its snapshot (they are deleted only ``vacuum_after`` seconds later), a writer's
commit touches other files.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from argus_lab.errors import ArgusError
from argus_lab.lake import table as t
from argus_lab.lake.locks import FileLock
from argus_lab.lake.rows import SORTED_BY
from argus_lab.schema import REFUSED, SPANS, Table
from argus_lab.settings import Settings

__all__ = ["Summary", "Upkeep", "compact"]

log = logging.getLogger("argus.keeper")

MERGE_FILES = 8
"""So many small files in a partition are merged."""

_VACUUM_EVERY = 3600.0


@dataclass(frozen=True)
class Summary:
    """What upkeep did: files before and after in the partitions it touched, rows that were there
    twice, partitions too old to keep, and files deleted."""

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

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="argus-upkeep")
        self._running: Future[Summary] | None = None
        self._next = time.monotonic() + settings.compact_every

    def tend(self, now: float) -> None:
        """Start a round if one is due and none is running; report the last one's trouble."""
        if self._running is not None and self._running.done():
            self._finish(self._running)
            self._running = None
        if self._running is None and now >= self._next:
            self._next = now + self._settings.compact_every
            self._running = self._pool.submit(compact, self._settings, all_files=False)

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
        elif isinstance(error, ArgusError | DeltaError | OSError | pa.ArrowException):
            log.error("upkeep failed and will be tried again: %s", error)
        else:
            raise error


def compact(settings: Settings, *, all_files: bool = True) -> Summary:
    """Merge small files, drop duplicates and old partitions, and delete files out of use.

    Parameters
    ----------
    settings
        Uses ``lake``, ``target_file_size``, ``keep``, ``vacuum_after``.
    all_files
        Merge wherever there are two small files; otherwise only where there are many.

    Raises
    ------
    LakeNotFound, LakeVersionError, LakeUnavailable
        As :func:`argus_lab.lake.table.open_table`.
    """
    lock = FileLock.try_take(t.journal_root(settings.lake) / "upkeep.lock") if _local(settings) else None
    if lock is None and _local(settings):
        return Summary()  # another process is at it
    try:
        total = Summary()
        for table in (SPANS, REFUSED):
            total += _tend_table(settings, table, all_files=all_files)
        return total
    finally:
        if lock is not None:
            lock.release()


def _local(settings: Settings) -> bool:
    return t.journal_root(settings.lake).is_dir()


def _tend_table(settings: Settings, table: Table, *, all_files: bool) -> Summary:
    found = t.open_table(settings.lake, table)
    total = _expire(found, settings)
    for files in _mergeable(_files(found), settings.target_file_size, all_files=all_files):
        try:
            total += _merge(settings.lake, table, found, files)
        except CommitFailedError as error:
            # Somebody else swapped files since we looked; ours are not referenced, vacuum has them.
            log.info("a merge was overtaken: %s", error)
            found = t.open_table(settings.lake, table)
            break
    return total + _vacuum(found, settings)


def _files(found: DeltaTable) -> list[dict[str, Any]]:
    return pa.table(found.get_add_actions()).to_pylist()


def _mergeable(
    files: list[dict[str, Any]], target: int, *, all_files: bool
) -> list[list[dict[str, Any]]]:
    """By partition, the files to merge: small ones, once there are many of them."""
    partitions: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        if file["size_bytes"] < target // 2:
            partitions[tuple(file["partition"].values())].append(file)
    least = 2 if all_files else MERGE_FILES
    chosen = [_batch(part, target) for part in partitions.values() if len(part) >= least]
    return [part for part in chosen if len(part) > 1]


def _batch(files: list[dict[str, Any]], target: int) -> list[dict[str, Any]]:
    """The smallest files first, up to about one target file: each byte is rewritten few times."""
    taken, size = [], 0
    for file in sorted(files, key=lambda f: f["size_bytes"]):
        if size + file["size_bytes"] > target and len(taken) > 1:
            break
        taken.append(file)
        size += file["size_bytes"]
    return taken


def _merge(lake: str, table: Table, found: DeltaTable, files: list[dict[str, Any]]) -> Summary:
    root = t.table_uri(lake, table)
    read = [pq.ParquetFile(Path(root) / unquote(file["path"])).read() for file in files]
    rows = pa.concat_tables(read, promote_options="default")
    merged = _without_duplicates(rows) if table is SPANS else rows
    whole = _with_partition(merged, table, files[0]["partition"])
    adds = t.write_files(lake, table, whole)
    t.swap(found, files, adds)
    return Summary(merged=len(files), written=len(adds), duplicates=len(rows) - len(merged))


def _without_duplicates(rows: pa.Table) -> pa.Table:
    """In file order, each span once: the delivery received first."""
    order = [("trace_id", "ascending"), ("span_id", "ascending"), ("received_at", "ascending")]
    by_id = rows.take(pc.sort_indices(rows, sort_keys=order))
    if len(by_id) > 1:
        again = pc.and_(_same_as_before(by_id["trace_id"]), _same_as_before(by_id["span_id"]))
        keep = pa.concat_arrays([pa.array([True]), pc.invert(again)])
        by_id = by_id.filter(keep)
    return by_id.sort_by([(name, "ascending") for name in SORTED_BY])


def _same_as_before(column: pa.ChunkedArray) -> pa.Array:
    here = column.slice(1).combine_chunks()
    before = column.slice(0, len(column) - 1).combine_chunks()
    return pc.equal(here, before)


def _with_partition(rows: pa.Table, table: Table, values: dict[str, Any]) -> pa.Table:
    schema = table.arrow()
    columns = [
        pa.repeat(pa.scalar(values[field.name], field.type), len(rows))
        if field.name in values
        else rows[field.name].cast(field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _expire(found: DeltaTable, settings: Settings) -> Summary:
    if settings.keep is None:
        return Summary()
    oldest = datetime.now(UTC).date() - timedelta(days=settings.keep)
    old = [file for file in _files(found) if file["partition"]["date"] < oldest]
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
    hours = max(0, int(settings.vacuum_after // 3600))
    gone = found.vacuum(
        retention_hours=hours, dry_run=False, enforce_retention_duration=False
    )
    found.cleanup_metadata()
    return Summary(vacuumed=len(gone))
