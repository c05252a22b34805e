"""A frame of one session's spans as what its page tells."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from argus_lab.display.facts import facts_of, traces_of
from argus_lab.display.repeats import same_as_before
from argus_lab.display.rounds_view import Round
from argus_lab.display.session_page import Session
from argus_lab.display.taken import CONTENT, LIGHT, of_detail, spans_of
from argus_lab.measures.executions import executions as executions_of
from argus_lab.measures.messages import messages as messages_of
from argus_lab.measures.rounds import rounds as rounds_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_session"]

Row = dict[str, Any]

WORDS = ("input", "output", "input_text", "output_text", "system_prompt", "tool_definitions")


def read_session(frame: Any, light: pa.Table, have: set[str], told: Row) -> Session:
    """The session with its traces, rounds, executions and messages."""
    content = spans_of(frame, (*LIGHT, *(name for name in WORDS if name in have)))
    said = _said(content, have)
    traces = [trace | said.get(trace["trace_id"], {}) for trace in traces_of(light)]
    order = {trace["trace_id"]: at for at, trace in enumerate(traces)}
    found = rounds_of(content).to_pylist()
    rounds = sorted(found, key=lambda row: (order.get(row["trace_id"], 0), row["round"]))
    executions: dict[Any, list[Row]] = defaultdict(list)
    for row in executions_of(content).to_pylist():
        executions[row["trace_id"], row["round"]].append(row)
    messages = _messages(content, have)
    spans = _spans(of_detail(frame), rounds)
    told_spans = same_as_before(spans.get((row["trace_id"], row["span_id"]), {}) for row in rounds)
    made = [
        Round(row, span, messages[row["trace_id"], row["span_id"]], executions[row["trace_id"], row["round"]])
        for row, span in zip(rounds, told_spans, strict=True)
    ]
    return Session(facts_of(light), traces, made, have, told)


def _said(content: pa.Table, have: set[str]) -> dict[Any, Row]:
    """By trace, what its steps tell that user and assistant said: the first question, the last answer."""
    found: dict[Any, Row] = defaultdict(dict)
    if not have.issuperset(("input_text", "output_text")):
        return found
    columns = ["trace_id", "step_kind", "input_text", "output_text", "start_unix_nano"]
    for row in content.select(columns).sort_by("start_unix_nano").to_pylist():
        asked, answered = row["input_text"], row["output_text"] or row["input_text"]
        if row["step_kind"] == "user_message" and asked:
            found[row["trace_id"]].setdefault("input_text", asked)
        if row["step_kind"] == "assistant_message" and answered:
            found[row["trace_id"]]["output_text"] = answered
    return found


def _messages(content: pa.Table, have: set[str]) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    if have.issuperset(CONTENT):
        for row in messages_of(content).to_pylist():
            found[row["trace_id"], row["span_id"]].append(row)
    return found


def _spans(detail: pa.Table, rounds: list[Row]) -> dict[Any, Row]:
    """The spans of the model calls, by key."""
    wanted = {(row["trace_id"], row["span_id"]) for row in rounds}
    keys = list(zip(detail["trace_id"].to_pylist(), detail["span_id"].to_pylist(), strict=True))
    places: dict[Any, int] = {}
    for at, key in enumerate(keys):
        if key in wanted:
            places.setdefault(key, at)
    rows = detail.take(list(places.values())).to_pylist() if places else []
    return dict(zip(places, rows, strict=True))
