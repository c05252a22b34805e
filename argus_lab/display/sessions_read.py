"""A frame of one session's spans as what its page tells."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from argus_lab.display.facts import facts_of
from argus_lab.display.repeats import same_as_before
from argus_lab.display.rounds_view import Round
from argus_lab.display.session_page import Session
from argus_lab.display.taken import CONTENT, LIGHT, of_detail, spans_of
from argus_lab.display.turns import turns_of
from argus_lab.measures.retold import retold

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_session"]

Row = dict[str, Any]

WORDS = ("input", "output", "input_text", "output_text", "system_prompt", "tool_definitions")


def read_session(frame: Any, light: pa.Table, have: set[str], told: Row) -> Session:
    """The session with its turns, rounds, executions and messages."""
    content = spans_of(frame, (*LIGHT, *(name for name in WORDS if name in have)))
    measured = retold(content, with_messages=have.issuperset(CONTENT))
    found = measured.rounds.to_pylist()
    turns = turns_of(content, found)
    order = {(turn["trace_id"], span): at for at, turn in enumerate(turns) for span in turn["calls"]}
    rounds = sorted(found, key=lambda row: (order.get((row["trace_id"], row["span_id"]), 0), row["round"]))
    executions: dict[Any, list[Row]] = defaultdict(list)
    for row in measured.executions.to_pylist():
        executions[row["trace_id"], row["round"]].append(row)
    messages: dict[Any, list[Row]] = defaultdict(list)
    for row in measured.messages.to_pylist() if measured.messages else ():
        messages[row["trace_id"], row["span_id"]].append(row)
    spans = _spans(of_detail(frame), rounds)
    told_spans = same_as_before(spans.get((row["trace_id"], row["span_id"]), {}) for row in rounds)
    made = [
        Round(row, span, messages[row["trace_id"], row["span_id"]], executions[row["trace_id"], row["round"]])
        for row, span in zip(rounds, told_spans, strict=True)
    ]
    return Session(facts_of(light), turns, made, have, told)


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
