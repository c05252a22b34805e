"""What belongs to which model call: the executions it caused, and what triggered it.

Ids tell first (a tool call names the request it answers), then parents, then times; and times are
compared within a scope only, so that agents which run in parallel are kept apart.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from argus_lab.measures.scopes import Scopes, Timeline
from argus_lab.measures.trees import NONE, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    Places = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Said", "Setting", "causes", "triggers"]


class Said(NamedTuple):
    """What the messages of a model call tell."""

    messages: int | None
    """How many the prompt holds; None if unknown."""
    results: list[str]
    """Ids of the tool calls whose results the prompt ends with."""
    asked: list[tuple[str | None, str | None]]
    """Id and name of the tool calls that the answer asks for."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The spans that things are attributed among; arrays are by row."""

    rows: pa.Table
    session: Places
    trace: Places
    parent: Places
    """The places of parents, without circles; negative for roots."""
    scopes: Scopes
    calls: Places
    is_tool: Flags
    said: dict[int, Said]


def causes(setting: Setting, executions: Places) -> Places:
    """By row, the model call that caused this execution, or -1.

    1. The call whose answer asked for it by ``tool_call_id``; of several, one of its own trace before
       others, and of those the last that had started.
    2. The call it is below.
    3. The last call of its scope that had started when it began, if that had ended. If it still ran, a
       tool call belongs to it all the same (its answer was streamed), and a resource to no call.
    4. Within an execution in which no call came before: what caused that execution.
    5. Outside of its agent: the last call before the agent began, and so on outwards to the trace.
    6. In a trace without a call: the call of the session that had ended last.
    """
    scopes, start = setting.scopes, setting.scopes.start
    count = len(start)
    cause = np.full(count, NONE)
    link = np.full(count, NONE)
    is_call, is_execution = _marks(count, setting.calls), _marks(count, executions)
    _by_id(setting, executions, cause)
    view = scopes.timeline(is_call)
    active = executions[cause[executions] == NONE]
    at, limit = scopes.scope[active], start[active]
    while len(active):
        inside = at < count
        here = np.where(inside, at, 0)
        below = inside & is_call[here]
        cause[active[below]] = at[below]
        found = np.where(below, NONE, view.latest(at, limit))
        is_over = (found >= 0) & (scopes.end[found] <= limit)
        fits = is_over | ((found >= 0) & setting.is_tool[active])
        cause[active[fits]] = found[fits]
        nested = ~below & (found < 0) & inside & is_execution[here]
        link[active[nested]] = at[nested]
        outwards = ~below & (found < 0) & inside & ~is_execution[here]
        active, left = active[outwards], at[outwards]
        at, limit = scopes.scope[left], start[left]
    _by_session(setting, executions[link[executions] == NONE], cause)
    while len(linked := np.flatnonzero(link >= 0)):
        # What is nested in something that is nested is nested in the outer one as well.
        is_settled = link[link[linked]] < 0
        cause[linked[is_settled]] = cause[link[linked[is_settled]]]
        link[linked] = np.where(is_settled, NONE, link[link[linked]])
    return cause


def triggers(setting: Setting, is_candidate: Flags) -> Places:
    """By row, the user message or tool call that triggered this model call, or -1.

    1. The tool calls whose results the prompt ends with; of several, the one that started last.
    2. The last user message or tool call of its scope that started before it, or at the same time.
    3. The scope itself, if it is one (a tool that asks a model).
    4. Outside of its agent: the last before the agent began, and so on outwards to the trace.
    5. If by their clocks all of these began later: the nearest one above it.
    """
    scopes, start = setting.scopes, setting.scopes.start
    count = len(start)
    trigger = np.full(count, NONE)
    _by_result(setting, trigger)
    view = scopes.timeline(is_candidate)
    active = setting.calls[trigger[setting.calls] == NONE]
    at, limit = scopes.scope[active], start[active]
    while len(active):
        inside = at < count
        here = np.where(inside, at, 0)
        found = view.latest(at, limit)
        found = np.where((found < 0) & inside & is_candidate[here], at, found)
        trigger[active] = found
        outwards = (found < 0) & inside
        active, left = active[outwards], at[outwards]
        at, limit = scopes.scope[left], start[left]
    left = setting.calls[trigger[setting.calls] == NONE]
    trigger[left] = nearest(setting.parent, is_candidate)[left]
    return trigger


def _marks(count: int, rows: Places) -> Flags:
    found = np.zeros(count, dtype=np.bool_)
    found[rows] = True
    return found


def _by_id(setting: Setting, executions: Places, cause: Places) -> None:
    """Fill in what the ids of tool calls tell."""
    asked: dict[tuple[int, str], list[int]] = defaultdict(list)
    for call in setting.calls.tolist():
        for known, _ in setting.said[call].asked:
            if known:
                asked[int(setting.session[call]), known].append(call)
    if not asked:
        return
    for row, known in _named(setting.rows, executions):
        calls = asked.get((int(setting.session[row]), known))
        if calls:
            cause[row] = _last_before(setting, calls, row)


def _by_result(setting: Setting, trigger: Places) -> None:
    """Fill in what the ids of tool results tell."""
    if not any(setting.said[call].results for call in setting.calls.tolist()):
        return
    tools: dict[tuple[int, str], list[int]] = defaultdict(list)
    rows = np.flatnonzero(setting.is_tool)
    for row, known in _named(
        setting.rows, rows[np.lexsort((setting.scopes.place[rows], setting.scopes.start[rows]))]
    ):
        tools[int(setting.session[row]), known].append(row)
    for call in setting.calls.tolist():
        session = int(setting.session[call])
        ids = setting.said[call].results
        found = [
            _last_before(setting, tools[session, known], call) for known in ids if (session, known) in tools
        ]
        if found:
            trigger[call] = max(found, key=lambda row: (setting.scopes.start[row], setting.scopes.place[row]))


def _last_before(setting: Setting, rows: list[int], row: int) -> int:
    """Of rows by start, the last that started no later than ``row``; of its own trace, if there is any.

    If all started later a clock is wrong, and the first is taken.
    """
    trace, start = setting.trace, setting.scopes.start
    same = [other for other in rows if trace[other] == trace[row]] or rows
    before = [other for other in same if start[other] <= start[row]]
    return before[-1] if before else same[0]


def _named(rows: pa.Table, chosen: Places) -> Iterable[tuple[int, str]]:
    ids = rows["tool_call_id"].take(chosen).to_pylist()
    return [(row, known) for row, known in zip(chosen.tolist(), ids, strict=True) if known]


def _by_session(setting: Setting, executions: Places, cause: Places) -> None:
    """Executions of traces without a call of their own: the call of the session that had ended last."""
    trace = setting.trace
    has_call = _marks(int(trace.max(initial=NONE)) + 1, trace[setting.calls])
    left = executions[(cause[executions] == NONE) & ~has_call[trace[executions]]]
    if not len(left) or not len(setting.calls):
        return
    calls, scopes = setting.calls, setting.scopes
    view = Timeline.of(setting.session[calls], scopes.end[calls], calls, scopes.place[calls])
    cause[left] = view.latest(setting.session[left], setting.scopes.start[left])
