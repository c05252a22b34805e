"""Rounds and executions: against their definition, SQL and stories that were read by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.measures.executions import executions
from argus_lab.measures.rounds import rounds
from argus_lab.testing import make_span
from tests.measures.engines import differences, rows_of
from tests.measures.generated import conversations, make_times, shuffled
from tests.measures.samples import spans_of, support_sessions
from tests.measures.story import Story, expected

BY_TIME = """
WITH moments AS (
    SELECT *, start_unix_nano AS start, start_unix_nano + duration_ns AS over FROM spans
),
calls AS (
    SELECT *, lead(start) OVER (PARTITION BY trace_id ORDER BY start) AS following
    FROM moments WHERE span_type = 'llm'
),
sessions AS (
    SELECT trace_id, min(session_id) AS session FROM spans WHERE session_source = 'attribute' GROUP BY ALL
),
triggered AS (
    SELECT c.span_id, max_by(t, (t.start, t.span_id)) AS t
    FROM calls c LEFT JOIN moments t ON t.trace_id = c.trace_id
        AND t.step_kind IN ('user_message', 'tool_call') AND t.start <= c.start
    GROUP BY ALL
),
ran AS (
    SELECT c.span_id, count(e.span_id) AS executions, list_sort(list(e.span_id)) AS spans,
        count(*) FILTER (e.component_type IN ('external_resource', 'mcp')) AS external,
        max(e.over) - min(e.start) AS stretch
    FROM calls c JOIN moments e ON e.trace_id = c.trace_id
        AND e.start >= c.over AND e.start < coalesce(c.following, 9e18)
        AND (e.step_kind = 'tool_call' OR e.step_kind = 'external_resource' AND e.component_type <> 'mcp')
    GROUP BY ALL
)
SELECT c.span_id, s.session AS session_id,
    row_number() OVER (PARTITION BY s.session ORDER BY c.start) AS round,
    t.step_kind AS trigger, t.span_id AS trigger_span_id,
    coalesce(t.component_name, t.name) AS trigger_name, coalesce(r.executions, 0) AS executions,
    coalesce(r.external, 0) AS external, r.spans, r.stretch / 1e6 AS stretch,
    c.start_time, c.input_tokens, c.output_tokens, c.output_text AS result_text
FROM calls c JOIN sessions s USING (trace_id) JOIN triggered USING (span_id) LEFT JOIN ran r USING (span_id)
ORDER BY min(c.start) OVER (PARTITION BY s.session), c.start
"""
"""Rounds as the reference has them, by times alone, within a trace."""

USER, NOTHING = ("user_message", "POST /v1/chat"), (None, 0, 0)
STORIES: dict[str, list[tuple[Any, ...]]] = {
    "story-hallucinated-tool": [
        (*USER, "get_order_history", 1, 0),
        ("tool_call", "get_order_history", "lookup_order", 2, 1),
        ("tool_call", "lookup_order", *NOTHING),
        (*USER, *NOTHING),
    ],
    "story-context-overflow": [
        (*USER, "lookup_order, get_shipment", 3, 2),
        ("tool_call", "get_shipment", *NOTHING),
        *[(*USER, *NOTHING)] * 6,
    ],
    "story-gives-up": [
        (*USER, "lookup_order", 2, 1),
        ("tool_call", "lookup_order", "issue_refund", 1, 1),
        ("tool_call", "issue_refund", *NOTHING),
        *[(*USER, *NOTHING)] * 10,
    ],
    "story-prompt-injection": [
        (*USER, *NOTHING),
        (*USER, "lookup_order", 2, 1),
        ("tool_call", "lookup_order", "issue_refund", 1, 1),
        ("tool_call", "issue_refund", *NOTHING),
    ],
    "story-runaway-loop": [
        (*USER, "get_shipment", 1, 1),
        *[("tool_call", "get_shipment", "get_shipment", 1, 1)] * 17,
        ("tool_call", "get_shipment", *NOTHING),
    ],
    "story-very-slow": [
        (*USER, "lookup_order", 2, 1),
        ("tool_call", "lookup_order", "get_shipment", 3, 3),
        ("tool_call", "get_shipment", *NOTHING),
        (*USER, *NOTHING),
    ],
}
"""By session, what each round was triggered by, asked for, and set in motion (of that: outside)."""


@given(conversations())
def test_rounds_and_executions_are_those_of_the_definition(table: pa.Table):
    """Every column that is made, for broken traces, against the definition read span by span."""
    told, ran = expected(Story(table.to_pylist()))
    assert differences(rows_of(rounds(table)), told) == []
    assert differences(rows_of(executions(table)), ran) == []


@given(conversations(), st.integers(0, 99))
def test_every_call_is_one_round_and_every_execution_in_at_most_one(table: pa.Table, seed: int):
    """What must hold for any spans, in whatever order their rows come."""
    story = Story(table.to_pylist())
    found = rounds(table)
    assert sorted(found["span_id"].to_pylist()) == sorted(story.rows[c]["span_id"] for c in story.calls)
    ids = [one for text in found["execution_span_ids"].drop_null().to_pylist() for one in text.split(", ")]
    ran = executions(table)
    assert sorted(ids) == sorted(ran.filter(pc.is_valid(ran["round"]))["span_id"].to_pylist())
    assert len(set(ids)) == len(ids) == sum(found["executions"].to_pylist())
    counts: Counter[tuple[str, str]] = Counter()
    for row in found.to_pylist():
        counts[row["project"], row["session_id"]] += 1
        assert row["round"] == counts[row["project"], row["session_id"]]
    again = shuffled(table, seed)
    assert rounds(again).equals(found)
    assert executions(again).equals(ran)


def test_sample_rounds_are_those_of_times_alone():
    """One agent a trace, clocks that are right: then SQL over times finds the 1,251 rounds too."""
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    session.register("spans", support_sessions())
    known = rows_of(session.sql(BY_TIME))
    assert len(known) == 1251
    found = rows_of(rounds(support_sessions()))
    for row, want in zip(found, known, strict=True):
        spans, stretch = want.pop("spans"), want.pop("stretch")
        assert differences([row], [want]) == []
        ids = row["execution_span_ids"]
        assert (sorted(ids.split(", ")) if ids else None) == spans
        assert ids is None or row["executions_ms"] <= stretch + 1e-6


@pytest.mark.parametrize("name", STORIES)
def test_stories_are_what_one_reads(name: str):
    """The six stories of the sample, written down from their spans by hand."""
    columns = ["trigger", "trigger_name", "requested_tools", "executions", "external"]
    found = rounds(support_sessions())
    told = found.filter(pc.equal(found["session_id"], name)).select(columns).to_pylist()
    assert [tuple(row.values()) for row in told] == STORIES[name]


def _span(name: str, up: str | None, start: int, seconds: int, **columns: Any) -> dict[str, Any]:
    """A span of a trace of its own, unless a trace is given."""
    known = {"span_type": None, "step_kind": None, "component_type": None, "component_name": None}
    given = known | {"trace_id": "t1", "tool_name": None, "session_id": "s"} | columns
    return make_span(1, span_id=name, parent_span_id=up, name=name, **given) | make_times(start, seconds)


CALL: dict[str, Any] = {"span_type": "llm", "step_kind": "llm_call"}
TOOL: dict[str, Any] = {"span_type": "tool", "step_kind": "tool_call"}
AGENT: dict[str, Any] = {"span_type": "agent"}
USERS: dict[str, Any] = {"step_kind": "user_message"}


def _triggers(*rows: dict[str, Any]) -> list[str | None]:
    found: list[str | None] = rounds(spans_of(*rows))["trigger_span_id"].to_pylist()
    return found


def test_a_call_does_not_trigger_itself():
    """A model call that is labelled as a message of the user or a tool call is no trigger, of none."""
    for kind in ("user_message", "tool_call"):
        call = _span("call", None, 0, 1, span_type="llm", step_kind=kind)
        assert _triggers(call, _span("next", None, 2, 1, **CALL)) == [None, None]


def test_what_is_above_triggers_if_its_clock_is_wrong():
    """A message of the user that by its clock came after the call below it is what triggered the call."""
    user = _span("user", None, 9, 1, **USERS)
    assert _triggers(user, _span("call", "user", 2, 1, **CALL)) == ["user"]
    assert _triggers(user, _span("call", None, 2, 1, **CALL)) == [None]


def test_what_an_agent_does_after_its_end_is_not_before():
    """By a wrong clock an agent ended before the tool in it began: it did not trigger a call in between."""
    rows = [
        _span("user", None, 0, 9, **USERS),
        _span("agent", "user", 1, 1, **AGENT),
        _span("tool", "agent", 5, 1, **TOOL),
        _span("early", "user", 3, 1, **CALL),
        _span("late", "user", 7, 1, **CALL),
    ]
    assert _triggers(*rows) == ["user", "tool"]


def test_results_sent_with_a_text_beside_them_tell_the_trigger():
    """Some senders put tool results and a new text into one message of the user."""
    parts = '[{"type": "tool_call_response", "id": "c1"}, {"type": "text", "content": "And?"}]'
    rows = [
        _span("first", None, 0, 1, **TOOL, tool_call_id="c1"),
        _span("second", None, 1, 1, **TOOL, tool_call_id="c2"),
        _span("call", None, 3, 1, **CALL) | {"input": f'[{{"role": "user", "parts": {parts}}}]'},
    ]
    assert _triggers(*rows) == ["first"]


def test_an_execution_within_another_is_of_its_round_wherever_the_call_was():
    """A resource in a tool, in a trace without a call: not of the call that ended in between elsewhere."""
    rows = [
        _span("one", None, 0, 1, **CALL),
        _span("two", None, 3, 2, **CALL, trace_id="t2"),
        _span("tool", None, 2, 8, **TOOL, trace_id="t3"),
        _span("resource", "tool", 6, 1, step_kind="external_resource", trace_id="t3"),
    ]
    found = rounds(spans_of(*rows))
    assert found["execution_span_ids"].to_pylist() == ["tool, resource", None]


def test_a_resource_beside_a_running_call_is_of_no_round():
    """What begins while a call runs was not caused by it, unless it is a tool: that was streamed."""
    call = _span("call", None, 0, 5, **CALL)
    resource = _span("resource", None, 2, 1, step_kind="external_resource")
    assert executions(spans_of(call, resource))["round"].to_pylist() == [None]
    assert executions(spans_of(call, _span("tool", None, 2, 1, **TOOL)))["round"].to_pylist() == [1]
