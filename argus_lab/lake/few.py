"""Few sessions: found by what is stored, and worked out from their traces alone.

Every trace that has a span in a session either has one that names it, or is that session itself. So the
traces that are stored under it, and the one of its name, are all that can belong to it: what they name is
read, wherever they are, and no other trace of the lake is looked at. See docs/decisions/0019.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from argus_lab.lake import duck
from argus_lab.lake.belonging import NOTHING, SCHEMA, Belonging
from argus_lab.lake.held import is_remembered, may_hold
from argus_lab.lake.learning import learn
from argus_lab.lake.namings import hashed
from argus_lab.lake.resolving import differing
from argus_lab.lake.sessions import NEEDED, OPEN, inherited
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from argus_lab.lake.holdings import Holdings
    from argus_lab.lake.settled import Doubt
    from argus_lab.lake.snapshot import DataFile

    Files = Sequence[DataFile]

__all__ = ["MOST", "MOST_SPANS", "Near", "gathered", "moved"]

MOST = 1000
"""Sessions of more traces than this are looked up among all."""

MOST_SPANS = 100_000
"""So are those of traces that name several sessions, and have more spans than this together."""

_COLUMNS = ("trace_id", "session_id", "session_source", "filename")


class Near(NamedTuple):
    """Where the spans of few sessions are: in these traces, beside spans of others; empty: whatever they are.

    ``stored``: the sessions they are stored under; empty if that is none for some. ``belonging``: which
    sessions the spans of these traces belong to, as far as it is not stored. ``spans``: how many belong to
    the sessions, by file; None if only their rows tell.
    """

    traces: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    files: frozenset[str] = frozenset()
    belonging: Belonging = NOTHING
    spans: Mapping[str, int] | None = None


class _Stored(NamedTuple):
    """What is stored for ``spans`` of a trace in a file."""

    trace: str
    session: str | None
    source: str | None
    file: str
    spans: int

    @property
    def is_open(self) -> bool:
        """Whether the spans did not name their session themselves."""
        return self.source in OPEN


def moved(
    sessions: Sequence[str],
    part: Belonging,
    holding: Callable[[str, Sequence[str]], Files],
    holdings: Holdings,
) -> Near | None:
    """Where the spans of these sessions are, if it is known which of their traces belong elsewhere.

    ``part`` tells of all of these; ``holdings`` what some files hold. None if too many are stored elsewhere.
    """
    stored = part.stored_for(sessions)
    if stored is None or len(stored) > MOST:
        return None
    files = _known(_told(holding("session_id", stored), holdings, stored), sessions=stored)
    return Near(stored=stored, files=frozenset(file.path for file in files), belonging=part)


def gathered(
    sessions: Sequence[str], holding: Callable[[str, Sequence[str]], Files], doubt: Doubt | None = None
) -> Near | None:
    """Where the spans of these sessions are; None if there are too many to look at trace by trace.

    Parameters
    ----------
    holding
        Gives the files that may hold spans with some values in a column: of some traces, or stored under some
        sessions.
    doubt
        Of all traces of which none of these files holds spans it is known where they belong.
    """
    under = holding("session_id", sessions)
    if doubt is not None:
        learn([*doubt.files, *doubt.gone])
        under = _told(under, doubt.holdings, sessions)
    under = _known(under, sessions=sessions)
    stored = duck.counted(("trace_id", "filename"), ("session_id", sessions), under, 4 * MOST + 1)
    found, held = ({each[place] for each in stored} for place in (0, 1))
    if len(stored) > 4 * MOST or len(found) > MOST or not held <= {file.path for file in under}:
        return None
    asked = [*found.union(sessions)]
    # Under the id of a trace that moved, a file in doubt may store a span of another.
    part = None if doubt is None else replace(doubt.before, is_alone=False).around(sessions)
    if (
        doubt is not None
        and part is not None
        and not _is_in_doubt([*asked, *part.ids.to_pylist()], held, doubt)
    ):
        return moved(sessions, part, holding, doubt.holdings) if part.files else _as_stored(sessions, stored)
    files = _known(holding("trace_id", asked), traces=asked)
    there = [_Stored(*row) for row in duck.counted(_COLUMNS, ("trace_id", asked), files, 4 * MOST + 1)]
    if not {each.file for each in there} <= {file.path for file in files}:
        return None  # DuckDB calls a file otherwise than we do
    traces = {each.trace: _Trace(each.trace) for each in there}
    for each in there:
        traces[each.trace].add(each)
    several = {name: trace for name, trace in traces.items() if len(trace.names) > 1}
    if len(there) > 4 * MOST or sum(trace.spans for trace in several.values()) > MOST_SPANS:
        return None
    spans = _settle(several, files)
    return _near(sessions, list(traces.values()), spans)


def _is_in_doubt(traces: Sequence[str], held: set[str], doubt: Doubt) -> bool:
    """Whether a file in doubt has a span of these traces, as those have that are among the ``held``."""
    files = [*doubt.files, *doubt.gone]
    if not held.isdisjoint(file.path for file in files):
        return True
    there = _known(files, traces=traces)
    if any(is_remembered(file.path, file.rows) for file in there):
        return True  # by their hashes, and to doubt too much is only slower
    return bool(duck.counted(("trace_id",), ("trace_id", traces), there, 1))


def _as_stored(sessions: Sequence[str], stored: Sequence[tuple[str, str, int]]) -> Near:
    """Where spans are that are stored under sessions and belong there, with all others that do."""
    counts: Counter[str] = Counter()
    for _, file, spans in stored:
        counts[file] += spans
    return Near(stored=tuple(sessions), files=frozenset(counts), spans=counts)


def _known(files: Files, traces: Sequence[str] = (), sessions: Sequence[str] = ()) -> Files:
    """Without the files of which it is known already that they hold none of these."""
    of_traces, of_sessions = (np.sort(hashed(pa.array(ids, pa.string()))) for ids in (traces, sessions))
    return [file for file in files if may_hold(file.path, file.rows, of_traces, of_sessions)]


def _told(files: Files, holdings: Holdings, ids: Sequence[str]) -> Files:
    """Without the files of which it is kept that they hold none of these traces or sessions."""
    sought = holdings.sought(pa.chunked_array([ids], pa.string()))
    return [file for file in files if holdings.is_told_to_hold(file, sought)]


class _Trace:
    """What is stored for the spans of a trace, and which sessions they belong to."""

    def __init__(self, trace_id: str) -> None:
        self.id = trace_id
        self.there: list[_Stored] = []
        self.names: set[str] = set()
        self.sessions: set[str | None] | None = None

    def add(self, stored: _Stored) -> None:
        """Learn what is stored in one more place."""
        self.there.append(stored)
        if not stored.is_open and stored.session is not None:
            self.names.add(stored.session)

    @property
    def spans(self) -> int:
        """How many there are."""
        return sum(stored.spans for stored in self.there)

    @property
    def open(self) -> tuple[str, str]:
        """Where spans that name no session belong, unless the trace names several."""
        return (next(iter(self.names)), "inherited") if self.names else (self.id, "trace")

    @property
    def is_stale(self) -> bool:
        """Whether something else is stored for such a span."""
        return any(stored.is_open and (stored.session, stored.source) != self.open for stored in self.there)

    def has(self, sessions: Sequence[str]) -> bool:
        """Whether a span belongs to one of these sessions."""
        if self.sessions is not None:
            return not self.sessions.isdisjoint(sessions)
        return any(self.session(stored) in sessions for stored in self.there)

    def session(self, stored: _Stored) -> str | None:
        """Where spans that are stored so belong, unless the trace names several sessions."""
        return self.open[0] if stored.is_open else stored.session

    def row(self) -> tuple[str, None, str, str]:
        """The trace as :class:`Belonging` mends it."""
        return self.id, None, *self.open


def _settle(several: dict[str, _Trace], files: Files) -> pa.Table:
    """Work out traces that name several sessions; gives their spans that belong elsewhere than is stored."""
    if not several:
        return SCHEMA.empty_table()
    held = {stored.file for trace in several.values() for stored in trace.there}
    holding = [file for file in files if file.path in held]
    rows = duck.whole_traces(SPANS, holding, pa.array(several, pa.string()), NEEDED)
    found = inherited(rows).group_by("trace_id").aggregate([("session_id", "distinct")])
    for trace, sessions in zip(*(found[name].to_pylist() for name in found.column_names), strict=True):
        several[trace].sessions = set(sessions)
    return differing(rows)


def _near(sessions: Sequence[str], traces: Sequence[_Trace], spans: pa.Table) -> Near:
    """Where the sessions' spans are, among these traces; ``spans`` belong elsewhere than is stored."""
    kept = [trace for trace in traces if trace.has(sessions)]
    every = [stored for trace in kept for stored in trace.there]
    counts: Counter[str] = Counter()
    for trace in kept:
        for stored in trace.there:
            counts[stored.file] += stored.spans if trace.session(stored) in sessions else 0
    # Of all traces, since spans of the others lie in the same files, maybe stored under these sessions.
    rows = [trace.row() for trace in traces if trace.sessions is None and trace.is_stale]
    mended = pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)
    files = frozenset(stored.file for stored in every)
    under = {stored.session for stored in every}
    return Near(
        tuple(trace.id for trace in kept),
        tuple(session for session in under if session is not None and None not in under),
        files,
        Belonging(mended=mended, spans=spans, files=files if rows or len(spans) else frozenset()),
        counts if all(trace.sessions is None for trace in kept) else None,
    )
