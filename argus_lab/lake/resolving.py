"""Sessions worked out for a reader: what is stored, held against what all files of a snapshot name.

What is stored for a span that names no session was right for the spans that were there when it was written:
one that came later, or lies in another file, may name one. Per trace it is compared what its spans name in
all files (:mod:`argus_lab.lake.namings`) with what is stored. Only where these differ, or where a trace names
several sessions, anything is worked out. See docs/decisions/0009.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.lake.belonging import NOTHING, SCHEMA, SESSION_COLUMNS, Belonging
from argus_lab.lake.namings import any_shared, hashed, may_be_open, naming_of, once, shared, told
from argus_lab.lake.sessions import inherited, is_open

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from argus_lab.lake.namings import Hashes, Naming
    from argus_lab.lake.settled import Among
    from argus_lab.lake.snapshot import DataFile

    Mask = npt.NDArray[np.bool_]
    Load = Callable[[Sequence[DataFile], pa.Array], pa.Table]

__all__ = ["Load", "belonging", "belonging_of_rows", "differing"]


def belonging(
    files: Sequence[DataFile],
    asked: Sequence[DataFile],
    load: Load,
    inferred: pa.Table | None = None,
    *,
    rewriting: bool = False,
    among: Among | None = None,
) -> Belonging:
    """Where spans of the files ``asked`` belong, by what all ``files`` name, as far as it is not stored.

    Parameters
    ----------
    load
        Gives, of the spans of some traces in some files, the columns that the rule needs.
    inferred
        ``trace_id`` and ``session_id`` of traces that name none, if sessions are to be inferred.
    rewriting
        The files asked about are written anew. What is stored then stays where these ``files`` name nothing,
        since others may.
    among
        All other traces are known to belong where it is stored.
    """
    if among is not None:
        near = {file.path for file in among.files}
        files, asked = among.files, [file for file in asked if file.path in near]
    open = [file for file in asked if may_be_open(file.path, file.rows)]
    doubtful = {file.path: naming_of(file.path, file.rows) for file in open}
    keys = once(np.concatenate([np.empty(0, np.int64), *(n.open_keys for n in doubtful.values())]))
    keys = keys if among is None else keys[shared(keys, among.traces)[0]]
    if not len(keys):
        return NOTHING
    namings = [naming_of(file.path, file.rows) for file in files]
    traces = _Traces(keys, namings)
    if inferred is not None:
        traces.infer(inferred)
    found = _Found(traces, doubtful, rewriting=rewriting)
    held = list(zip(files, namings, strict=True))
    whole, spans, rows = _of_several(found.several, held, load, asked if rewriting else ())
    off = found.off | _holders(doubtful, whole) | _holders(doubtful, spans)
    single, mended = found.tables()
    if not off:
        return NOTHING
    of_whole = hashed(whole["trace_id"].combine_chunks())
    as_traces = found.as_traces[np.searchsorted(keys, of_whole)]
    single = pa.concat_tables([single, whole.filter(pa.array(as_traces))])
    mended = pa.concat_tables([mended, whole.filter(pa.array(~as_traces))])
    holding = [file for file in asked if file.path in off]
    stored = _stored(mended, spans, rows, partial(load, holding))
    is_alone = not rewriting and _are_alone(single, namings)
    return Belonging(single, mended, spans, frozenset(off), stored, is_alone)


def _are_alone(traces: pa.Table, namings: Sequence[Naming]) -> bool:
    """Whether nothing but the spans of these traces is stored under their ids."""
    keys = np.sort(hashed(traces["trace_id"].combine_chunks()))
    return not any(any_shared(keys, each.others) for each in namings)


def _stored(
    mended: pa.Table, spans: pa.Table, rows: pa.Table | None, load: Callable[[pa.Array], pa.Table]
) -> pa.Table | None:
    """The sessions that are stored for traces with spans that belong elsewhere, if these are few.

    Some ``rows`` of whole traces are here already; those of others are loaded.
    """
    traces = pc.unique(pa.concat_tables([mended, spans])["trace_id"])
    if len(traces) > FEW:
        return None
    if rows is None:
        return _stored_in(load(traces))
    here = rows.filter(pc.is_in(rows["trace_id"], traces))
    others = traces.filter(pc.invert(pc.is_in(traces, rows["trace_id"].combine_chunks())))
    return _stored_in(pa.concat_tables([here, load(others)]) if len(others) else here)


def _stored_in(rows: pa.Table) -> pa.Table | None:
    """By trace, the sessions that are stored for rows that name none; None if none is for some."""
    unnamed = rows.filter(pa.array(is_open(rows["session_source"]))).select(["trace_id", "session_id"])
    if unnamed["session_id"].null_count:
        return None  # no query finds what is stored under nothing
    return unnamed.group_by(["trace_id", "session_id"]).aggregate([])


def belonging_of_rows(rows: pa.Table, files: Sequence[DataFile]) -> Belonging:
    """The same for whole traces, whose rows are here; ``files`` hold them."""
    spans = differing(rows)
    if not len(spans):
        return NOTHING
    return Belonging(spans=spans, files=frozenset(file.path for file in files), stored=_stored_in(rows))


FEW = 1000
"""Traces whose stored sessions are looked up."""


class _Traces:
    """Traces with spans that name no session, by sorted ``keys``; per trace what all files say of it.

    ``names``: no session, one, or more; ``name``: the hash of the one; ``held``: how many files have spans of
    it; ``expected``: :func:`told` of what should be stored, if no more than one session is named.
    """

    def __init__(self, keys: Hashes, namings: Sequence[Naming]) -> None:
        self.keys = keys
        self.names = np.zeros(len(keys), np.int64)
        self.held = np.zeros(len(keys), np.int64)
        self._name = np.zeros(len(keys), np.int64)
        self._place = np.full((2, len(keys)), -1, np.int64)
        self._texts = [naming.sessions for naming in namings]
        self._guesses: pa.Table | None = None
        for number, naming in enumerate(namings):
            self._learn(number, naming)
        self.expected = np.where(self.names == 0, told(keys, "trace"), told(self._name, "inherited"))

    def _learn(self, number: int, naming: Naming) -> None:
        at, there = shared(self.keys, naming.keys)
        self.held[at] += 1
        gives = naming.names[there] > 0
        at, there = at[gives], there[gives]
        is_first = self.names[at] == 0
        is_again = ~is_first & (self._name[at] == naming.name[there])
        self.names[at] += naming.names[there] - is_again
        at, there = at[is_first], there[is_first]
        self._name[at] = naming.name[there]
        self._place[0, at], self._place[1, at] = number, naming.first[there]

    def infer(self, guesses: pa.Table) -> None:
        """Let traces that name no session have these."""
        guesses = guesses.combine_chunks()
        order = np.argsort(hashed(guesses["trace_id"].chunk(0))) if len(guesses) else np.empty(0, np.int64)
        guesses = guesses.take(pa.array(order))
        self._texts.append(pa.array(guesses["session_id"].to_pylist(), pa.string()))
        at, there = shared(self.keys, hashed(pa.array(guesses["trace_id"].to_pylist(), pa.string())))
        free = self.names[at] == 0
        at, there = at[free], there[free]
        self._place[0, at], self._place[1, at] = len(self._texts) - 1, there
        sessions = hashed(self._texts[-1])
        self.expected[at] = told(sessions[there], "inferred")

    def table(self, which: Mask, ids: pa.Array) -> pa.Table:
        """The session of each of these traces, whose ids are given in the order of their keys."""
        number, place = self._place[:, which]
        sessions = _gathered(self._texts, number, place)
        sources = np.where(number < 0, "trace", np.where(self.names[which] > 0, "inherited", "inferred"))
        columns = [
            ids,
            pa.nulls(len(ids), pa.string()),
            pc.coalesce(sessions, ids),
            pa.array(sources, pa.string()),
        ]
        return pa.table(columns, schema=SCHEMA)


class _Found:
    """What the files say of traces that is not, or may not be, so."""

    def __init__(self, traces: _Traces, doubtful: Mapping[str, Naming], *, rewriting: bool) -> None:
        self._traces = traces
        self._rewriting = rewriting
        size = len(traces.keys)
        self._stale, self._is_mended, self._several = (np.zeros(size, bool) for _ in range(3))
        self.as_traces = np.ones(size, bool)
        self._id_place = np.full((2, size), -1, np.int64)
        self._ids = [naming.ids for naming in doubtful.values()]
        self.off: set[str] = set()
        for number, (path, naming) in enumerate(doubtful.items()):
            self._look(number, path, naming)

    def _look(self, number: int, path: str, naming: Naming) -> None:
        traces = self._traces
        at, there = shared(traces.keys, naming.keys)
        is_unnamed = naming.unnamed[there] > 0
        at, there = at[is_unnamed], there[is_unnamed]
        self._id_place[0, at], self._id_place[1, at] = number, there
        is_several = traces.names[at] > 1
        # A file that says that its sessions follow from its rows is believed, of traces that it holds alone.
        self._several[at] |= is_several & ~(naming.is_settled & (traces.held[at] == 1))
        is_mixed, stored = naming.unnamed[there] > 1, naming.stored[there]
        is_stale = ~is_several & (is_mixed | (stored != traces.expected[at]))
        if self._rewriting:
            is_stale &= traces.names[at] > 0
        self._stale[at] |= is_stale
        self.as_traces[at] &= ~is_mixed & (stored == told(traces.keys[at], "trace"))
        self._is_mended[at] |= is_stale & (is_mixed | (stored != told(traces.keys[at], "trace")))
        if is_stale.any():
            self.off.add(path)

    @property
    def several(self) -> pa.Array:
        """The ids of traces that name several sessions, and have to be looked at span by span."""
        return _gathered(self._ids, *self._id_place[:, self._several])

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """Sessions of traces that are stored as sessions of their own, and of others."""
        stale, mended = self._stale & ~self._is_mended, self._stale & self._is_mended
        first, second = (
            self._traces.table(which, _gathered(self._ids, *self._id_place[:, which]))
            for which in (stale, mended)
        )
        return first, second


def _gathered(texts: Sequence[pa.Array], number: Hashes, place: Hashes) -> pa.Array:
    """``texts[number][place]`` for each pair; null where the number is below 0."""
    found = [pa.nulls(1, pa.string())]
    index = np.zeros(len(number), np.int64)
    length = 1
    for each in np.unique(number[number >= 0]):
        here = np.flatnonzero(number == each)
        found.append(texts[each].take(pa.array(place[here])))
        index[here] = length + np.arange(len(here))
        length += len(here)
    return pa.concat_arrays(found).take(pa.array(index))


def _of_several(
    ids: pa.Array, files: Sequence[tuple[DataFile, Naming]], load: Load, only: Sequence[DataFile] = ()
) -> tuple[pa.Table, pa.Table, pa.Table | None]:
    """Of these traces, those whose unnamed spans belong to one session, spans of the others; and all rows.

    If it is asked ``only`` for some files, traces count of which spans in these are stored otherwise.
    """
    if not len(ids):
        return SCHEMA.empty_table(), SCHEMA.empty_table(), None
    keys = np.sort(hashed(ids))
    rows = load([file for file, naming in files if any_shared(keys, naming.keys)], ids)
    spans = differing(rows)
    if only:
        spans = spans.join(
            load(only, ids).select(["trace_id", "span_id"]), ["trace_id", "span_id"], None, "left semi"
        )
    found = inherited(rows).filter(pa.array(is_open(rows["session_source"])))
    alike = found.group_by("trace_id").aggregate([("session_id", "count_distinct"), ("session_id", "min")])
    alike = alike.filter(pc.equal(alike["session_id_count_distinct"], 1))
    off = pc.is_in(alike["trace_id"], spans["trace_id"].combine_chunks())
    alike = alike.filter(off)
    nulls, source = pa.nulls(len(alike), pa.string()), pa.array(["inherited"] * len(alike), pa.string())
    whole = pa.table([alike["trace_id"], nulls, alike["session_id_min"], source], schema=SCHEMA)
    others = spans.filter(pc.invert(pc.is_in(spans["trace_id"], whole["trace_id"].combine_chunks())))
    return whole, others, rows


def differing(rows: pa.Table) -> pa.Table:
    """The spans of whole traces that belong elsewhere than is stored, each once."""
    found = inherited(rows)
    other = is_open(rows["session_source"])
    same = np.ones(len(rows), bool)
    for name in SESSION_COLUMNS:
        equal = pc.fill_null(pc.equal(rows[name], found[name]), fill_value=False)
        same &= np.asarray(equal.to_numpy())
    found = found.filter(pa.array(other & ~same)).select(SCHEMA.names)
    once = found.group_by(["trace_id", "span_id"]).aggregate([(name, "min") for name in SESSION_COLUMNS])
    return once.rename_columns(["trace_id", "span_id", *SESSION_COLUMNS]).cast(SCHEMA)


def _holders(doubtful: Mapping[str, Naming], spans: pa.Table) -> set[str]:
    """The files with spans, unnamed ones, of the traces of these."""
    if not len(spans):
        return set()
    keys = np.sort(hashed(pc.unique(spans["trace_id"])))
    return {path for path, naming in doubtful.items() if any_shared(keys, naming.open_keys)}
