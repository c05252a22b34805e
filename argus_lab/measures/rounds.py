"""A session as it replays: one row a model call, with its trigger and what it caused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.aggregates import BETWEEN
from argus_lab.measures.counted import tools
from argus_lab.measures.engines import returned
from argus_lab.measures.executions import categories, is_external
from argus_lab.measures.intervals import union_length
from argus_lab.measures.prompts import json_of
from argus_lab.measures.replay import NEEDED as OF_REPLAY
from argus_lab.measures.replay import Replay, loaded, replay_of
from argus_lab.measures.trees import NONE, UNKNOWN_START, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]

__all__ = ["rounds", "rounds_of"]

KEYS = ("project", "session_id", "trace_id", "span_id")
MODELS = ("request_model", "response_model", "start_time", "duration_ms", "time_to_first_token_ms")
ENDS = ("status", "error_message", "finish_reason")
USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")
NEEDED = tuple(
    dict.fromkeys((*KEYS, *OF_REPLAY, "service", "agent_name", *MODELS, *ENDS, *USAGE, "cost_usd"))
)
HEAVY = ("input", "output", "input_text", "output_text", "tool_definitions")
NS_A_MS = 1_000_000


def rounds(spans: Any) -> Any:
    """One row a model call: what triggered it, what the prompt held, what ran because of the answer.

    A round is a model call (``span_type`` ``llm`` or ``step_kind`` ``llm_call``; a span that only wraps
    another model call is none; an answer that came in a span of its own, as from Logfire's streams, is part
    of the round of its request, which has its tokens and lasts until its end; only where the request is not
    in the frame it is a round of its own). Its *trigger* is the user message or tool call that led to it:
    the tool whose result the prompt ends with, else the last that began before it, else one above it. Its
    *executions* are the tool calls and external resources that ran because of its answer. What belongs
    together is told by ids first (a tool call carries the id of the request it answers), then by parents
    (what is below a call belongs to it), then by times: executions that begin after the call's end and
    before the next call's start. Times are compared within the same agent or tool only, so that what runs
    in parallel is kept apart. An execution within another one (the request that a tool sends) belongs to
    the round of the outer one and counts too; the server's end of a call over MCP is the same call and
    does not. A model call that a tool makes has a round of its own, triggered by the tool.

    Parameters
    ----------
    spans
        A frame of spans of whole traces, of any engine. With the heavy columns ``input``, ``output``,
        ``input_text``, ``output_text`` and ``tool_definitions`` (``lake.session(..., columns="all")``)
        every column below is filled; without them those that need them are null, and ids of requests
        are not known.

    Returns
    -------
    A frame of the same kind, sorted by session (its first start), then ``round``:

    ``project``, ``session_id``, ``trace_id``, ``span_id``
        The model call.
    ``round``
        1, 2, 3, ... in the session, by start.
    ``trigger``, ``trigger_name``, ``trigger_span_id``
        ``user_message``, ``tool_call``, or ``initial`` where the trace has neither before or above it (and no
        result of a tool that the prompt ends with tells one); what it is called.
    ``service``, ``agent_name``
        Of the call; the agent is that of the nearest span above it if the call names none.
    ``request_model``, ``response_model``, ``start_time``, ``duration_ms``, ``time_to_first_token_ms``, \
``status``, ``error_message``, ``finish_reason``, ``input_tokens``, ``output_tokens``, \
``cache_read_tokens``, ``reasoning_tokens``
        As in the span table.
    ``reported_cost_usd``
        The cost that the span itself reports, its ``cost_usd``; by list price: ``al.costs``.
    ``prompt_messages``, ``prompt_tools``
        Messages in the prompt, and tools offered with it.
    ``requested_tools``
        Names of the tools that the answer asks for, in its order, joined by ``", "``.
    ``executions``, ``internal``, ``external``
        How many ran; on our side, and through an external resource or MCP (see ``al.executions``).
    ``external_categories``
        What kinds of external resources, joined by ``", "``.
    ``executions_ms``
        Time in which at least one of them ran, ms; null if none ran or no time is known.
    ``execution_span_ids``
        Their spans, in reading order, joined by ``", "``.
    ``result_text``, ``trigger_text``
        The answer, and the user's message or the tool's result.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.rounds import rounds
    >>> spans = al.open(tiny_lake).session("session-1")
    >>> rounds(spans)[["round", "trigger", "trigger_name", "executions"]]
       round       trigger  trigger_name  executions
    0      1  user_message  user.message           1
    1      2     tool_call        search           0
    2      3  user_message  user.message           0
    """
    rows = loaded(spans, NEEDED, HEAVY, by="rounds")
    return returned(rounds_of(rows, replay_of(rows)), spans)


def rounds_of(rows: pa.Table, replay: Replay) -> pa.Table:
    """The rounds of a table that is replayed already."""
    calls = rows.take(replay.calls)
    taken = {name: calls[name] for name in (*MODELS, *ENDS, *USAGE)}
    made = {
        **{name: calls[name] for name in KEYS},
        "round": replay.round[replay.calls],
        **_triggers(rows, replay),
        "service": calls["service"],
        "agent_name": _agents(rows, replay),
        **taken,
        "reported_cost_usd": calls["cost_usd"],
        **_prompts(calls, replay),
        **_executions(rows, replay),
        "result_text": calls["output_text"],
        "trigger_text": _trigger_texts(rows, replay),
    }
    return pa.table(made)


def _taken(column: pa.ChunkedArray, places: Places) -> pa.ChunkedArray:
    """The values at these places, null where a place is negative."""
    return column.take(pa.array(places, mask=places < 0))


def _triggers(rows: pa.Table, replay: Replay) -> dict[str, Any]:
    trigger = replay.trigger[replay.calls]
    names = pc.coalesce(rows["component_name"], rows["tool_name"], rows["name"])
    return {
        "trigger": _kinds(rows, trigger),
        "trigger_name": _taken(names, trigger),
        "trigger_span_id": _taken(rows["span_id"], trigger),
    }


def _kinds(rows: pa.Table, trigger: Places) -> pa.Array:
    is_tool = tools(rows)[trigger] if rows.num_rows else np.empty(0, dtype=np.bool_)
    return pa.array(
        np.where(trigger < 0, "initial", np.where(is_tool, "tool_call", "user_message")), pa.string()
    )


def _trigger_texts(rows: pa.Table, replay: Replay) -> pa.ChunkedArray:
    trigger = replay.trigger[replay.calls]
    is_tool = (trigger >= 0) & tools(rows)[trigger]
    result = pc.coalesce(_taken(rows["output_text"], trigger), _taken(rows["output"], trigger))
    prompt = pc.coalesce(_taken(rows["input_text"], trigger), rows["input_text"].take(replay.calls))
    return pc.if_else(pa.array(is_tool), result, prompt)


def _agents(rows: pa.Table, replay: Replay) -> pa.ChunkedArray:
    above = nearest(replay.forest.parent, pc.is_valid(rows["agent_name"]).to_numpy())
    return pc.coalesce(rows["agent_name"].take(replay.calls), _taken(rows["agent_name"], above[replay.calls]))


def _prompts(calls: pa.Table, replay: Replay) -> dict[str, Any]:
    said = [replay.said[call] for call in replay.calls.tolist()]
    offered = [json_of(text) for text in calls["tool_definitions"].to_pylist()]
    asked = [[name for _, name in one.asked if name] for one in said]
    return {
        "prompt_messages": pa.array([one.messages for one in said], pa.int64()),
        "prompt_tools": pa.array(
            [len(one) if isinstance(one, list) else None for one in offered], pa.int64()
        ),
        "requested_tools": pa.array([BETWEEN.join(one) or None for one in asked], pa.string()),
    }


def _executions(rows: pa.Table, replay: Replay) -> dict[str, Any]:
    count = len(replay.calls)
    order = np.full(rows.num_rows, NONE)
    order[replay.calls] = np.arange(count)
    ran = replay.executions[replay.cause[replay.executions] >= 0]
    call = order[replay.cause[ran]]
    chosen = rows.take(ran)
    outside = is_external(chosen)
    total, external = np.bincount(call, minlength=count), np.bincount(call[outside], minlength=count)
    length = chosen["duration_ns"]
    start = replay.forest.start[ran]
    known = pc.is_valid(length).to_numpy() & (start < UNKNOWN_START)
    low, at = start[known], call[known]
    busy = union_length(at, low, low + pc.drop_null(length.filter(pa.array(known))).to_numpy(), count)
    is_timed = np.bincount(at, minlength=count) > 0
    kinds: list[set[str]] = [set() for _ in range(count)]
    ids: list[list[str]] = [[] for _ in range(count)]
    for one, kind, span in zip(call.tolist(), categories(chosen), chosen["span_id"].to_pylist(), strict=True):
        ids[one].append(str(span))
        if kind:
            kinds[one].add(kind)
    return {
        "executions": total,
        "internal": total - external,
        "external": external,
        "external_categories": pa.array([BETWEEN.join(sorted(each)) or None for each in kinds], pa.string()),
        "executions_ms": pa.array(busy / NS_A_MS, mask=~is_timed),
        "execution_span_ids": pa.array([BETWEEN.join(each) or None for each in ids], pa.string()),
    }
