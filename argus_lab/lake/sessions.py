"""Sessions of spans that name none: inherited within their trace.

Often only the root of a trace, or the services that know the conversation, carry a session id. In
whole traces a span without one belongs to the session of its nearest ancestor that names one, else
to the one that the trace names first. Where a trace names none, it is its own session. The rule looks
at nothing but the spans themselves, so the order in which they arrived does not matter, and what was
worked out before (sources ``inherited``, ``inferred``, ``trace``) is worked out anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]
    Places = npt.NDArray[np.intp]

__all__ = ["MARK", "NEEDED", "OPEN", "inherited", "is_open", "settled"]

NEEDED = ("trace_id", "span_id", "parent_span_id", "session_id", "session_source", "start_unix_nano")
"""Columns that :func:`inherited` looks at."""

OPEN = ("inferred", "inherited", "trace")
"""Sources of sessions that spans did not name themselves."""

MARK = {b"argus.sessions": b"settled"}
"""Stands in the footers of files whose sessions are those that :func:`inherited` finds in their rows."""

_LATEST = 2**63 - 1


def inherited(rows: pa.Table) -> pa.Table:
    """Whole traces, with ``session_id`` and ``session_source`` of spans that name no session.

    Examples
    --------
    >>> rows = pa.table({
    ...     "trace_id": ["t", "t"], "span_id": ["a", "b"], "parent_span_id": [None, "a"],
    ...     "session_id": ["chat-7", "t"], "session_source": ["attribute", "trace"],
    ...     "start_unix_nano": [1, 2],
    ... })
    >>> inherited(rows).select(["session_id", "session_source"]).to_pylist()[1]
    {'session_id': 'chat-7', 'session_source': 'inherited'}
    """
    unnamed = is_open(rows["session_source"])
    if not unnamed.any():
        return rows
    named = ~unnamed & _flags(rows["session_id"].is_valid())
    from_row = _namer(rows, named) if named.any() else np.full(len(rows), len(rows))
    has_namer = from_row < len(rows)
    took = pa.array(from_row, mask=~has_namer)
    session = pc.coalesce(rows["session_id"].combine_chunks().take(took), rows["trace_id"].combine_chunks())
    source = pc.if_else(pa.array(has_namer), "inherited", "trace")
    change = pa.array(unnamed)
    for name, values in (("session_id", session), ("session_source", source)):
        place = rows.column_names.index(name)
        whole = pc.if_else(change, values, rows[name].combine_chunks())
        rows = rows.set_column(place, rows.schema.field(place), whole)
    return rows


def settled(rows: pa.Table) -> pa.Table:
    """Rows of a file to be, with the sessions that follow from them alone, and marked so."""
    return inherited(rows).replace_schema_metadata(MARK)


def is_open(sources: pa.ChunkedArray) -> Mask:
    """Which spans did not name their session themselves."""
    return _flags(pc.is_in(sources, pa.array(OPEN)))


def _flags(column: Any) -> Mask:
    return np.asarray(column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column, bool)


def _namer(rows: pa.Table, named: Mask) -> Places:
    """For each row the row whose session it has: upwards, else the first of its trace; else ``len(rows)``."""
    found = _upwards(rows, named)
    first = _first_named(rows, named)
    lost = found == len(rows)
    found[lost] = first[lost]
    return found


def _upwards(rows: pa.Table, named: Mask) -> Places:
    """The nearest row that names a session, by following parents; ``len(rows)`` if there is none."""
    nowhere = len(rows)
    at = np.append(_parents(rows, named), nowhere)
    at[:-1][named] = np.flatnonzero(named)
    for _ in range(nowhere.bit_length() + 1):  # each look doubles how far it sees
        further = at[at]
        if np.array_equal(further, at):
            break
        at = further
    # What is still on its way runs in a circle of parents, as a broken sender may make one.
    arrived = np.append(named, True)[at]
    return np.where(arrived, at, nowhere)[:-1]


def _parents(rows: pa.Table, named: Mask) -> Places:
    """The row of each row's parent, or ``len(rows)``. Of equal ids the one that names a session counts."""
    own = _pair(rows["trace_id"], rows["span_id"])
    ids = pa.table({"named": pa.array(~named), "session": rows["session_id"], "start": _starts(rows)})
    order = pc.sort_indices(ids, sort_keys=[(name, "ascending") for name in ids.column_names])
    there = pc.index_in(_pair(rows["trace_id"], rows["parent_span_id"]), own.take(order))
    there = order.cast(pa.int64()).take(there)
    places: Places = there.fill_null(len(rows)).to_numpy(zero_copy_only=False).astype(np.intp)
    return places


def _pair(traces: pa.ChunkedArray, spans: pa.ChunkedArray) -> pa.Array:
    joined = pc.binary_join_element_wise(traces, spans, "/")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _starts(rows: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(rows["start_unix_nano"], _LATEST)


def _first_named(rows: pa.Table, named: Mask) -> Places:
    """The row that names a session first in each row's trace, by start; ``len(rows)`` if none does."""
    traces = pc.dictionary_encode(rows["trace_id"].combine_chunks()).indices.to_numpy().astype(np.intp)
    who = pa.table({"start": _starts(rows), "span": rows["span_id"], "session": rows["session_id"]})
    order = pc.sort_indices(who, sort_keys=[(name, "descending") for name in who.column_names]).to_numpy()
    order = order[named[order]].astype(np.intp)
    first = np.full(traces.max(initial=-1) + 1, len(rows))
    first[traces[order]] = order  # the earliest is written last, and stays
    found: Places = first[traces]
    return found
