"""The file beside the table in which it is kept where spans belong: one file, replaced whole.

A line with a digest of what follows, a line of JSON with the files that it speaks of, an Arrow stream of the
spans that belong elsewhere than is stored, and hashes of the traces in new files; those of others stand in
a file of their own (:mod:`argus_lab.lake.hashes`). See docs/decisions/0024 and 0026.
"""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from argus_lab.lake import hashes, sealed
from argus_lab.lake.belonging import SCHEMA, Belonging
from argus_lab.lake.holdings import Holdings
from argus_lab.lake.settled import Settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_lab.lake.namings import Hashes

__all__ = ["MOST", "NAME", "noted", "remembered"]

NAME = "_settled"
"""Where it stands in the folder of the table. Engines leave out what starts so."""

RULE = 3
"""The rule of :mod:`argus_lab.lake.sessions` that it was found by, and its form; others have others."""

MOST = 32 * 1024 * 1024
"""Bytes of spans that belong elsewhere, unpacked, that are kept; of more it is only kept in which files."""


class _Head(msgspec.Struct, frozen=True):
    """What the rest is, and how long.

    ``size``: the bytes of the Arrow stream; ``rows``: how many are in it of each table of a
    :class:`Belonging`, below 0 if there is none. ``seed``: the key of the :class:`Holdings`. ``held``,
    ``hashes``: how many hashes there are of which new files, and their digest.
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
    if head.rule != RULE or digest[:-1] != sealed.digest(told + data):
        return None
    # Hashes are most of it, and only needed if a file came or went: until then they are not even read.
    holdings = Holdings(head.seed, partial(_hashes, root, head, len(digest + told + data)))
    return Settled(head.files, frozenset(head.off), _unpacked(root, head, data), holdings)


def noted(root: str, settled: Settled) -> None:
    """Keep it for others, whole or not at all, in place of what was known before."""
    seed = settled.holdings.seed
    named = {path.removeprefix(f"{root}/"): each for path, each in settled.holdings.keys.items()}
    kept = hashes.remembered(root, seed)
    new = {name: each for name, each in named.items() if name not in kept}
    if sum(map(len, new.values())) > hashes.FEW:
        hashes.noted(root, seed, named)
        new = {}
    sealed.put(Path(root, NAME), _packed(settled, new))


def _packed(settled: Settled, new: Mapping[str, Hashes]) -> list[bytes]:
    found = settled.belonging
    tables = [] if found is None else [found.traces, found.mended, found.spans, found.stored]
    is_kept = found is not None and sum(table.nbytes for table in tables if table is not None) <= MOST
    stream, keys = _streamed(tables) if is_kept else b"", hashes.packed(new)
    head = _Head(
        rule=RULE,
        files=dict(settled.files),
        off=sorted(settled.off),
        size=len(stream),
        rows=[-1 if table is None else len(table) for table in tables] if is_kept else None,
        is_alone=found is not None and found.is_alone,
        seed=settled.holdings.seed,
        held=hashes.sizes(new),
        hashes=sealed.digest(keys).decode(),
    )
    told = msgspec.json.encode(head) + b"\n" + stream
    return [sealed.digest(told), b"\n", told, keys]


def _hashes(root: str, head: _Head, start: int) -> dict[str, Hashes]:
    """What files hold; of new ones nothing if it is damaged, or another file is in its place by now."""
    found = dict(hashes.remembered(root, head.seed))
    try:
        with Path(root, NAME).open("rb") as file:
            file.seek(start)
            data = file.read(8 * sum(head.held.values()))
    except OSError:
        data = b""
    if sealed.digest(data).decode() == head.hashes:
        found |= hashes.unpacked(head.held, data)
    return {f"{root}/{name}": each for name, each in found.items()}


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
