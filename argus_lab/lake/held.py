"""Which traces each file of spans holds, and which sessions are stored there: a part of a naming, and quick.

As namings are, this is read once a process, and compared by the same hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from argus_lab.lake.memory import Memory
from argus_lab.lake.namings import any_shared, hashed, known_naming, once

if TYPE_CHECKING:
    from argus_lab.lake.namings import Hashes, Naming

__all__ = ["Held", "held_in", "is_remembered", "may_hold"]

MOST_HELD = 20_000_000
"""Traces of which it is remembered in which files they are, some 12 bytes each."""
_COLUMNS = ["trace_id", "session_id"]


class Held(NamedTuple):
    """What is in a file, as sorted hashes: the traces, and whatever sessions are stored for their spans."""

    keys: Hashes
    others: Hashes


_memory = Memory[Held](MOST_HELD)


def may_hold(path: str, rows: int, traces: Hashes, sessions: Hashes) -> bool:
    """Whether spans of these traces, or stored under these sessions, may be in a file; nothing is read.

    Both are sorted. Of a file that is remembered it is known.
    """
    known = _known(path, rows)
    if known is None:
        return True
    held = ((traces, known.keys), (sessions, known.keys), (sessions, known.others))
    return any(any_shared(few, many) for few, many in held)


def is_remembered(path: str, rows: int) -> bool:
    """Whether it is known what a file holds."""
    return _known(path, rows) is not None


def _known(path: str, rows: int) -> Naming | Held | None:
    return known_naming(path, rows) or _memory.get((path, rows))


def held_in(path: str, rows: int) -> Naming | Held:
    """What a file holds, read at most once while it is remembered; a naming tells it too."""
    found = _known(path, rows)
    if found is None:
        with pq.ParquetFile(path, read_dictionary=_COLUMNS) as stored:
            columns = stored.read(columns=_COLUMNS)
        found = Held(*(_all_hashes(columns[name]) for name in _COLUMNS))
        _memory.put((path, rows), found)
    return found


def _all_hashes(column: pa.ChunkedArray) -> Hashes:
    texts = [chunk.dictionary.cast(pa.string()) for chunk in column.chunks]
    return once(hashed(pa.concat_arrays([pa.array([], pa.string()), *texts])))
