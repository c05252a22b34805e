"""Where spans belong whose session is not what is stored for them.

A small table beside files that are read as they are: :class:`Belonging` says which spans, and puts their
sessions into rows. It is made by :mod:`argus_lab.lake.resolving`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.lake.sessions import OPEN

__all__ = ["NOTHING", "SCHEMA", "SESSION_COLUMNS", "Belonging", "Part"]

SCHEMA = pa.schema([(n, pa.string()) for n in ("trace_id", "span_id", "session_id", "session_source")])
SESSION_COLUMNS = ("session_id", "session_source")


def _none() -> pa.Table:
    return SCHEMA.empty_table()


@dataclass(frozen=True)
class Belonging:
    """Where spans that name no session belong, if it is not what is stored for them.

    ``traces``: of whole traces that are stored as their own sessions (source ``trace``); ``mended``: of whole
    traces, whatever is stored for them; ``spans``: of single spans. Each trace and span stands in one of
    them, once. ``files``: where such spans are.
    """

    traces: pa.Table = field(default_factory=_none)
    mended: pa.Table = field(default_factory=_none)
    spans: pa.Table = field(default_factory=_none)
    files: frozenset[str] = frozenset()

    def applied(self, rows: pa.Table) -> pa.Table:
        """Rows with the sessions that they belong to; ids of trace and span are needed, and both columns."""
        if not self.files or not len(rows):
            return rows
        stored = rows["session_source"]
        is_open = pc.is_in(stored, pa.array(OPEN))
        moved = rows
        if len(self.traces):
            at = _places(rows["session_id"], self.traces["trace_id"].combine_chunks())
            moved = _put(moved, self.traces, pc.equal(stored, "trace"), at)
        if len(self.mended):
            at = _places(rows["trace_id"], self.mended["trace_id"].combine_chunks())
            moved = _put(moved, self.mended, is_open, at)
        if len(self.spans):
            moved = _put(moved, self.spans, is_open, _span_places(rows, self.spans))
        return moved

    def parts(self) -> list[Part]:
        """The tables with rows, in the order in which they are to be joined."""
        found = [
            Part("traces", self.traces, ("session_id",), ("trace",)),
            Part("mended", self.mended, ("trace_id",), OPEN),
            Part("spans", self.spans, ("trace_id", "span_id"), OPEN),
        ]
        return [part for part in found if len(part.rows)]


class Part(NamedTuple):
    """A table of sessions, and the spans it is for: those of these ``sources`` whose ``keys`` are ``own``."""

    name: str
    rows: pa.Table
    keys: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def own(self) -> tuple[str, ...]:
        """The columns of the table that the spans' ``keys`` are compared with."""
        return ("trace_id", "span_id")[: len(self.keys)]


NOTHING = Belonging()


def _places(column: pa.ChunkedArray, keys: pa.Array) -> pa.ChunkedArray:
    """Where each value stands among the keys, or null. Of dictionaries each value is looked up once."""
    if not pa.types.is_dictionary(column.type):
        return pc.index_in(column, keys)
    found = pc.index_in(pa.concat_arrays([chunk.dictionary for chunk in column.chunks]), keys)
    places, start = [], 0
    for chunk in column.chunks:
        places.append(found.slice(start, len(chunk.dictionary)).take(chunk.indices))
        start += len(chunk.dictionary)
    return pa.chunked_array(places, pa.int32())


def _span_places(rows: pa.Table, spans: pa.Table) -> pa.ChunkedArray:
    """Where each row's span stands among these, or null; ids are joined only of rows of their traces."""
    near = pc.is_valid(_places(rows["trace_id"], pc.unique(spans["trace_id"])))
    at = np.full(len(rows), -1, np.int32)
    found = pc.index_in(_pairs(rows.filter(near)), _pairs(spans))
    at[np.asarray(near)] = np.asarray(pc.fill_null(found, -1))
    return pa.chunked_array([pa.array(at, mask=at < 0)])


def _pairs(rows: pa.Table) -> pa.Array:
    """Trace id and span id as one text."""
    texts = (rows[name].cast(pa.string()) for name in ("trace_id", "span_id"))
    return pc.binary_join_element_wise(*texts, "/").combine_chunks()


def _put(rows: pa.Table, found: pa.Table, which: Any, at: pa.ChunkedArray) -> pa.Table:
    """Rows with the sessions that stand in ``found`` ``at`` these places."""
    at = pc.if_else(which, at, pa.scalar(None, pa.int32()))
    if at.null_count == len(rows):
        return rows
    for name in SESSION_COLUMNS:
        place = rows.column_names.index(name)
        column = _replaced(rows[name], found[name].combine_chunks(), at)
        rows = rows.set_column(place, rows.schema.field(place).with_type(column.type), column)
    return rows


def _replaced(column: pa.ChunkedArray, values: pa.Array, at: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with ``values`` ``at`` these places; of dictionaries only indices are made."""
    if not pa.types.is_dictionary(column.type):
        return pc.coalesce(values.take(at), column)
    values = pc.dictionary_encode(values)
    at = values.indices.take(at)
    parts, start = [], 0
    for chunk in column.chunks:
        here = at.slice(start, len(chunk)).combine_chunks()
        start += len(chunk)
        moved = pc.add(here, pa.scalar(len(chunk.dictionary), pa.int32()))
        texts = pa.concat_arrays([chunk.dictionary, values.dictionary])
        parts.append(pa.DictionaryArray.from_arrays(pc.coalesce(moved, chunk.indices), texts))
    return pa.chunked_array(parts)
