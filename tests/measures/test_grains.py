"""Traces, sessions, rounds, messages and tool calls against plain computations on the sample sessions."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from argus_lab.measures.executions import executions
from argus_lab.measures.messages import messages
from argus_lab.measures.rounds import rounds
from argus_lab.measures.sessions import sessions
from argus_lab.measures.steps import steps
from argus_lab.measures.tool_calls import tool_calls
from argus_lab.measures.traces import traces
from tests.measures.engines import differences, rows_of
from tests.measures.samples import support_sessions

Rows = list[dict[str, Any]]
WITH_SESSIONS = """
WITH named AS (
    SELECT trace_id, min(session_id) AS session FROM spans WHERE session_source = 'attribute' GROUP BY ALL
),
whole AS (
    SELECT s.* REPLACE (n.session AS session_id), span_type = 'llm' AS is_call,
        span_type IN ('llm', 'embedding', 'reranker') AS counts
    FROM spans s JOIN named n USING (trace_id)
)
"""
SUMS = ", ".join(
    f"sum({name}) FILTER (counts) AS {name}"
    for name in (
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
    )
)
SHARED = f"""
    min(start_time) AS start_time, max(end_time) AS end_time, count(*) AS spans,
    (max(start_unix_nano + duration_ns) - min(start_unix_nano)) / 1e6 AS duration_ms,
    count(*) FILTER (is_call) AS model_calls, count(*) FILTER (step_kind = 'tool_call') AS tool_calls,
    count(*) FILTER (status = 'ERROR') AS errors, {SUMS},
    sum(cost_usd) FILTER (counts) AS reported_cost_usd,
    string_agg(DISTINCT request_model, ', ' ORDER BY request_model) AS models,
    string_agg(DISTINCT tool_name, ', ' ORDER BY tool_name) FILTER (step_kind = 'tool_call') AS tools
"""


def _sql(text: str) -> Rows:
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    session.register("spans", support_sessions())
    return rows_of(session.sql(WITH_SESSIONS + text))


@pytest.fixture(scope="module")
def spans() -> Rows:
    """The sample spans as plain dicts."""
    rows: Rows = support_sessions().to_pylist()
    return rows


def test_sessions_are_those_of_plain_sql():
    """All columns of the 300 sample sessions, first and last words among them."""
    expected = _sql(f"""
        SELECT project, session_id, 'attribute' AS session_source, min(user_id) AS user_id, {SHARED},
            count(DISTINCT trace_id) AS traces, count(*) FILTER (step_kind = 'user_message') AS turns,
            count(step_kind) AS steps,
            string_agg(DISTINCT agent_name, ', ' ORDER BY agent_name) AS agents,
            string_agg(DISTINCT service, ', ' ORDER BY service) AS services,
            first(input_text ORDER BY start_time) FILTER (
                step_kind = 'user_message' AND input_text IS NOT NULL) AS first_user_message,
            last(output_text ORDER BY start_time) FILTER (
                step_kind = 'assistant_message' AND output_text IS NOT NULL) AS told,
            last(output_text ORDER BY start_time) FILTER (is_call AND output_text IS NOT NULL) AS answered,
            coalesce(told, answered) AS last_answer
        FROM whole GROUP BY ALL ORDER BY start_time, session_id
    """)  # noqa: S608  the text is this module's own
    for row in expected:
        del row["told"], row["answered"]
    assert len(expected) == 300
    assert differences(rows_of(sessions(support_sessions())), expected) == []


def test_traces_are_those_of_plain_sql():
    """All columns of the 571 sample traces; one trace has lost its agent."""
    expected = _sql(f"""
        SELECT trace_id, any_value(session_id) AS session_id, any_value(project) AS project,
            any_value(service) FILTER (parent_span_id IS NULL) AS service,
            any_value(name) FILTER (parent_span_id IS NULL) AS name, min(user_id) AS user_id, {SHARED},
            true AS is_complete
        FROM whole GROUP BY ALL ORDER BY start_time, trace_id
    """)  # noqa: S608  the text is this module's own
    assert len(expected) == 571
    assert differences(rows_of(traces(support_sessions())), expected) == []
    one = support_sessions().filter(pc.equal(support_sessions()["trace_id"], expected[0]["trace_id"]))
    broken = one.filter(pc.fill_null(pc.not_equal(one["span_type"], "agent"), fill_value=True))
    assert [row["is_complete"] for row in traces(broken).to_pylist()] == [False]


def test_every_execution_belongs_to_the_call_that_asked_for_it(spans: Rows):
    """Tools by the id in the answer; what is inside a tool with it; what is retrieved before, to none."""
    asked = {}
    by_id = {row["span_id"]: row for row in spans}
    for row in spans:
        for message in json.loads(row["output"] or "[]") if row["span_type"] == "llm" else ():
            for part in message["parts"]:
                if part["type"] == "tool_call":
                    asked[part["id"]] = row["span_id"]
    expected: dict[str, set[str]] = defaultdict(set)
    for row in spans:
        tool = row if row["step_kind"] == "tool_call" else by_id.get(row["parent_span_id"] or "", {})
        if tool.get("step_kind") == "tool_call" and row["step_kind"] in {"tool_call", "external_resource"}:
            if row is not tool and row["component_type"] == "mcp":
                continue  # the server's end
            expected[asked[tool["tool_call_id"]]].add(row["span_id"])
    found = rows_of(rounds(support_sessions()))
    assert len(found) == 1251
    for row in found:
        ran = set(row["execution_span_ids"].split(", ")) if row["execution_span_ids"] else set()
        assert ran == expected.get(row["span_id"], set())
        assert row["executions"] == len(ran) == row["internal"] + row["external"]
    left = [row for row in rows_of(executions(support_sessions())) if row["round"] is None]
    assert {
        (row["service"], row["span_type"]) for row in map(by_id.get, (r["span_id"] for r in left)) if row
    } == {("retrieval", "retriever")}


def test_without_texts_the_rounds_are_the_same():
    """What ids tell, parents and times tell as well: the light columns give the same rounds."""
    light = support_sessions().drop_columns(
        ["input", "output", "input_text", "output_text", "tool_definitions"]
    )
    names = ["span_id", "round", "trigger_span_id", "execution_span_ids"]
    assert rounds(light).select(names).equals(rounds(support_sessions()).select(names))


def test_rounds_count_up_and_know_their_trigger(spans: Rows):
    """Rounds are numbered by start; a trigger is the last tool in the agent, else the user's message."""
    by_id = {row["span_id"]: row for row in spans}
    last: dict[str, tuple[int, Any]] = {}
    for row in rows_of(rounds(support_sessions())):
        number, start = last.get(row["session_id"], (0, row["start_time"]))
        assert row["round"] == number + 1
        assert row["start_time"] >= start
        last[row["session_id"]] = (row["round"], row["start_time"])
        call = by_id[row["span_id"]]
        beside = (
            [r for r in spans if r["trace_id"] == call["trace_id"] and r["step_kind"] == "tool_call"]
            if row["trigger"] == "tool_call"
            else []
        )
        before = [
            r
            for r in beside
            if r["parent_span_id"] == call["parent_span_id"] and r["start_time"] <= call["start_time"]
        ]
        expected = (
            max(before, key=lambda r: (r["start_time"], r["span_id"]))["span_id"]
            if before
            else (
                call["parent_span_id"]
                if beside
                else next(
                    r["span_id"]
                    for r in spans
                    if r["trace_id"] == call["trace_id"] and r["step_kind"] == "user_message"
                )
            )
        )
        assert row["trigger_span_id"] == expected


def test_a_conversation_reads_once():
    """Without re-sent messages, each prompt's new part follows the answer before it."""
    found = rows_of(messages(support_sessions()))
    whole: dict[str, list[Any]] = defaultdict(list)
    for row in found:
        whole[row["span_id"]].append((row["direction"], row["role"], row["text"], row["is_resent"]))
    for held in whole.values():
        marks = [is_resent for direction, _, _, is_resent in held if direction == "input"]
        assert marks == sorted(marks, reverse=True)  # first what was said before, then what is new
    by_call = {row["span_id"]: row for row in support_sessions().to_pylist()}
    for span, held in whole.items():
        assert len(held) == sum(len(json.loads(by_call[span][name] or "[]")) for name in ("input", "output"))


def test_attempts_are_those_that_the_sender_counted(spans: Rows):
    """The sample's own attribute ``support.attempt`` names the attempt of each tool call."""
    sent = {row["span_id"]: json.loads(row["attributes"]).get("support.attempt", 1) for row in spans}
    found = rows_of(tool_calls(support_sessions()))
    assert len(found) == 723
    assert [row["attempt"] for row in found] == [sent[row["span_id"]] for row in found]
    assert sum(row["is_retry"] for row in found) == 29


def test_empty_frames_have_the_same_columns():
    """No spans, no rows; the columns and types are the same."""
    empty: pa.Table = support_sessions().slice(0, 0)
    for measure in (traces, sessions, steps, rounds, executions, messages, tool_calls):
        found = measure(empty)
        assert found.num_rows == 0
        assert found.schema.equals(measure(support_sessions()).schema), measure
