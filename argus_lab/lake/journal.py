"""The journal: request bodies on disk before they are acknowledged.

``<root>/<journal id>/<start offset>.wal`` holds records one after the other::

    length  uint32 little-endian, of the payload
    crc32   uint32 little-endian, of the payload
    payload an Entry in MessagePack

A journal belongs to one writer, which holds ``<journal id>/lock`` while it lives. A new process,
and a writer whose disk failed it, starts a new journal: nothing is ever written behind a place
where a write may have been cut short. Offsets count bytes from the journal's beginning, over all
its files; the keeper commits them with the rows, which is what makes a replay exactly once.
"""

from __future__ import annotations

import os
import secrets
import shutil
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from argus_lab.errors import LakeUnavailable
from argus_lab.lake.locks import FileLock, is_held

__all__ = [
    "Damage",
    "Entry",
    "JournalWriter",
    "Record",
    "drop_before",
    "durable_ends",
    "is_live",
    "journal_root",
    "journals",
    "pack",
    "records",
    "remove",
    "segments",
]

SEGMENT_BYTES = 64 * 1024 * 1024
"""A new file is begun beyond this size, so that committed ones can be deleted."""

_HEAD = struct.Struct("<II")
_SUFFIX = ".wal"


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One request as received.

    ``received_at`` is in nanoseconds since 1970; ``project`` comes from outside the body (a header
    or a setting); ``body`` is inflated.
    """

    received_at: int
    encoding: Literal["json", "protobuf"]
    project: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """An entry with the journal offset behind it."""

    entry: Entry
    end: int


# macOS has no fdatasync.
_sync_data = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True)
class Damage:
    """A record that fails its checksum although a whole one follows it: the disk changed it."""

    payload: bytes
    end: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def journal_root(lake: str) -> Path:
    """The local directory of the lake's journals."""
    return Path(lake) / "_journal"


def pack(entry: Entry) -> bytes:
    """The entry as a journal record."""
    payload = _encode(entry)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


class JournalWriter:
    """Appends records to a journal of its own. Not thread-safe: one thread calls ``append``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._directory: Path | None = None
        self._lock: FileLock | None = None
        self._file = -1
        self._start = self._size = 0

    def append(self, packed: Sequence[bytes]) -> None:
        """Write the records and return once they are on disk (fdatasync).

        Raises
        ------
        LakeUnavailable
            Disk full, read-only, no permission: none of the records counts as written, and the
            next call starts afresh, so that it works again once the cause is gone.
        """
        try:
            if self._file < 0 or self._size - self._start >= SEGMENT_BYTES:
                self._begin_segment()
            for chunk in packed:
                self._write(chunk)
            _sync_data(self._file)
        except OSError as error:
            self._abandon()
            raise LakeUnavailable(
                f"the journal {self._root} cannot be written: {error.strerror or error}. "
                "Free disk space or make the directory writable; the receiver answers 503 until then."
            ) from error
        self._size += sum(map(len, packed))

    def close(self) -> None:
        """Close the journal; the keeper takes in what it holds and deletes it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        self._directory = None

    def _write(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._file, view) :]

    def _begin_segment(self) -> None:
        directory = self._directory or self._begin_journal()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        path = directory / f"{self._size:020d}{_SUFFIX}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._start = self._size
        _sync_directory(directory)

    def _begin_journal(self) -> Path:
        self._root.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        name = f"{stamp}-{os.getpid()}-{secrets.token_hex(4)}"
        # Built under a name the keeper ignores: without its lock held it would look abandoned.
        hidden = self._root / f".{name}"
        hidden.mkdir()
        self._lock = FileLock.take(hidden / "lock")
        self._directory = hidden.rename(self._root / name)
        self._size = self._start = 0
        _sync_directory(self._root)
        return self._directory

    def _abandon(self) -> None:
        """Leave the journal as it was before a failed append, and never write to it again."""
        if self._file >= 0:
            # Should this fail too, the tail stays: its checksum, or its spans' ids when they are
            # sent again, tell it apart.
            with suppress(OSError):
                os.ftruncate(self._file, self._size - self._start)
        self.close()


def journals(root: Path) -> list[Path]:
    """The journals under ``root``, oldest first."""
    if not root.is_dir():
        return []
    return sorted(p for p in root.iterdir() if p.is_dir() and p.name[0].isdigit())


def segments(journal: Path) -> list[tuple[int, Path]]:
    """The files of a journal with their start offsets, in order."""
    try:
        paths = sorted(path for path in journal.iterdir() if path.suffix == _SUFFIX)
    except FileNotFoundError:  # drained and deleted meanwhile
        return []
    return [(int(path.stem), path) for path in paths]


def is_live(journal: Path) -> bool:
    """Whether the journal's writer still lives."""
    return is_held(journal / "lock")


def durable_ends(root: Path) -> dict[str, int]:
    """By journal id, the offset up to which records exist."""
    ends = {}
    for journal in journals(root):
        parts = segments(journal)
        with suppress(FileNotFoundError):  # drained and deleted meanwhile
            ends[journal.name] = parts[-1][0] + parts[-1][1].stat().st_size if parts else 0
    return ends


def records(journal: Path, *, after: int, limit: int) -> Iterator[Record | Damage]:
    """Whole records behind an offset, until some ``limit`` bytes are read.

    Ends at the first record that is cut short or fails its checksum, with nothing whole behind it:
    there nothing was ever acknowledged.
    """
    taken = 0
    parts = segments(journal)
    for number, (start, path) in enumerate(parts):
        following = parts[number + 1] if number + 1 < len(parts) else None
        if following is not None and following[0] <= after:
            continue
        with path.open("rb") as file:
            at = max(after, start)
            file.seek(at - start)
            while taken < limit:
                record = _next_record(file, at)
                if record is None:
                    break
                taken += record.end - at
                at = record.end
                yield record
        if following is None or following[0] != at:
            return


def _next_record(file: BinaryIO, at: int) -> Record | Damage | None:
    payload, is_whole = _payload(file)
    if not payload:
        return None
    end = at + _HEAD.size + len(payload)
    if is_whole:
        return Record(_decode(payload), end)
    place = file.tell()
    follows = _payload(file)[1]
    file.seek(place)
    return Damage(payload, end) if follows else None


def _payload(file: BinaryIO) -> tuple[bytes, bool]:
    """The next payload, empty if it is cut short, and whether its checksum is right."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return b"", False
    length, checksum = _HEAD.unpack(head)
    payload = file.read(length)
    # No record is empty: a head of zeros is a place that a power cut left unwritten.
    if len(payload) < length:
        return b"", False
    return payload, bool(payload) and zlib.crc32(payload) == checksum


def drop_before(journal: Path, offset: int) -> None:
    """Delete the files of a journal that lie wholly before an offset."""
    parts = segments(journal)
    for (_, path), (next_start, _) in pairwise(parts):
        if next_start <= offset:
            path.unlink()


def remove(journal: Path, *, committed: int) -> Path | None:
    """Delete a journal whose writer is gone.

    Bytes behind ``committed`` are no whole records; they are moved to ``<root>/damaged`` for a
    person to look at, and that place is returned.
    """
    parts = segments(journal)
    end = parts[-1][0] + parts[-1][1].stat().st_size if parts else 0
    if end > committed:
        kept = journal.parent / "damaged" / journal.name
        kept.parent.mkdir(exist_ok=True)
        journal.rename(kept)
        return kept
    shutil.rmtree(journal)
    return None


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
