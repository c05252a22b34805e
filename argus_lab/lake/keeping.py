"""The file beside the table in which it is kept where spans belong: one file, replaced whole.

A line with a digest of what follows, a line of JSON with the files that it speaks of, an Arrow stream of the
spans that belong elsewhere than is stored, and hashes of the traces in each file. See docs/decisions/0024.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from argus_lab.lake.belonging import SCHEMA, Belonging
from argus_lab.lake.holdings import Holdings
from argus_lab.lake.settled import Settled

if TYPE_CHECKING:
    from argus_lab.lake.namings import Hashes

__all__ = ["MOST", "NAME", "noted", "remembered"]

NAME = "_settled"
"""Where it stands in the folder of the table. Engines leave out what starts so."""

RULE = 2
"""The rule of :mod:`argus_lab.lake.sessions` that it was found by, and its form; others have others."""

MOST = 32 * 1024 * 1024
"""Bytes of spans that belong elsewhere, unpacked, that are kept; of more it is only kept in which files."""


class _Head(msgspec.Struct, frozen=True):
    """What the rest is, and how long.

    ``size``: the bytes of the Arrow stream; ``rows``: how many are in it of each table of a
    :class:`Belonging`, below 0 if there is none. ``seed``, ``held``, ``hashes``: of the :class:`Holdings`
    their key, how many hashes there are of which files, and their digest.
    """

    rule: int
    files: dict[str, int]
    off: list[str]
    size: int
    rows: list[int] | None
    is_alone: bool
    seed: bytes
    held: dict[str, int]
    hashes: str


def remembered(root: str) -> Settled | None:
    """What is known of the table in this folder. If it cannot be read, reads are slower and as right."""
    try:
        there = Path(root, NAME).stat()
        return _read(root, (there.st_ino, there.st_mtime_ns, there.st_size))
    except OSError:
        return None


@lru_cache(maxsize=4)
def _read(root: str, _which: tuple[int, int, int]) -> Settled | None:
    # It is replaced, and never changed: what was read of one file of this number, time and size stays so.
    try:
        with Path(root, NAME).open("rb") as file:
            digest, told = file.readline(), file.readline()
            head = msgspec.json.decode(told, type=_Head)
            data = file.read(head.size)
    except (OSError, msgspec.MsgspecError):
        return None
    if head.rule != RULE or digest[:-1] != _digest(told + data):
        return None
    # Hashes are most of it, and only needed if a file came or went: until then they are not even read.
    holdings = Holdings(head.seed, partial(_hashes, root, head, len(digest + told + data)))
    return Settled(head.files, frozenset(head.off), _unpacked(root, head, data), holdings)


def noted(root: str, settled: Settled) -> None:
    """Keep it for others, whole or not at all, in place of what was known before."""
    target = Path(root, NAME)
    # Not hidden: what a kill leaves of it goes with the vacuum, as other files that stand in no log.
    made = target.with_name(f"settled-{secrets.token_hex(8)}.tmp")
    try:
        with made.open("xb") as file:
            file.writelines(_packed(root, settled))
            file.flush()
            os.fsync(file.fileno())
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).hexdigest().encode()


def _packed(root: str, settled: Settled) -> list[bytes]:
    found, keys = settled.belonging, settled.holdings.keys
    tables = [] if found is None else [found.traces, found.mended, found.spans, found.stored]
    is_kept = found is not None and sum(table.nbytes for table in tables if table is not None) <= MOST
    stream = _streamed(tables) if is_kept else b""
    hashes = b"".join(each.astype("<i8").tobytes() for each in keys.values())
    head = _Head(
        rule=RULE,
        files=dict(settled.files),
        off=sorted(settled.off),
        size=len(stream),
        rows=[-1 if table is None else len(table) for table in tables] if is_kept else None,
        is_alone=found is not None and found.is_alone,
        seed=settled.holdings.seed,
        held={path.removeprefix(f"{root}/"): len(each) for path, each in keys.items()},
        hashes=_digest(hashes).decode(),
    )
    told = msgspec.json.encode(head) + b"\n" + stream
    return [_digest(told), b"\n", told, hashes]


def _hashes(root: str, head: _Head, start: int) -> dict[str, Hashes]:
    """What files hold; nothing if it is damaged, or another file is in its place by now."""
    try:
        with Path(root, NAME).open("rb") as file:
            file.seek(start)
            data = file.read(8 * sum(head.held.values()))
    except OSError:
        return {}
    if _digest(data).decode() != head.hashes:
        return {}
    ends = accumulate(head.held.values())
    keys = np.frombuffer(data, "<i8")
    return {
        f"{root}/{name}": keys[end - size : end]
        for (name, size), end in zip(head.held.items(), ends, strict=True)
    }


def _streamed(tables: list[pa.Table | None]) -> bytes:
    parts = [SCHEMA.empty_table()]
    for table in tables:
        if table is not None:
            columns = [table[n] if n in table.column_names else pa.nulls(len(table)) for n in SCHEMA.names]
            parts.append(pa.table(columns, SCHEMA.names).cast(SCHEMA))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
        stream.write_table(pa.concat_tables(parts).combine_chunks())
    return bytes(sink.getvalue())


def _unpacked(root: str, head: _Head, data: bytes) -> Belonging | None:
    if head.rows is None:
        return None
    with pa.ipc.open_stream(data) as stream:
        rows = stream.read_all()
    ends = accumulate(max(size, 0) for size in head.rows)
    parts = [rows.slice(end - max(size, 0), max(size, 0)) for end, size in zip(ends, head.rows, strict=True)]
    traces, mended, spans, stored = parts
    under = stored.select(["trace_id", "session_id"]) if head.rows[-1] >= 0 else None
    off = frozenset(f"{root}/{name}" for name in head.off)
    return Belonging(traces, mended, spans, off, under, head.is_alone)
