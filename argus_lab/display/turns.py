"""The turns of a session: a trace is one, or several where the user speaks more than once in it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from argus_lab.display.facts import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

__all__ = ["turns_of"]

Row = dict[str, Any]

TIMES = ("trace_id", "span_id", "start_time", "start_unix_nano", "duration_ns", "status", "step_kind")
WORDS = ("input_text", "output_text")
NS_A_MS = 1_000_000


def turns_of(spans: pa.Table, rounds: Sequence[Row]) -> list[Row]:
    """A row a turn, by start: when, how long, how much, what user and assistant said in steps of their own.

    Some senders make a trace of each turn, others one of the whole conversation. In the latter a turn begins
    with each user message that led to a round (``rounds`` are rows of ``al.rounds``); ``calls`` are the ids
    of a turn's model calls.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from argus_lab.measures.rounds import rounds
    >>> from argus_lab.testing import make_span
    >>> rows = [make_span(n, trace_id="t", session_id="s", parent_span_id=None) for n in (0, 1, 4, 5)]
    >>> spans = pa.Table.from_pylist(rows)
    >>> [(turn["spans"], len(turn["calls"])) for turn in turns_of(spans, rounds(spans).to_pylist())]
    [(2, 1), (2, 1)]
    """
    begins = _begins(spans, rounds)
    columns = [*TIMES, *(name for name in WORDS if name in spans.column_names)]
    turns: dict[tuple[Any, int], list[Row]] = defaultdict(list)
    for row in spans.take(in_order(spans)).select(columns).to_pylist():
        trace, start = row["trace_id"], row["start_unix_nano"]
        number = bisect_right(begins[trace], start) if start is not None and trace in begins else 0
        turns[trace, number].append(row)
    called = {(row["trace_id"], row["span_id"]) for row in rounds}
    return [
        _turn(rows, begins[trace][number] if number < len(begins.get(trace, ())) else None, called)
        for (trace, number), rows in turns.items()
    ]


def _begins(spans: pa.Table, rounds: Sequence[Row]) -> dict[Any, list[int]]:
    """By trace when its second and later turns begin."""
    asked = {(row["trace_id"], row["trigger_span_id"]) for row in rounds if row["trigger"] == "user_message"}
    keys = zip(*(spans[name].to_pylist() for name in ("trace_id", "span_id", "start_unix_nano")), strict=True)
    found: dict[Any, set[int]] = defaultdict(set)
    for trace, span, start in keys:
        if (trace, span) in asked and start is not None:
            found[trace].add(start)
    return {trace: sorted(starts)[1:] for trace, starts in found.items()}


def _turn(rows: list[Row], next_begins: int | None, called: set[tuple[Any, Any]]) -> Row:
    """A turn of spans by start; what outlasts it, such as that of the whole conversation, is not its end."""
    known = [row for row in rows if row["start_unix_nano"] is not None]
    ends = [row["start_unix_nano"] + row["duration_ns"] for row in known if row["duration_ns"] is not None]
    if next_begins is not None:
        ends = [end for end in ends if end <= next_begins] or [next_begins]
    starts = [row["start_time"] for row in rows if row["start_time"] is not None]
    return {
        "trace_id": rows[0]["trace_id"],
        "start_time": min(starts, default=None),
        "duration_ms": (max(ends) - known[0]["start_unix_nano"]) / NS_A_MS if ends else None,
        "spans": len(rows),
        "errors": sum(row["status"] == "ERROR" for row in rows),
        "calls": {row["span_id"] for row in rows if (row["trace_id"], row["span_id"]) in called},
        **_said(rows),
    }


def _said(rows: list[Row]) -> Row:
    """The first question and the last answer that steps of their own tell."""
    found: Row = {}
    for row in rows:
        asked, answered = row.get("input_text"), row.get("output_text") or row.get("input_text")
        if row["step_kind"] == "user_message" and asked:
            found.setdefault("input_text", asked)
        if row["step_kind"] == "assistant_message" and answered:
            found["output_text"] = answered
    return found
