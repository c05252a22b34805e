"""What each file of spans says about sessions: those its traces name, and what is stored for the rest.

A file never changes, so this is read once a process, from three columns that compress to next to nothing.
Traces and sessions are compared by 64-bit hashes with a key of this process's own, which makes them small
and fast to sort; their texts are kept beside them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from argus_lab.lake.memory import Memory
from argus_lab.lake.sessions import MARK, OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Hashes = npt.NDArray[np.int64]
    Seeds = npt.NDArray[np.uint64]
    Counts = npt.NDArray[np.int64]
    Places = npt.NDArray[np.intp]

__all__ = [
    "COLUMNS",
    "Naming",
    "Said",
    "Texts",
    "all_named",
    "any_shared",
    "hashed",
    "known_naming",
    "may_be_open",
    "naming",
    "naming_of",
    "numbered",
    "once",
    "remember",
    "shared",
    "told",
]

COLUMNS = ["trace_id", "session_id", "session_source"]
MOST_TRACES = 5_000_000
"""Traces whose namings stay in memory, some 70 bytes each; beyond them files are read again."""
_SOURCES = {source: number for number, source in enumerate(OPEN, start=1)}
_WIDTH = 32
_SEEDS = np.frombuffer(secrets.token_bytes(24), np.uint64) | np.uint64(1)
_TOLD = np.int64(len(_SOURCES) + 1)


@dataclass(frozen=True)
class Naming:
    """The traces of a file, sorted by ``keys``, the hashes of their ids.

    ``names``: how many sessions the spans of a trace name; ``first``: the place of one of them in
    ``sessions``, ``name`` its hash. ``unnamed``: how many different things are stored for its spans that name
    none (0: all spans name one); ``stored``: :func:`told` of one of them. ``others``: the hashes, sorted, of
    sessions that are stored for spans whose session is not just their trace. ``is_settled``: the file says
    that what is stored follows from its own rows.
    """

    keys: Hashes
    ids: pa.Array
    names: Counts
    name: Hashes
    first: Counts
    sessions: pa.Array
    unnamed: Counts
    stored: Hashes
    others: Hashes
    is_settled: bool

    @property
    def open_keys(self) -> Hashes:
        """The traces with spans that name no session."""
        return self.keys[self.unnamed > 0]


_memory = Memory[Naming](MOST_TRACES)


def hashed(texts: pa.Array, seeds: Seeds = _SEEDS, other: Callable[[str], int] = hash) -> Hashes:
    """The hashes of texts without nulls, other ones in each process; ``other`` is for texts unlike ids."""
    lengths = pc.binary_length(texts)
    wide = pc.equal(lengths, _WIDTH)
    if pc.all(wide).as_py():
        return _hashed_ids(texts, seeds)
    found = np.empty(len(texts), np.int64)
    is_id = np.asarray(wide)
    found[is_id] = _hashed_ids(texts.filter(wide), seeds)
    found[~is_id] = [other(text) for text in texts.filter(pc.invert(wide)).to_pylist()]
    return found


def _hashed_ids(texts: pa.Array, seeds: Seeds) -> Hashes:
    """The hashes of texts of 32 bytes, as trace ids are: eight bytes after the other are mixed in."""
    if not len(texts):
        return np.empty(0, np.int64)
    start = int(np.frombuffer(texts.buffers()[1], np.int32)[texts.offset])
    words = np.frombuffer(texts.buffers()[2], np.uint64, len(texts) * 4, start)
    found = np.full(len(texts), seeds[0], np.uint64)
    for word in words.reshape(-1, 4).T:
        found = (found ^ word) * seeds[1]
        found ^= found >> np.uint64(29)
        found *= seeds[2]
        found ^= found >> np.uint64(32)
    return found.view(np.int64)


def once(keys: Hashes) -> Hashes:
    """Each key once, sorted."""
    keys = np.sort(keys)  # numpy's own way, by a hash table, takes three times as long
    is_first = np.ones(len(keys), bool)
    is_first[1:] = keys[1:] != keys[:-1]
    return keys[is_first]


def shared(few: Hashes, many: Hashes) -> tuple[Places, Places]:
    """Where keys that two sorted arrays share stand in the first and in the second."""
    if len(few) > len(many):
        there, at = shared(many, few)
        return at, there
    place = np.searchsorted(many, few)
    place[place == len(many)] = 0
    hits = many[place] == few if len(many) else np.zeros(len(few), bool)
    return np.flatnonzero(hits), place[hits]


def any_shared(some: Hashes, others: Hashes) -> bool:
    """Whether two sorted arrays share a key."""
    few, many = (some, others) if len(some) <= len(others) else (others, some)
    if not len(few):
        return False
    place = many.searchsorted(few)
    place[place == len(many)] = 0
    return bool((many[place] == few).any())


def told(sessions: Hashes, source: str) -> Hashes:
    """What is stored for a span that names no session, as one number: the session and where it comes from."""
    with np.errstate(over="ignore"):
        return sessions * _TOLD + _SOURCES[source]


def known_naming(path: str, rows: int) -> Naming | None:
    """The naming of a file, if it is remembered."""
    return _memory.get((path, rows))


def naming_of(path: str, rows: int) -> Naming:
    """The naming of a file, read at most once while it is remembered."""
    found = _memory.get((path, rows))
    if found is None:
        found = _read(path)
        remember(path, rows, found)
    return found


def remember(path: str, rows: int, found: Naming) -> None:
    """Let it be known what a file names."""
    _memory.put((path, rows), found)


def may_be_open(path: str, rows: int) -> bool:
    """Whether spans of a file name no session, as far as that is known without a look at them."""
    found = known_naming(path, rows)
    return not all_named(path) if found is None else bool(found.unnamed.any())


@lru_cache(maxsize=100_000)
def all_named(path: str) -> bool:
    """Whether all spans of a file name their sessions, as its footer says."""
    footer = pq.read_metadata(path)
    places = {footer.schema.column(i).path: i for i in range(footer.num_columns)}
    if "session_source" not in places:
        return False
    groups = [footer.row_group(i).column(places["session_source"]) for i in range(footer.num_row_groups)]
    ends = [group.statistics for group in groups]
    return all(s is not None and s.has_min_max and s.min == s.max == "attribute" for s in ends)


def _read(path: str) -> Naming:
    with pq.ParquetFile(path, read_dictionary=COLUMNS) as stored:
        is_settled = (stored.metadata.metadata or {}).items() >= MARK.items()
        rows = stored.read(columns=COLUMNS).unify_dictionaries().combine_chunks()
    trace, session, source = (_codes(rows[name]) for name in COLUMNS)
    ids, sessions = (Texts.of(_texts(rows[name])) for name in COLUMNS[:2])
    said = _distinct(trace, session, numbered(source, _texts(rows["session_source"])))
    return naming(ids, sessions, Said(*said), is_settled=is_settled)


def numbered(source: Counts, texts: pa.Array) -> Counts:
    """The numbers of sources that are given by their places in texts, below 0 for none; 0: it is named."""
    known = [_SOURCES.get(text, 0) for text in texts.to_pylist()]
    return np.array([*known, 0], np.int64)[source]  # the last one is for what is below 0


def _codes(column: pa.ChunkedArray) -> Counts:
    if not len(column):
        return np.empty(0, np.int64)
    found: Counts = pc.fill_null(column.chunk(0).indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _texts(column: pa.ChunkedArray) -> pa.Array:
    found = column.chunk(0).dictionary if len(column) else pa.array([], pa.string())
    return found.cast(pa.string())


def _distinct(*columns: Counts) -> list[Counts]:
    """Each combination of values once. Rows lie in order, so most repeat the one before."""
    if not len(columns[0]):
        return list(columns)
    other = np.ones(len(columns[0]), bool)
    other[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    columns = tuple(column[other] for column in columns)
    whole = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        whole = whole * (column.max() + 2) + column + 1
    _, once = np.unique(whole, return_index=True)
    return [column[once] for column in columns]


class Texts(NamedTuple):
    """Texts, each once, with their hashes."""

    texts: pa.Array
    hashes: Hashes

    @classmethod
    def of(cls, texts: pa.Array) -> Texts:
        """These, hashed."""
        return cls(texts, hashed(texts))


class Said(NamedTuple):
    """What the spans of a file say, each once: places of a trace and its session, below 0 if there is none.

    ``kind``: where the session comes from, as :func:`numbered`.
    """

    trace: Counts
    session: Counts
    kind: Counts


def naming(ids: Texts, sessions: Texts, said: Said, *, is_settled: bool) -> Naming:
    """The naming of a file with these traces and sessions, whose spans say this."""
    trace, session, kind = said
    size, hashes = len(ids.texts), np.append(sessions.hashes, 0)
    gives, lacks = (kind == 0) & (session >= 0), kind > 0
    first = np.full(size, -1, np.int64)
    first[trace[gives]] = session[gives]
    stored = np.zeros(size, np.int64)
    with np.errstate(over="ignore"):
        stored[trace[lacks]] = hashes[session[lacks]] * _TOLD + kind[lacks]
    names, unnamed = (np.bincount(trace[which], minlength=size) for which in (gives, lacks))
    is_own = (kind == _SOURCES["trace"]) & (hashes[session] == ids.hashes[trace])
    order = np.argsort(ids.hashes)
    return Naming(
        keys=ids.hashes[order],
        ids=ids.texts.take(pa.array(order)),
        names=names[order],
        name=hashes[first[order]],
        first=first[order],
        sessions=sessions.texts,
        unnamed=unnamed[order],
        stored=stored[order],
        others=once(hashes[session[~is_own & (session >= 0)]]),
        is_settled=is_settled,
    )
