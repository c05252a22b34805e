"""One row a session: a conversation, of one trace or several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa

from argus_lab.measures.aggregates import ORDER, Of, aggregated
from argus_lab.measures.counted import ANSWER
from argus_lab.measures.engines import asked, columns_of
from argus_lab.measures.membership import SOURCES
from argus_lab.measures.totals import NEEDED, TEXTS, TOTALS, finished, prepared

if TYPE_CHECKING:
    Lazy = nw.LazyFrame[Any]

__all__ = ["COLUMNS", "sessions"]

KEYS = ("project", "session_id")
TEXT, WHOLE, TIME = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
COLUMNS = {
    "project": TEXT,
    "session_id": TEXT,
    "session_source": TEXT,
    "user_id": TEXT,
    "start_time": TIME,
    "end_time": TIME,
    "duration_ms": pa.float64(),
    "traces": WHOLE,
    "turns": WHOLE,
    "steps": WHOLE,
    "spans": WHOLE,
    "model_calls": WHOLE,
    "tool_calls": WHOLE,
    "errors": WHOLE,
    "input_tokens": WHOLE,
    "output_tokens": WHOLE,
    "cache_read_tokens": WHOLE,
    "cache_write_tokens": WHOLE,
    "reasoning_tokens": WHOLE,
    "reported_cost_usd": pa.float64(),
    "models": TEXT,
    "tools": TEXT,
    "agents": TEXT,
    "services": TEXT,
    "first_user_message": TEXT,
    "last_answer": TEXT,
}


OF_SESSION = {
    "surest": Of("least", "surest"),
    "user_id": Of("least", "user_id"),
    "traces": Of("distinct", "trace_id"),
    "user_messages": Of("count", "user_message"),
    "calling": Of("distinct", "trace_id", where="called"),
    "steps": Of("count", "step_kind"),
    "agents": Of("names", "agent_name"),
    "services": Of("names", "service"),
}
WORDS = {
    "first_user_message": Of("first", "asked", ("asking", *ORDER)),
    "last_answer": Of("last", "told", ("telling", *ORDER)),
}


def sessions(spans: Any) -> Any:
    """One row a session: turns, steps, duration, models, tools, tokens, cost, errors, first and last words.

    Spans that name no session inherit that of the nearest span above them that does, else the first
    that their trace names; a trace that names none is a session of its own.

    Parameters
    ----------
    spans
        A frame of spans of whole traces, of any engine. ``first_user_message`` and ``last_answer`` need
        the heavy columns ``input_text`` and ``output_text`` and are null without them.

    Returns
    -------
    A frame of the same kind, lazy if that was, sorted by ``start_time`` and ``session_id`` (a DuckDB
    relation is looked at once when this is called, for spans that inherit their session):

    ``project``, ``session_id``
        Sessions of two projects are two.
    ``session_source``
        The surest source among its spans: ``attribute``, ``inherited``, ``inferred``, ``trace``.
    ``user_id``
        The one that is known; of several the first by the alphabet.
    ``start_time``, ``end_time``, ``duration_ms``
        First start, last end, UTC; from the first start to the last end, ms, pauses included.
    ``traces``
        Distinct traces.
    ``turns``
        Steps of the kind ``user_message``; where there is none, traces with a model call.
    ``steps``, ``spans``
        Spans with a step kind; all spans.
    ``model_calls``, ``tool_calls``, ``errors``
        Model calls without wrappers; tool calls, one over MCP once, as in ``al.tool_calls``; spans with the
        status ``ERROR``, among them those that only repeat what failed below them. Failures where they
        arose: ``al.errors(spans, by="session_id")``.
    ``input_tokens``, ``output_tokens``, ``cache_read_tokens``, ``cache_write_tokens``, \
``reasoning_tokens``
        Sums over the spans whose usage counts (``al.tokens`` says which). Null where none is known.
    ``reported_cost_usd``
        Cost that the senders of the same spans reported, US dollars; null where none did. By list price:
        ``al.tokens(spans, by="session_id")``.
    ``models``, ``tools``, ``agents``, ``services``
        Distinct names, sorted, joined by ``", "``; null if none.
    ``first_user_message``, ``last_answer``
        Text of the first user message step, else the first model call's prompt; text of the last assistant
        message step, else the last model call's answer.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.measures.sessions import sessions
    >>> found = sessions(al.open(tiny_lake).spans())
    >>> found[["session_id", "traces", "turns", "spans", "input_tokens", "tools"]]
      session_id  traces  turns  spans  input_tokens   tools
    0  session-1       2      2      6          4300  search
    1  session-9       1      1      2          1200  search
    """
    frame = asked(spans, NEEDED, by="sessions")
    have = columns_of(frame)
    texts = [name for name in TEXTS if name in have]
    rows, plain = prepared(frame, texts)
    rows = _told(rows, texts)
    have = columns_of(rows)
    words = {new: of for new, of in WORDS.items() if of.column in have}
    groups = aggregated(rows, KEYS, TOTALS | OF_SESSION | words, plain=plain)
    return finished(_worded(groups), spans, COLUMNS, ("start_time", "session_id"))


def _told(rows: Lazy, texts: list[str]) -> Lazy:
    """What of each span tells of its session."""
    kind, is_call = nw.col("step_kind"), nw.col("is_model_call")
    is_user, is_answer = (
        (kind == name).fill_null(value=False) for name in ("user_message", "assistant_message")
    )
    rank = nw.lit(len(SOURCES))
    for place, source in reversed(list(enumerate(SOURCES))):
        rank = nw.when(nw.col("session_source") == source).then(nw.lit(place)).otherwise(rank)
    made = {
        "surest": rank,
        "user_message": nw.when(is_user).then(nw.lit(1)),
    }
    # What people said in steps of their own goes before what stands in a model call.
    if "input_text" in texts:
        made["asked"] = nw.when(is_user | is_call).then(nw.col("input_text"))
        made["asking"] = (~is_user).cast(nw.Int64)
    if "output_text" in texts:
        made["told"] = nw.when(is_answer | is_call | ANSWER).then(nw.col("output_text"))
        made["telling"] = is_answer.cast(nw.Int64)
    return rows.with_columns(**made)


def _worded(groups: Lazy) -> Lazy:
    source = nw.lit(None, nw.String)
    for place, name in enumerate(SOURCES):
        source = nw.when(nw.col("surest") == place).then(nw.lit(name)).otherwise(source)
    turns = nw.when(nw.col("user_messages") > 0).then(nw.col("user_messages")).otherwise(nw.col("calling"))
    have = columns_of(groups)
    unknown = {name: nw.lit(None, nw.String) for name in WORDS if name not in have}
    return groups.with_columns(session_source=source, turns=turns, **unknown)
