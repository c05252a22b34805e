"""Where spans belong whose session is not what is stored for them.

A small table beside files that are read as they are: :class:`Belonging` says which spans, and puts their
sessions into rows. It is made by :mod:`argus_lab.lake.resolving`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.lake.namings import hashed
from argus_lab.lake.sessions import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from argus_lab.lake.namings import Hashes

    Places = npt.NDArray[np.int64]

__all__ = ["NOTHING", "SCHEMA", "SESSION_COLUMNS", "Belonging", "Part"]

SCHEMA = pa.schema([(n, pa.string()) for n in ("trace_id", "span_id", "session_id", "session_source")])
SESSION_COLUMNS = ("session_id", "session_source")
TOLD_COLUMNS = tuple(f"told_{name}" for name in SESSION_COLUMNS)
MANY = 20_000
"""Beyond so many traces it is no use to tell apart which spans may belong elsewhere."""


def _none() -> pa.Table:
    return SCHEMA.empty_table()


@dataclass(frozen=True)
class Belonging:
    """Where spans that name no session belong, if it is not what is stored for them.

    ``traces``: of whole traces that are stored as their own sessions (source ``trace``); ``mended``: of whole
    traces, whatever is stored for them; ``spans``: of single spans. Each trace and span stands in one of
    them, once. ``files``: where such spans are. ``stored``: the sessions that are stored for traces in
    ``mended`` and ``spans``, by which a query finds them without a look at every trace; None if too many.
    ``is_alone``: it is known that no other spans of the lake are stored under the ids of ``traces``.
    """

    traces: pa.Table = field(default_factory=_none)
    mended: pa.Table = field(default_factory=_none)
    spans: pa.Table = field(default_factory=_none)
    files: frozenset[str] = frozenset()
    stored: pa.Table | None = None
    is_alone: bool = False

    def applied(self, rows: pa.Table) -> pa.Table:
        """Rows with the sessions that they belong to; ids of trace and span are needed, and both columns."""
        if not self.files or not len(rows):
            return rows
        at, places, base = [], [], 0
        parts = self.parts()
        for part in parts:
            row, place = _span_places(rows, part.rows) if part.name == "spans" else _places(rows, part)
            if not part.is_alone:
                sources = rows["session_source"].take(row).cast(pa.string())
                is_meant = pc.is_in(sources, pa.array(part.sources)).combine_chunks()
                row, place = row.filter(is_meant), place.filter(is_meant)
            at.append(np.asarray(row))
            places.append(np.asarray(place) + base)
            base += len(part.rows)
        order = _last(np.concatenate(at))
        where, found = np.concatenate(at)[order], np.concatenate(places)[order]
        known = pa.concat_tables([part.rows for part in parts])
        for name in SESSION_COLUMNS:
            rows = _replaced(rows, name, where, known[name].combine_chunks(), found)
        return rows

    def stored_for(self, sessions: Sequence[str]) -> tuple[str, ...] | None:
        """The sessions that may be stored for spans of these sessions; None if that is not known."""
        if self.stored is None:
            return None
        wanted = pa.array(sessions, pa.string())
        own, mended, spans = (
            each.filter(pc.is_in(each["session_id"], wanted))["trace_id"] for each in self._tables()
        )
        traces = pa.array([*mended.to_pylist(), *spans.to_pylist()], pa.string())
        others = self.stored.filter(pc.is_in(self.stored["trace_id"], traces))
        stored = others["session_id"].drop_null().to_pylist()
        return tuple({*sessions, *own.to_pylist(), *stored})

    def around(self, sessions: Sequence[str]) -> Belonging | None:
        """What it says of the traces that have spans in these sessions, or stored there; None if not known.

        :data:`NOTHING`: all spans that are stored under these sessions belong there, and no others do.
        """
        if not self.files or self.stored is None:
            return None if self.files else NOTHING
        wanted = pa.array(sessions, pa.string())
        into = [part.filter(pc.is_in(part["session_id"], wanted)) for part in (*self._tables(), self.stored)]
        traces = pa.concat_arrays([wanted, *(chunk for part in into for chunk in part["trace_id"].chunks)])
        found = self._kept(lambda ids: pc.is_in(ids, traces))
        if not len(found.ids):
            return NOTHING
        return found if self.is_alone else found._by_trace()  # noqa: SLF001  the same class

    def _by_trace(self) -> Belonging:
        """The same, told by the spans' traces alone: a span of another may be stored under a trace's id."""
        own = self.traces["trace_id"]
        under = pa.table({"trace_id": own, "session_id": own})
        stored = None if self.stored is None else pa.concat_tables([self.stored, under])
        mended = pa.concat_tables([self.mended, self.traces])
        return replace(self, traces=_none(), mended=mended, stored=stored, is_alone=False)

    def without(self, traces: Hashes) -> Belonging:
        """What it says of all but these traces, by their hashes."""
        return self._kept(lambda ids: pa.array(~np.isin(hashed(ids.combine_chunks()), traces)))

    @property
    def ids(self) -> pa.Array:
        """The traces that it tells of."""
        return pc.unique(pa.concat_tables(self._tables())["trace_id"])

    def _tables(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        return self.traces, self.mended, self.spans

    def _kept(self, is_kept: Callable[[pa.ChunkedArray], pa.Array]) -> Belonging:
        """What it says of some traces, which are told by their ids."""
        traces, mended, spans = (part.filter(is_kept(part["trace_id"])) for part in self._tables())
        stored = None if self.stored is None else self.stored.filter(is_kept(self.stored["trace_id"]))
        return replace(self, traces=traces, mended=mended, spans=spans, stored=stored)

    @cached_property
    def stored_under(self) -> pa.Array | None:
        """The sessions that are stored for spans that belong elsewhere; None if not known, or too many."""
        if self.stored is None or len(self.traces) > MANY:
            return None
        both = [*self.traces["trace_id"].chunks, *self.stored["session_id"].chunks]
        return pc.unique(pa.chunked_array(both, pa.string()))

    def apart(self) -> tuple[pa.Table, pa.Array]:
        """Of ``stored_under``: the traces under whose ids nothing else is stored, and the other sessions."""
        if self.stored is None or self.stored_under is None or not self.is_alone:
            return _none(), self.stored_under
        others = pc.unique(self.stored["session_id"])
        return self.traces.filter(pc.invert(pc.is_in(self.traces["trace_id"], others))), others

    @cached_property
    def marks(self) -> pa.Table | None:
        """By session that is stored ``under``: the session of the trace of this id, and of others by theirs.

        The latter are maps by trace id, ``told_session_id`` and ``told_session_source``, where spans are
        stored that belong where ``mended`` says; ``is_told_by_span``: where ``spans`` does. No others have to
        be looked up there. None if this is not known, or there are no such spans.
        """
        if self.stored is None or not (len(self.mended) or len(self.spans)):
            return None
        own = self.traces.select(["trace_id", *SESSION_COLUMNS]).combine_chunks()
        told, of_spans = _told(self.stored, self.mended), self.spans["trace_id"].combine_chunks()
        is_of_spans = pc.is_in(self.stored["trace_id"], of_spans)
        by_span = self.stored["session_id"].filter(is_of_spans).combine_chunks()
        others = pc.unique(pa.concat_arrays([told["under"].combine_chunks(), by_span]))
        # Few beside the traces, which are each there once: these need not be looked up one by one.
        others = others.filter(pc.invert(pc.is_in(others, own["trace_id"])))
        under = pa.concat_arrays([own["trace_id"].combine_chunks(), others])
        at, nulls = pc.index_in(under, told["under"].combine_chunks()), pa.nulls(len(others), pa.string())
        columns = {"under": under}
        columns |= {name: pa.concat_arrays([*own[name].chunks, nulls]) for name in SESSION_COLUMNS}
        columns |= {name: told[name].combine_chunks().take(at) for name in TOLD_COLUMNS}
        return pa.table(columns | {"is_told_by_span": pc.is_in(under, by_span)})

    def parts(self) -> list[Part]:
        """The tables with rows, in the order in which they are to be joined."""
        found = [
            Part("traces", self.traces, ("session_id",), ("trace",), self.is_alone),
            Part("mended", self.mended, ("trace_id",), OPEN),
            Part("spans", self.spans, ("trace_id", "span_id"), OPEN),
        ]
        return [part for part in found if len(part.rows)]


class Part(NamedTuple):
    """A table of sessions, and the spans it is for: those of these ``sources`` whose ``keys`` are ``own``.

    ``is_alone``: no spans of other sources have such keys.
    """

    name: str
    rows: pa.Table
    keys: tuple[str, ...]
    sources: tuple[str, ...]
    is_alone: bool = False

    @property
    def own(self) -> tuple[str, ...]:
        """The columns of the table that the spans' ``keys`` are compared with."""
        return ("trace_id", "span_id")[: len(self.keys)]


NOTHING = Belonging()


def _told(stored: pa.Table, mended: pa.Table) -> pa.Table:
    """By session that is stored ``under``: where spans of these traces belong that are there, as maps."""
    place = pc.index_in(stored["trace_id"], mended["trace_id"].combine_chunks()).combine_chunks()
    here = stored["session_id"].filter(pc.is_valid(place)).combine_chunks().dictionary_encode()
    codes = np.asarray(here.indices)
    order = np.argsort(codes, kind="stable")
    ends = pa.array(np.searchsorted(codes[order], np.arange(len(here.dictionary) + 1)), pa.int32())
    rows = mended.take(place.drop_null().take(pa.array(order)))
    keys = rows["trace_id"].combine_chunks()
    maps = [pa.MapArray.from_arrays(ends, keys, rows[name].combine_chunks()) for name in SESSION_COLUMNS]
    return pa.table([here.dictionary, *maps], names=["under", *TOLD_COLUMNS])


def _places(rows: pa.Table, part: Part) -> tuple[pa.Array, pa.Array]:
    """The rows whose key stands in the part, and where. Of dictionaries each value is looked up once."""
    column, keys = rows[part.keys[0]], part.rows["trace_id"].combine_chunks()
    if not pa.types.is_dictionary(column.type):
        return _hits(np.asarray(pc.fill_null(pc.index_in(column, keys), -1)))
    found = pc.index_in(pa.concat_arrays([chunk.dictionary for chunk in column.chunks]), keys)
    known, places, start = np.asarray(pc.fill_null(found, -1)), [], 0
    for chunk in column.chunks:
        here = np.append(known[start : start + len(chunk.dictionary)], -1)
        places.append(here[np.asarray(pc.fill_null(chunk.indices, -1))])
        start += len(chunk.dictionary)
    return _hits(np.concatenate(places))


def _span_places(rows: pa.Table, spans: pa.Table) -> tuple[pa.Array, pa.Array]:
    """The rows whose span stands among these, and where; ids are joined only of rows of their traces."""
    once = pa.table({"trace_id": pc.unique(spans["trace_id"])})
    near, _ = _places(rows, Part("", once, ("trace_id",), ()))
    row, place = _hits(np.asarray(pc.fill_null(pc.index_in(_pairs(rows.take(near)), _pairs(spans)), -1)))
    return near.take(row), place


def _last(rows: Places) -> Places:
    """What sorts these rows; of those that are there twice the last, which knows the trace by its own id."""
    order = np.argsort(rows, kind="stable")
    is_last = np.ones(len(order), bool)
    is_last[:-1] = rows[order[1:]] != rows[order[:-1]]
    return order[is_last]


def _hits(places: Any) -> tuple[pa.Array, pa.Array]:
    rows = np.flatnonzero(places >= 0)
    return pa.array(rows), pa.array(places[rows])


def _pairs(rows: pa.Table) -> pa.Array:
    """Trace id and span id as one text."""
    texts = (rows[name].cast(pa.string()) for name in ("trace_id", "span_id"))
    return pc.binary_join_element_wise(*texts, "/").combine_chunks()


def _replaced(rows: pa.Table, name: str, where: Places, texts: pa.Array, places: Places) -> pa.Table:
    """The rows with these texts of a column at these rows, which are in order. Dictionaries are read once."""
    at, column = rows.column_names.index(name), rows[name]
    if pa.types.is_dictionary(column.type):
        known = pa.concat_arrays([*(chunk.dictionary for chunk in column.chunks), texts])
        first, low, chunks = 0, 0, []
        for chunk in column.chunks:
            index = np.asarray(pc.fill_null(chunk.indices, -1)).astype(np.int64)
            index[index >= 0] += low
            here = slice(*np.searchsorted(where, [first, first + len(chunk)]))
            index[where[here] - first] = len(known) - len(texts) + places[here]
            chunks.append(known.take(pa.array(index, mask=index < 0)))
            first, low = first + len(chunk), low + len(chunk.dictionary)
        column = pa.chunked_array(chunks, pa.string())
    else:
        mask = np.zeros(len(rows), bool)
        mask[where] = True
        values = texts.take(pa.array(places))
        column = pc.replace_with_mask(column.cast(pa.string()), pa.array(mask), values)
    return rows.set_column(at, rows.schema.field(at).with_type(pa.string()), column)
