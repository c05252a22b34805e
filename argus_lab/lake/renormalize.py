"""Today's conventions applied to the spans that a lake holds already.

The raw columns hold all that was sent, so the derived ones can be made again: after an update that
knows another dialect, or with rules of one's own. Files are read one by one, a thousand spans at a
time; those in which something changes are written anew, and one commit puts all of them in place. Until
then nobody sees anything of it. Identity, times and raw columns stay.

Files that are added meanwhile are left alone: whoever adds them knows today's conventions already.
Compaction waits (it finds the lock taken). Should another machine swap files all the same, what was
rewritten is kept as far as its files are still there, and only the rest is done again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.exceptions import CommitFailedError

from argus_lab.errors import LakeBusy, LakeUnavailable
from argus_lab.lake import duck
from argus_lab.lake import table as t
from argus_lab.lake.locks import FileLock
from argus_lab.lake.merging import merged, stored_schema
from argus_lab.lake.redone import Redone, redone
from argus_lab.lake.rule_file import rules_of
from argus_lab.lake.snapshot import DataFile, snapshot_of
from argus_lab.lake.upkeep import LOCK
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

    from argus_lab.conventions.own_rules import OwnRules
    from argus_lab.lake.selection import Filter
    from argus_lab.settings import Settings

__all__ = ["Renormalized", "renormalize"]

ATTEMPTS = 5
ROWS_AT_ONCE = 1000
GROUP_BYTES = 256 * 1024 * 1024
"""Bytes after which a row group is written although it could hold more rows."""
LOCK_WAIT = 60.0
"""Seconds to wait for a compaction that is running."""
BUFFER = 1024 * 1024


@dataclass(frozen=True)
class Renormalized:
    """What :meth:`argus_lab.Lake.renormalize` did.

    ``version`` of the span table that holds it; ``files`` and ``spans`` that were looked at, of which
    ``rewritten`` files and ``changed`` spans; and by column in how many spans it has another value now.
    """

    version: int
    files: int = 0
    rewritten: int = 0
    spans: int = 0
    changed: int = 0
    columns: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    """What is to be made anew, where, and by which rules beside the conventions'."""

    lake: str
    filter: Filter
    own: OwnRules | None


@dataclass
class _File:
    """What became of one file; ``add`` stands in its place, if anything in it changed."""

    add: AddAction | None = None
    spans: int = 0
    changed: int = 0
    columns: Counter[str] = field(default_factory=Counter)


def renormalize(settings: Settings, filter: Filter) -> Renormalized:
    """Make the derived columns of the spans of ``filter`` anew.

    Raises
    ------
    LakeNotFound, LakeVersionError, LakeUnavailable
        As :func:`argus_lab.lake.table.open_table`.
    SettingError
        The rules that the settings name cannot be used.
    LakeBusy
        Other processes keep swapping files; nothing was changed.
    """
    t.open_table(settings.lake, SPANS)  # says what is wrong before anything is made
    task = _Task(settings.lake, filter, rules_of(settings))
    lock = _lock(settings.lake)
    try:
        return _renormalized(task)
    finally:
        lock.release()


def _renormalized(task: _Task) -> Renormalized:
    done: dict[str, _File] = {}
    for _ in range(ATTEMPTS):
        found = t.open_table(task.lake, SPANS)
        files = _files(task, found)
        _redo_all(task, files, done)
        changed = {path: file.add for path, file in done.items() if file.add is not None}
        try:
            if changed:
                t.swap(found, [files[path] for path in changed], list(changed.values()))
        except CommitFailedError:
            continue  # files were swapped since we looked
        return _summary(found.version(), done)
    _discard(task.lake, done.values())
    raise LakeBusy(
        f"other processes swapped files of {task.lake!r} {ATTEMPTS} times while this one worked; nothing "
        "was changed. Try again when no compaction runs elsewhere, or with a smaller project= or since=."
    )


def _redo_all(task: _Task, files: Mapping[str, Mapping[str, Any]], done: dict[str, _File]) -> None:
    """Bring ``done`` to these files: what it has of them stays, what it has of others goes."""
    _discard(task.lake, [done.pop(path) for path in list(done) if path not in files])
    try:
        for path in files:
            if path not in done:
                done[path] = _redo(task, path, files[path])
    except BaseException:
        _discard(task.lake, done.values())  # nothing was committed, so nobody has seen them
        raise


def _lock(lake: str) -> FileLock:
    """The lock under which files are swapped; its holder is waited for."""
    root = t.journal_root(lake)
    deadline = time.monotonic() + LOCK_WAIT
    try:
        root.mkdir(parents=True, exist_ok=True)
        while (lock := FileLock.try_take(root / LOCK)) is None:
            if time.monotonic() > deadline:
                raise LakeBusy(
                    f"another process has been compacting or renormalising {lake!r} for {LOCK_WAIT:.0f} "
                    "seconds; nothing was changed. Try again when it is done."
                )
            time.sleep(0.05)
    except OSError as error:
        raise LakeUnavailable(f"{root} cannot be written: {error.strerror}.") from error
    return lock


def _files(task: _Task, found: DeltaTable) -> dict[str, dict[str, Any]]:
    """The files that can hold spans of the filter: path -> row of ``get_add_actions()``."""
    snapshot = snapshot_of(task.lake, SPANS, found)
    picked = {file.path for file in snapshot.pick(task.filter).files}
    rows = pa.table(found.get_add_actions()).to_pylist()
    paths = {f"{snapshot.root}/{unquote(row['path'])}": row for row in rows}
    return {path: row for path, row in paths.items() if path in picked}


def _redo(task: _Task, path: str, file: Mapping[str, Any]) -> _File:
    """Look whether anything in a file changes; only then write it anew."""
    made = _File()
    for part in _parts(task, path, whole=False):
        made.spans += part.spans
        if part.changed:
            break
    else:
        return made
    made = _File()
    made.add = t.write_file(task.lake, SPANS, file["partition"], _rewritten(task, path, made))
    if made.columns["session_id"]:
        made.add = _sorted(task.lake, made.add, file["partition"])
        made.columns |= duck.sessions_changed(path, f"{t.table_uri(task.lake, SPANS)}/{made.add.path}")
    return made


def _parts(task: _Task, path: str, *, whole: bool) -> Iterator[Redone]:
    # Unbuffered: a row group with prompts may be larger than the memory.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER) as stored:
        have = set(stored.schema_arrow.names)
        schema = stored_schema(SPANS)
        for batch in stored.iter_batches(ROWS_AT_ONCE, columns=[n for n in schema.names if n in have]):
            yield redone(_completed(batch, schema), task.filter, task.own, whole=whole)


def _completed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the table's types; columns younger than its file are null."""
    have = set(batch.schema.names)
    columns = [batch[f.name].cast(f.type) if f.name in have else pa.nulls(len(batch), f.type) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _rewritten(task: _Task, path: str, made: _File) -> pa.RecordBatchReader:
    schema = stored_schema(SPANS)

    def batches() -> Iterator[pa.RecordBatch]:
        held: list[pa.RecordBatch] = []
        for part in _parts(task, path, whole=True):
            made.spans += part.spans
            made.changed += part.changed
            made.columns += part.columns
            held.append(part.rows)
            if sum(map(len, held)) >= t.ROW_GROUP_ROWS or sum(b.nbytes for b in held) >= GROUP_BYTES:
                yield from _joined(held)
                held = []
        yield from _joined(held)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _joined(held: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    if held:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


def _sorted(lake: str, add: AddAction, partition: Mapping[str, Any]) -> AddAction:
    """The file in lake order again, after spans moved to other sessions and others with them."""
    path = f"{t.table_uri(lake, SPANS)}/{add.path}"
    try:
        with merged(lake, SPANS, [DataFile(path, 0, partition)]) as rows:
            return t.write_file(lake, SPANS, partition, rows)
    finally:
        Path(path).unlink(missing_ok=True)


def _discard(lake: str, files: Iterable[_File]) -> None:
    """Delete files that were written and not committed."""
    for file in files:
        if file.add is not None:
            Path(f"{t.table_uri(lake, SPANS)}/{file.add.path}").unlink(missing_ok=True)


def _summary(version: int, done: Mapping[str, _File]) -> Renormalized:
    columns: Counter[str] = Counter()
    for file in done.values():
        columns += file.columns
    return Renormalized(
        version,
        len(done),
        sum(file.add is not None for file in done.values()),
        sum(file.spans for file in done.values()),
        sum(file.changed for file in done.values()),
        dict(columns.most_common()),
    )
