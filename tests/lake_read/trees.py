"""Traces with random trees and sessions, and their sessions worked out slowly, span by span."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from argus_lab.testing import NOON, make_span

Row = dict[str, Any]
Sessions = dict[tuple[str, str], tuple[str, str]]


def sent(trace: int, number: int, parent: int | None, session: str | None, **columns: Any) -> Row:
    """A span as it is stored when nothing else is known: without a session it stands under its trace."""
    trace_id = f"{trace:032x}"
    named = {"session_id": session, "session_source": "attribute"}
    unnamed = {"session_id": trace_id, "session_source": "trace"}
    return make_span(
        number,
        **{
            "trace_id": trace_id,
            "span_id": f"{number:016x}",
            "parent_span_id": None if parent is None else f"{parent:016x}",
            **(named if session else unnamed),
            **columns,
        },
    )


def random_traces(chance: random.Random, traces: int = 8) -> list[Row]:
    """Spans of traces over two projects and three days: orphans, circles, no start, several sessions."""
    rows = []
    for trace in range(1, traces + 1):
        names = [
            *chance.choices(["chat-1", "chat-2", "é 'quoted'", f"{3:032x}"], k=chance.randrange(3)),
            None,
        ]
        project, numbers = chance.choice(["customer-bot", "shop-bot"]), range(1, chance.randrange(2, 9))
        for number in numbers:
            start = NOON + timedelta(hours=chance.randrange(60), seconds=chance.randrange(3))
            rows.append(
                sent(
                    trace,
                    trace * 100 + number,
                    chance.choice([None, *(trace * 100 + n for n in range(1, 10))]),
                    chance.choice([*names, None, None]),
                    project=project if chance.random() < 0.9 else "other-bot",
                    start_time=None if chance.random() < 0.1 else start,
                    service=chance.choice(["gateway", "tools"]),
                )
            )
    return rows


def sessions_of(rows: Iterable[Row]) -> Sessions:
    """The session of each span and its source, by the words of the documentation."""
    traces: dict[str, dict[str, Row]] = {}
    for row in rows:
        traces.setdefault(row["trace_id"], {})[row["span_id"]] = row
    found = {}
    for trace_id, spans in traces.items():
        named = [row for row in spans.values() if row["session_source"] == "attribute"]
        named.sort(key=lambda row: (row["start_unix_nano"] is None, row["start_unix_nano"], row["span_id"]))
        for span_id, row in spans.items():
            if row["session_source"] == "attribute":
                found[trace_id, span_id] = (row["session_id"], "attribute")
                continue
            above = _above(row, spans) or (named[0] if named else None)
            found[trace_id, span_id] = (above["session_id"], "inherited") if above else (trace_id, "trace")
    return found


def _above(row: Row, spans: dict[str, Row]) -> Row | None:
    seen: set[str] = set()
    at: Row | None = row
    while at is not None and at["span_id"] not in seen:
        if at["session_source"] == "attribute":
            return at
        seen.add(at["span_id"])
        at = spans.get(at["parent_span_id"])
    return None
