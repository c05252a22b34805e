"""How a session replays: its model calls in order, what triggered each, what each caused.

Everything here is by row of one table of whole traces; :mod:`rounds <argus_lab.measures.rounds>` and its
neighbours make frames of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures import counted, membership, streamed
from argus_lab.measures.attribution import Said, Setting, causes, triggers
from argus_lab.measures.engines import asked, collected, columns_of
from argus_lab.measures.prompts import Message, asked_tools, messages_in, tool_results
from argus_lab.measures.scopes import Scopes
from argus_lab.measures.trees import NONE, UNKNOWN_START, codes, forest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from argus_lab.measures.trees import Forest

    Places = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["NEEDED", "Replay", "is_in", "loaded", "replay_of"]

OWN = (
    "project",
    "name",
    "tool_call_id",
    "duration_ns",
)
NEEDED = tuple(dict.fromkeys((*membership.NEEDED, *counted.NEEDED_OF_CALLS, *OWN)))
"""Columns of the span table that tell how a session went."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Who is a model call, an execution, and how they belong together; arrays are by row."""

    forest: Forest
    session: Places
    """Number of the session; sessions of two projects are two."""
    calls: Places
    """Rows of model calls, wrappers left out: session by session, by start."""
    round: Places
    """1, 2, 3, ... in its session for a model call, else 0."""
    executions: Places
    """Rows of executions, in reading order."""
    cause: Places
    """Row of the model call that an execution belongs to, or -1."""
    trigger: Places
    """Row of what triggered a model call, or -1."""
    said: dict[int, Said]
    """By row of a model call, what its messages tell."""


def loaded(spans: Any, needed: Sequence[str], heavy: Sequence[str], *, by: str) -> pa.Table:
    """These columns as a table, sessions inherited; heavy ones only of steps, null if not there.

    A streamed call that is told in two spans is one row.
    """
    frame = asked(spans, needed, by=by)
    have = set(columns_of(frame))
    there = [name for name in heavy if name in have]
    is_step = ~nw.col("step_kind").is_null() | ~nw.col("span_type").is_null()
    chosen = frame.select(*needed, *(nw.when(is_step).then(nw.col(name)).alias(name) for name in there))
    rows = membership.members(collected(chosen, [*needed, *there]))
    for name in heavy:
        if name not in have:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
    return streamed.joined(rows)


def replay_of(rows: pa.Table) -> Replay:
    """The replay of a table from :func:`loaded`, with ``input`` and ``output``."""
    forest = forest_of(rows)
    session = _sessions(rows, forest.start)
    # An answer in a span of its own that is still here is all that is known of its call.
    is_call = counted.marks(rows).is_model_call | counted.answers(rows)
    is_tool = counted.tools(rows)
    is_execution = (is_tool | is_in(rows["step_kind"], "external_resource")) & ~is_call
    is_agent = is_in(rows["span_type"], "agent")
    is_other = is_in(rows["span_type"], "tool") | is_execution | is_call
    length = pc.fill_null(rows["duration_ns"], NONE).to_numpy()
    scopes = Scopes.of(forest, length, is_agent, is_other)
    is_execution &= ~_other_end(rows, scopes.scope, is_execution)
    calls = np.flatnonzero(is_call)
    calls = calls[np.lexsort((forest.place[calls], forest.start[calls], session[calls]))]
    executions = forest.order[is_execution[forest.order]]
    said = _said(rows, calls)
    is_tool &= ~is_call
    setting = Setting(rows, session, forest.trace, forest.parent, scopes, calls, is_tool, said)
    cause = causes(setting, executions)
    trigger = triggers(setting, is_tool | (is_in(rows["step_kind"], "user_message") & ~is_call))
    number = _rounds(calls, session)
    return Replay(forest, session, calls, number, executions, cause, trigger, said)


def is_in(column: pa.ChunkedArray, *values: str) -> Flags:
    """Where the column holds one of these values; null holds none."""
    found: Flags = pc.fill_null(pc.is_in(column, pa.array(values, column.type)), fill_value=False).to_numpy()
    return found


def _sessions(rows: pa.Table, start: Places) -> Places:
    """Sessions numbered by their first start, then by project and id."""
    session = codes(rows["session_id"]) + 1
    both = (codes(rows["project"]) + 1) * (int(session.max(initial=0)) + 1) + session
    known, number = np.unique(both, return_inverse=True)
    first = np.full(len(known), UNKNOWN_START)
    np.minimum.at(first, number, start)
    rank = np.empty(len(known), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(known))
    return rank[number]


def _rounds(calls: Places, session: Places) -> Places:
    number = np.zeros(len(session), dtype=np.int64)
    of = session[calls]
    first = np.flatnonzero(np.diff(of, prepend=-1) != 0)
    number[calls] = np.arange(len(calls)) - np.repeat(first, np.diff(first, append=len(calls))) + 1
    return number


def _said(rows: pa.Table, calls: Places) -> dict[int, Said]:
    found = {}
    sent = zip(
        calls.tolist(),
        rows["input"].take(calls).to_pylist(),
        rows["output"].take(calls).to_pylist(),
        strict=True,
    )
    for call, prompt, answer in sent:
        messages = messages_in(prompt)
        results = [known for message in _ending(messages or []) for known in tool_results(message) if known]
        count = None if messages is None else len(messages)
        found[call] = Said(count, results, asked_tools(messages_in(answer)))
    return found


def _ending(messages: list[Message]) -> list[Message]:
    """The messages with results of tools that a prompt ends with; senders may add a text to them."""
    count = len(messages)
    while count and tool_results(messages[count - 1]):
        count -= 1
    return messages[count:]


def _other_end(rows: pa.Table, scope: Places, is_execution: Flags) -> Flags:
    """Executions that are a call over MCP as its server sees it: the client's span above is the call.

    Both are of the component type ``mcp``, the one is the other's scope, they have the same name or tool,
    and not two different methods.
    """
    is_mcp = is_execution & is_in(rows["component_type"], "mcp")
    inner = np.flatnonzero(is_mcp & (scope < len(scope)))
    inner = inner[is_mcp[scope[inner]]]
    found = np.zeros(len(scope), dtype=np.bool_)
    if len(inner):
        same = [_is_same(rows[name], inner, scope[inner]) for name in ("name", "tool_name")]
        found[inner] = _is_same(rows["mcp_method"], inner, scope[inner], or_null=True) & (same[0] | same[1])
    return found


def _is_same(column: pa.ChunkedArray, inner: Places, outer: Places, *, or_null: bool = False) -> Flags:
    equal = pc.equal(column.take(inner), column.take(outer))
    found: Flags = pc.fill_null(equal, fill_value=or_null).to_numpy()
    return found
