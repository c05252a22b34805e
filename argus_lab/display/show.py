"""The door of this room: a frame in, a page out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.display.comparison_page import comparison_page, comparison_text
from argus_lab.display.facts import facts_of
from argus_lab.display.frames_page import frame_page, frame_text
from argus_lab.display.page import page
from argus_lab.display.plain import LINES, plain_tree, titled, trace_facts
from argus_lab.display.session_page import session_page
from argus_lab.display.session_text import session_text
from argus_lab.display.sessions_read import read_session
from argus_lab.display.shown import Shown
from argus_lab.display.tables import ROUNDS, SESSIONS, TRACES, Field
from argus_lab.display.taken import LIGHT, Steps, frame_of, of_detail, provenance, spans_of, table_of
from argus_lab.display.trace_page import steps_page, trace_page
from argus_lab.display.visible import brief
from argus_lab.display.waterfall import tree_of
from argus_lab.errors import InvalidArgument
from argus_lab.measures.engines import columns_of
from argus_lab.measures.membership import members
from argus_lab.measures.sessions import sessions as sessions_of
from argus_lab.measures.steps import steps as steps_of
from argus_lab.measures.traces import traces as traces_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

__all__ = ["show"]

SPANS_SIGNS = {"trace_id", "span_id", "start_time"}
FIRST_WORDS = ("input_text", "output_text")


def show(thing: Any, *, max_bytes: int = 1_000_000) -> Shown:
    """A frame as a page that stays: static HTML in a notebook, plain text in a terminal.

    One trace is shown as a waterfall of its steps with all that is known of each behind its line; one
    session turn by turn and round by round; many as a table. The page needs no server, no script and no
    network: it is there when the notebook is opened again, exported, or read elsewhere. All text of a
    trace is shown as text, whatever it holds.

    Parameters
    ----------
    thing
        ``lake.trace(...)``, ``lake.session(...)``, any frame of spans, or what ``al.steps``,
        ``al.rounds``, ``al.sessions``, ``al.traces`` or ``al.compare`` gave; of pandas, Polars, pyarrow,
        DuckDB or Spark. Light columns are enough, and the page says what they cannot tell.
    max_bytes
        What the HTML may take, in bytes of UTF-8. What does not fit is folded or cut, and the page says
        how much that is and where to read it; errors and the longest steps stay.

    Raises
    ------
    InvalidArgument
        It is no such frame.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.display.show import show
    >>> show(al.open(tiny_lake).trace("0af7651916cd43dd8448eb211c80319c"))
    user.message · trace 0af7651916cd43dd8448eb211c80319c
    started 2026-03-01 12:00:00 UTC · took 3.13 s · spans 4 · model calls 2 · tokens in 2,800 · out 160 · ...
    <BLANKLINE>
    user.message        100 ms
    ├─ llama3.2         110 ms       1,200 → 80
    ├─ search           700 ms
    └─ llama3.2         130 ms       1,600 → 80
    """
    frame = frame_of(thing)
    names = set(columns_of(frame))
    told = provenance(thing)
    for signs, shown in _SHOWN:
        if signs <= names:
            return shown(frame, names, told, max_bytes)
    have = ", ".join(brief(name, 40) for name in list(names)[:12])
    raise InvalidArgument(
        "al.show knows frames of spans, steps, rounds, sessions, traces and comparisons; this one has the "
        f"columns {have or '(none)'}. A frame of spans needs {', '.join(sorted(SPANS_SIGNS))}: lake.spans()."
    )


def _spans(frame: Any, have: set[str], told: dict[str, Any], max_bytes: int) -> Shown:
    """Spans: of one trace, of one session, or of many."""
    light = spans_of(frame, LIGHT)
    if not len(light):
        return _table("span", (), [], told, max_bytes)
    if "session" not in told.get("asked", {}) and len(light["trace_id"].unique()) == 1:
        steps = Steps(steps_of(light), of_detail(frame))
        return _trace(steps, facts_of(members(light)), have, told, max_bytes)
    inherited = members(light)
    if _is_one_session(inherited):
        session = read_session(frame, inherited, have, told)
        return Shown(page(lambda most: session_page(session, most), max_bytes), session_text(session))
    words = spans_of(frame, (*LIGHT, *(name for name in FIRST_WORDS if name in have)))
    sessions = sessions_of(words).to_pylist()
    if all(row["traces"] == 1 and row["session_source"] == "trace" for row in sessions):
        return _table("trace", TRACES, traces_of(light).to_pylist(), told, max_bytes)
    return _table("session", SESSIONS, sessions, told, max_bytes)


def _is_one_session(light: pa.Table) -> bool:
    keys = ["project", "session_id"]
    return len(light.group_by(keys).aggregate([])) == 1


def _trace(
    steps: Steps, trace: dict[str, Any], have: set[str], told: dict[str, Any], max_bytes: int
) -> Shown:
    title = f"{trace.get('name') or 'Trace'} · trace {brief(trace['trace_id'], 64)}"
    text = titled(title, trace_facts(trace), plain_tree(steps, tree_of(steps, LINES)))
    return Shown(page(lambda most: trace_page(trace, steps, have, told, most), max_bytes), text)


def _steps(frame: Any, _have: set[str], told: dict[str, Any], max_bytes: int) -> Shown:
    steps = Steps(table_of(frame))
    text = titled(f"{len(steps):,} steps", [], plain_tree(steps, tree_of(steps, LINES)))
    return Shown(page(lambda most: steps_page(steps, told, most), max_bytes), text)


def _comparison(frame: Any, _have: set[str], told: dict[str, Any], max_bytes: int) -> Shown:
    rows = table_of(frame).to_pylist()
    names = _names(rows)
    made = page(lambda most: comparison_page(rows, names, told, most), max_bytes)
    return Shown(made, comparison_text(rows, names))


def _names(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """What the two sides are called."""
    told = (next((row[name] for row in rows if row.get(name)), "") for name in ("name_a", "name_b"))
    a, b = (brief(name, 60) for name in told)
    return a or "a", b or "b"


def _table(
    kind: str, fields: tuple[Field, ...], rows: list[dict[str, Any]], told: dict[str, Any], max_bytes: int
) -> Shown:
    made = page(lambda most: frame_page(kind, fields, rows, told, most), max_bytes)
    return Shown(made, frame_text(kind, fields, rows))


def _table_of(kind: str, fields: tuple[Field, ...]) -> Callable[..., Shown]:
    def shown(frame: Any, _have: set[str], told: dict[str, Any], max_bytes: int) -> Shown:
        return _table(kind, fields, table_of(frame).to_pylist(), told, max_bytes)

    return shown


_SHOWN: tuple[tuple[set[str], Callable[..., Shown]], ...] = (
    ({"step", "depth", "label", "duration_ms"}, _steps),
    ({"round", "trigger", "request_model"}, _table_of("round", ROUNDS)),
    ({"metric", "a", "b", "low", "high"}, _comparison),
    ({"session_id", "turns", "traces"}, _table_of("session", SESSIONS)),
    ({"trace_id", "is_complete", "model_calls"}, _table_of("trace", TRACES)),
    (SPANS_SIGNS, _spans),
)
"""By the columns that tell a frame, what shows it; the first that fits."""
