"""Rounds and executions as their definition says, span by span: to hold what is computed against."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.measures.walks import (
    UNKNOWN,
    Row,
    Rows,
    is_answer,
    is_tool,
    joined,
    marks,
    parents_of,
    read,
    start_of,
)

KINDS = {
    "knowledge": "knowledge kb retriev vector embed rag search",
    "memory": "memory recall mem0",
    "database": "db sql database query postgres mysql mongo redis",
    "http": "http api fetch request url rest webhook",
}
Scope = int | str
"""A place, or the id of a trace."""


class Story:
    """What the definition of a round speaks of, for a list of spans: looked up anew at every question."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows = joined(rows)
        self.all = range(len(rows))
        self.up = parents_of(rows)
        self.place = {n: k for k, (n, _) in enumerate(read(rows))}
        self.session = [(row["project"], row["session_id"]) for row in rows]
        told = marks(rows)
        self.calls = {n for n in self.all if told[n][1] or is_answer(rows[n])}
        self.tool_calls = {n for n in self.all if told[n][2]}
        self.tools = {n for n in self.all if is_tool(rows[n])} - self.calls
        outside = {n for n in self.all if rows[n]["step_kind"] == "external_resource"} - self.calls
        self.ran = self.tools | outside
        typed = {n for n in self.all if rows[n]["span_type"] == "tool"}
        self.agents = {n for n in self.all if rows[n]["span_type"] == "agent"} - self.ran - self.calls
        self.scopes = self.agents | self.ran | self.calls | typed
        self.executions = self.ran - {n for n in self.ran if self._is_servers_end(n)}
        self.asking = {n for n in self.all if rows[n]["step_kind"] == "user_message"} - self.calls

    def _is_servers_end(self, n: int) -> bool:
        """Over MCP, right in the scope of a call over MCP of the same name, tool and method."""
        outer = self.scope(n)
        if not isinstance(outer, int) or outer not in self.ran:
            return False
        one, other = self.rows[n], self.rows[outer]
        methods = {one["mcp_method"], other["mcp_method"]} - {None}
        same = one["name"] == other["name"] is not None or one["tool_name"] == other["tool_name"] is not None
        return one["component_type"] == other["component_type"] == "mcp" and len(methods) < 2 and same

    def above(self, n: int) -> list[int]:
        """The spans above, nearest first."""
        up = self.up[n]
        return [] if up is None else [up, *self.above(up)]

    def scope(self, n: int) -> Scope:
        """The nearest span above that does something of its own, else the trace."""
        trace: str = self.rows[n]["trace_id"]
        return next((m for m in self.above(n) if m in self.scopes), trace)

    def start(self, n: int) -> tuple[int, int]:
        """When it started, and which of two comes first that started together."""
        return start_of(self.rows[n]), self.place[n]

    def end(self, n: int) -> int:
        """When it ended, in nanoseconds."""
        start, length = self.start(n)[0], self.rows[n]["duration_ns"]
        return UNKNOWN if start == UNKNOWN or length is None else start + length

    def latest(self, among: set[int], scope: Scope, moment: int) -> int | None:
        """What began last in the scope until then, or in an agent of the scope that had ended by then."""
        seen = []
        for n in among:
            at, time = self.scope(n), self.start(n)[0]
            while at != scope and at in self.agents and self.end(int(at)) < UNKNOWN:
                time = max(time, self.end(int(at)))
                at = self.scope(int(at))
            if at == scope and time <= moment:
                seen.append((time, self.start(n), n))
        return max(seen)[-1] if seen else None

    def nearest_before(self, among: list[int], n: int) -> int:
        """Of these the last that started before; in its own trace if there is any; else the first."""
        same = [m for m in among if self.rows[m]["trace_id"] == self.rows[n]["trace_id"]] or among
        before = [m for m in same if self.start(m)[0] <= self.start(n)[0]]
        return max(before, key=self.start) if before else min(same, key=self.start)

    def asked(self, call: int) -> list[Row]:
        """The tool calls in the answer of a model call."""
        said = messages_of(self.rows[call]["output"]) or []
        return [part for message in said for part in message["parts"] if part["type"] == "tool_call"]

    def answered(self, call: int) -> list[str]:
        """Ids of the results that the prompt of a model call ends with."""
        found: list[str] = []
        for message in reversed(messages_of(self.rows[call]["input"]) or []):
            ids = [part["id"] for part in message["parts"] if part["type"] == "tool_call_response"]
            if not ids:
                break
            found += ids
        return found

    def cause(self, n: int) -> int | None:
        """The model call that an execution belongs to."""
        known = self.rows[n]["tool_call_id"]
        beside = [c for c in self.calls if self.session[c] == self.session[n]]
        by_id = [c for c in beside if known and known in [part["id"] for part in self.asked(c)]]
        if by_id:
            return self.nearest_before(by_id, n)
        at, moment = self.scope(n), self.start(n)[0]
        while True:
            if at in self.calls:
                return int(at)
            found = self.latest(self.calls, at, moment)
            if found is not None:
                return found if self.end(found) <= moment or n in self.tools else None
            if at in self.executions:
                return self.cause(int(at))
            if isinstance(at, str):
                break
            at, moment = self.scope(at), self.start(at)[0]
        if any(self.rows[c]["trace_id"] == at for c in self.calls):
            return None
        over = [c for c in beside if self.end(c) <= self.start(n)[0]]
        return max(over, key=lambda c: (self.end(c), self.place[c])) if over else None

    def trigger(self, call: int) -> int | None:
        """The user message or tool call that led to a model call."""
        among = self.tools | self.asking
        of_session = [t for t in self.tools if self.session[t] == self.session[call]]
        named = [[t for t in of_session if self.rows[t]["tool_call_id"] == i] for i in self.answered(call)]
        by_id = [self.nearest_before(each, call) for each in named if each]
        if by_id:
            return max(by_id, key=self.start)
        at, moment = self.scope(call), self.start(call)[0]
        while True:
            found = self.latest(among, at, moment)
            if found is not None:
                return found
            if at in among:
                return int(at)
            if isinstance(at, str):
                return next((m for m in self.above(call) if m in among), None)
            at, moment = self.scope(at), self.start(at)[0]

    def is_external(self, n: int) -> bool:
        """It reached something that is not ours."""
        kind = self.rows[n]["component_type"]
        resource = kind is None and self.rows[n]["step_kind"] == "external_resource"
        return resource or kind in {"external_resource", "mcp"}

    def category(self, n: int) -> str | None:
        """What kind of thing it reached, by its name."""
        if not self.is_external(n):
            return None
        name = (_first(self.rows[n], "component_name", "name") or "").lower()
        return next((k for k, words in KINDS.items() if any(word in name for word in words.split())), "other")

    def order(self) -> dict[int, tuple[Any, ...]]:
        """By place, where it comes: session by session, in each by start."""
        first: dict[Any, tuple[Any, ...]] = {}
        for n in self.all:
            project, session = self.session[n]
            key = (self.start(n)[0], project or "", session)
            first[self.session[n]] = min(first.get(self.session[n], key), key)
        return {n: (first[self.session[n]], self.start(n)) for n in self.all}


def messages_of(text: str | None) -> Rows | None:
    """The messages of a generated text: the only lists among them."""
    found = json.loads(text) if text and text[0] == "[" else None
    return found if isinstance(found, list) else None


def _first(row: Row, *names: str) -> Any:
    return next((row[name] for name in names if row[name] is not None), None)


def expected(story: Story) -> tuple[Rows, Rows]:
    """Rounds and executions by the definition."""
    caused = {n: story.cause(n) for n in sorted(story.executions, key=story.place.__getitem__)}
    number: dict[int, int] = {}
    counts: Counter[Any] = Counter()
    for call in sorted(story.calls, key=story.order().__getitem__):
        counts[story.session[call]] += 1
        number[call] = counts[story.session[call]]
    told = [_round(story, c, number[c], [n for n, cause in caused.items() if cause == c]) for c in number]
    ran = [
        {
            "span_id": story.rows[n]["span_id"],
            "trace_id": story.rows[n]["trace_id"],
            "session_id": story.session[n][1],
            "round": None if cause is None else number[cause],
            "group": "external" if story.is_external(n) else "internal",
            "category": story.category(n),
            "arguments": story.rows[n]["input"],
            "result": story.rows[n]["output"],
        }
        for n, cause in caused.items()
    ]
    return told, ran


def _round(story: Story, call: int, number: int, ran: list[int]) -> Row:
    row, trigger = story.rows[call], story.trigger(call)
    by = {} if trigger is None else story.rows[trigger]
    prompt, offered = messages_of(row["input"]), messages_of(row["tool_definitions"])
    kinds = {story.category(n) for n in ran} - {None}
    outside = sum(story.is_external(n) for n in ran)
    text = row["input_text"]
    if by:
        is_tool = trigger in story.tools
        text = (
            _first(by, "output_text", "output")
            if is_tool
            else _first({**by, "own": text}, "input_text", "own")
        )
    return {
        "project": row["project"],
        "session_id": story.session[call][1],
        "span_id": row["span_id"],
        "round": number,
        "trigger": "initial" if not by else "tool_call" if trigger in story.tools else "user_message",
        "trigger_name": _first(by, "component_name", "tool_name", "name") if by else None,
        "trigger_span_id": by.get("span_id"),
        "agent_name": next((story.rows[m]["agent_name"] for m in [call, *story.above(call)]
                            if story.rows[m]["agent_name"]), None),
        "prompt_messages": None if prompt is None else len(prompt),
        "prompt_tools": None if offered is None else len(offered),
        "requested_tools": ", ".join(part["name"] for part in story.asked(call) if part["name"]) or None,
        "executions": len(ran),
        "internal": len(ran) - outside,
        "external": outside,
        "external_categories": ", ".join(sorted(map(str, kinds))) or None,
        "executions_ms": _busy(story, ran),
        "execution_span_ids": ", ".join(story.rows[n]["span_id"] for n in ran) or None,
        "result_text": row["output_text"],
        "trigger_text": text,
    }  # fmt: skip


def _busy(story: Story, ran: list[int]) -> float | None:
    """Seconds of the clock in which one of them ran; generated spans begin and end with a second."""
    known = [(story.start(n)[0], story.end(n)) for n in ran if story.end(n) < UNKNOWN]
    second = 10**9
    return 1000.0 * len({t for low, high in known for t in range(low, high, second)}) if known else None
