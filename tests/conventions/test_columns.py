"""Which attribute fills which column, which wins, and that nothing sent can break a row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from argus_lab import conventions
from argus_lab.conventions import argus, otel_genai
from argus_lab.lake.rows import arrow_table, span_rows
from argus_lab.otlp import Resource, Span, decode, encode
from argus_lab.otlp.values import dump
from argus_lab.schema import COMPONENT_TYPES, SPANS, STEP_KINDS
from tests.conventions.rows import NOW, OWNER, row_of
from tests.otlp import sent

MAPPED = sorted({key for rule in (*argus.RULES, *otel_genai.RULES) for key in rule.attributes})
CONTENT = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
    "gen_ai.skill.name",
    "gen_ai.data_source.id",
    "error.type",
]
EVENT_KEYS = {
    "argus.input": ["text", "messages", "tools", "system_prompt", "arguments", "other"],
    "argus.output": ["text", "tool_calls", "stop_reason", "messages", "other"],
    "argus.error": ["type", "message", "stack"],
    "exception": ["exception.type", "exception.message", "exception.stacktrace"],
    otel_genai.DETAILS: ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"],
}

# --- anything in any key ------------------------------------------------------------------------------

MESSAGE_KEYS = [
    "role",
    "parts",
    "content",
    "type",
    "text",
    "tool_calls",
    "function",
    "name",
    "id",
    "arguments",
]
MESSAGE_KEYS += ["response", "result", "finish_reason", "tool_call_id"]
messages = st.recursive(
    sent.leaves | st.sampled_from(["user", "tool", "text", "tool_call", "tool_call_response", "system"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MESSAGE_KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
texts_of_json = messages.map(lambda value: json.dumps(value, default=str))
numbers = st.sampled_from(
    ["5", "-1", "1e9999", "nan", "9" * 30, "0x1", "true", "[]", '["a"]', '["a", 1]', "{}"]
)
anything = (sent.values | messages).map(sent.normal) | texts_of_json | numbers


@given(
    st.dictionaries(st.sampled_from(MAPPED + CONTENT), anything, max_size=5),
    st.lists(
        st.sampled_from([(name, key) for name, keys in EVENT_KEYS.items() for key in keys]).flatmap(
            lambda place: st.tuples(
                st.just(place[0]), st.dictionaries(st.just(place[1]), anything, max_size=1)
            )
        ),
        max_size=3,
    ),
    st.sampled_from([None, *STEP_KINDS]),
)
def test_no_value_of_any_key_breaks_a_row_or_changes_what_was_sent(
    attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]], step: str | None
):
    """Every mapped key with every type of value: always a row of the table, with the raw values as sent."""
    if step:
        attributes = {**attributes, "argus.step.kind": step}
    row = row_of(*events, attributes=attributes)
    assert (row["attributes"] or {}) == json.loads(dump(attributes))
    assert [event["attributes"] for event in row["events"] or []] == [json.loads(dump(e)) for _, e in events]
    assert row["step_kind"] in {None, *STEP_KINDS}
    assert row["component_type"] in {None, *COMPONENT_TYPES}
    for name in ("input_tokens", "output_tokens", "max_tokens", "cache_read_tokens", "reasoning_tokens"):
        assert row[name] is None or 0 <= row[name] < 2**63


@pytest.mark.parametrize("key", MAPPED + CONTENT)
def test_every_type_of_value_in_every_mapped_key(key: str):
    """The same without chance: each key with one value of each type."""
    for value in (
        None, "", "x", "5", "[", "{", "[1]", '{"a": 1}', "\0", True, False, 0, -1, 5, 2**63 - 1, 1.5, -0.0,
        {"$double": "NaN"}, {"$double": "Infinity"}, {"$int": "9" * 20}, {"$bytes": "AAEC"}, [], ["a", None],
        [[]], {}, {"a": [None]}, {"role": 5, "parts": 7}, [{"role": None, "tool_calls": 5}],
    ):  # fmt: skip
        row = row_of(attributes={key: value})
        assert row["attributes"] == {key: value}


@given(st.integers(880, 1010), st.sampled_from(["gen_ai.input.messages", "argus.metadata"]))
@example(990, "gen_ai.input.messages")
def test_text_nested_to_the_parsers_limit_stays_a_row(levels: int, key: str):
    """JSON text so deep that it can just be read and not be written again falls back to what was sent."""
    text = '[{"role": "user", "content": ' + "[" * levels + "]" * levels + "}]"
    text = text if key.startswith("gen_ai") else '{"a": ' + text + "}"
    assert row_of(attributes={key: text})["attributes"] == {key: text}


# --- step kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["banana", "LLM_CALL", 5, True, ["llm_call"], {"a": 1}])
@pytest.mark.parametrize(
    ("key", "column"), [("argus.step.kind", "step_kind"), ("argus.component.type", "component_type")]
)
def test_values_outside_the_lists_leave_the_column_null(key: str, column: str, value: Any):
    """An unknown kind keeps the span: null column, value in ``unread`` and raw."""
    row = row_of(attributes={key: value})
    assert row[column] is None
    assert row["unread"] == {column: value}
    assert row["attributes"] == {key: value}
    assert row["dialect"] == "argus"


@pytest.mark.parametrize(
    ("attributes", "span_type", "step_kind", "component_type"),
    [
        ({}, None, None, None),
        ({"gen_ai.operation.name": "chat"}, "llm", "llm_call", "llm"),
        ({"gen_ai.operation.name": "embeddings"}, "embedding", "external_resource", "external_resource"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool", "tool_call", "custom_tool"),
        (
            {"gen_ai.operation.name": "execute_tool", "mcp.method.name": "tools/call"},
            "tool",
            "tool_call",
            "mcp",
        ),
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.skill.name": "s"}, "tool", "tool_call", "skill"),
        ({"gen_ai.operation.name": "invoke_agent"}, "agent", None, None),
        ({"gen_ai.operation.name": "juggle"}, None, None, None),
        ({"mcp.method.name": "tools/call"}, "tool", "tool_call", "mcp"),
        ({"mcp.method.name": "resources/read"}, None, "external_resource", "mcp"),
        ({"mcp.method.name": "initialize"}, None, None, "mcp"),
        ({"argus.step.kind": "llm_call"}, "llm", "llm_call", None),
        ({"argus.step.kind": "user_message"}, None, "user_message", None),
        ({"argus.component.type": "llm"}, "llm", "llm_call", "llm"),
        ({"argus.component.type": "middleware"}, None, None, "middleware"),
    ],
)
def test_what_a_span_does(
    attributes: dict[str, Any], span_type: str | None, step_kind: str | None, component_type: str | None
):
    """The operation, the MCP method and the Argus attributes tell type, step and component."""
    row = row_of(attributes=attributes)
    assert (row["span_type"], row["step_kind"], row["component_type"]) == (
        span_type,
        step_kind,
        component_type,
    )
    assert row["unread"] is None


# --- precedence -----------------------------------------------------------------------------------------


def test_argus_wins_over_gen_ai():
    """Where both conventions speak, the contract's own attributes and events are believed."""
    row = row_of(
        ("argus.input", {"text": "from argus"}),
        ("argus.output", {"text": "said argus", "stop_reason": "end_turn"}),
        attributes={
            "argus.step.kind": "user_message",
            "argus.component.name": "mine",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.input.messages": '[{"role": "user", "content": "from gen_ai"}]',
        },
    )
    assert row["step_kind"] == "user_message"
    assert row["component_name"] == "mine"
    assert row["input_text"] == "from argus"
    assert row["output_text"] == "said argus"
    assert row["finish_reason"] == "end_turn"
    assert row["request_model"] == "m"
    assert row["dialect"] == "argus"


def test_an_argus_event_that_says_nothing_leaves_gen_ai_its_say():
    """An empty argus.input does not blank out messages sent the other way."""
    row = row_of(
        ("argus.input", {"text": ""}),
        attributes={"gen_ai.input.messages": '[{"role": "user", "content": "hi"}]'},
    )
    assert row["input_text"] == "hi"


@pytest.mark.parametrize(
    ("column", "best", "other"),
    [
        ("session_id", "session.id", "gen_ai.conversation.id"),
        ("user_id", "user.id", "enduser.id"),
        ("provider", "gen_ai.provider.name", "gen_ai.system"),
        (
            "cache_write_tokens",
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
        ),
    ],
)
def test_the_better_source_wins_in_any_order(column: str, best: str, other: str):
    """Two attributes for one column: precedence, not order, decides; the other fills in when it must."""
    value, second = (7, 8) if column.endswith("tokens") else ("a", "b")
    for attributes in ({best: value, other: second}, {other: second, best: value}):
        assert row_of(attributes=attributes)[column] == value
    assert row_of(attributes={other: second})[column] == second
    assert row_of(attributes={best: None, other: second})[column] == second
    fallen_back = row_of(attributes={best: [1, {}], other: second})
    assert (fallen_back[column], fallen_back["unread"]) == (second, None)


def test_sessions_fall_back_to_the_trace():
    """A span without a session belongs to its trace's, and the row says so."""
    assert row_of()["session_id"] == "a" * 32
    assert row_of()["session_source"] == "trace"
    named = row_of(attributes={"session.id": "s"})
    assert (named["session_id"], named["session_source"]) == ("s", "attribute")


# --- errors ---------------------------------------------------------------------------------------------

EXCEPTION = (
    "exception",
    {"exception.type": "ValueError", "exception.message": "bad", "exception.stacktrace": "line 1"},
)


def test_the_exception_event_is_the_second_source_of_errors():
    """Argus' own error event is believed first, field by field; the exception event fills the rest."""
    only = row_of(EXCEPTION)
    assert (only["error_type"], only["error_message"], only["error_stack"]) == ("ValueError", "bad", "line 1")
    both = row_of(("argus.error", {"type": "Timeout", "message": "too slow"}), EXCEPTION)
    assert (both["error_type"], both["error_message"], both["error_stack"]) == (
        "Timeout",
        "too slow",
        "line 1",
    )


def test_the_last_exception_counts():
    """Several exceptions mean retries: what is told is the last one, not a mixture."""
    row = row_of(EXCEPTION, ("exception", {"exception.type": "KeyError"}))
    assert (row["error_type"], row["error_message"], row["error_stack"]) == ("KeyError", None, None)


def test_error_attribute_and_status_fill_what_events_left_open():
    """``error.type`` is the class to count by; the status message is the last resort, and only of errors."""
    row = row_of(attributes={"error.type": "429"}, status="ERROR", status_message="slow down")
    assert (row["error_type"], row["error_message"]) == ("429", "slow down")
    assert row_of(status="OK", status_message="fine")["error_message"] is None
    row = row_of(EXCEPTION, attributes={"error.type": "429"}, status="ERROR", status_message="slow down")
    assert (row["error_type"], row["error_message"]) == ("429", "bad")


# --- numbers and content --------------------------------------------------------------------------------


def test_unknown_is_null_and_never_zero():
    """Nothing sent, NaN and text that is no number give null; a sent zero is a zero."""
    row = row_of(
        attributes={"gen_ai.usage.input_tokens": {"$double": "NaN"}, "gen_ai.usage.output_tokens": 0}
    )
    assert (row["input_tokens"], row["output_tokens"]) == (None, 0)
    assert row["unread"] is None
    assert row["usage_source"] == "gen_ai.usage.output_tokens"
    bad = row_of(attributes={"gen_ai.usage.input_tokens": "many"})
    assert (bad["input_tokens"], bad["unread"]) == (None, {"input_tokens": "many"})
    assert row_of(attributes={"gen_ai.usage.input_tokens": "12"})["input_tokens"] == 12
    assert row_of(attributes={"gen_ai.usage.input_tokens": -5})["unread"] == {"input_tokens": -5}


def test_time_to_first_token_is_milliseconds_and_means_streaming():
    """The attribute is in seconds."""
    row = row_of(attributes={"gen_ai.response.time_to_first_chunk": 0.25})
    assert (row["time_to_first_token_ms"], row["streaming"]) == (250.0, True)


def test_messages_have_one_form():
    """OpenAI's shape and OpenTelemetry's become the same messages, tool calls and results included."""
    call = {"id": "c", "function": {"name": "f", "arguments": '{"x": 1}'}}
    openai = [
        {"role": "developer", "content": "be kind"},
        {"role": "human", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    made = [
        {"role": "system", "parts": [{"type": "text", "content": "be kind"}]},
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"x": 1}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "done"}]},
    ]
    for value in (openai, json.dumps(openai), made, json.dumps(made)):
        row = row_of(attributes={"gen_ai.input.messages": value})
        assert row["input"] == made
        assert (row["input_text"], row["system_prompt"]) == ("hi", "be kind")


# --- times ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "duration", "date", "unread"),
    [
        (NOW, NOW + 1, 1, "2026-09-21", None),
        (NOW, NOW, 0, "2026-09-21", None),
        (NOW, NOW - 1, None, "2026-09-21", None),
        (NOW, None, None, "2026-09-21", None),
        (None, NOW, None, "2026-09-21", None),
        (1, NOW, NOW - 1, "1970-01-01", None),
        (16_725_225_600 * 10**9, 16_725_225_601 * 10**9, 10**9, "2500-01-01", {"start_unix_nano"}),
        (2**64 - 1, 2**64 - 1, 0, "2554-07-21", {"start_unix_nano"}),
        (1, 2**64 - 1, None, "1970-01-01", None),
    ],
)
def test_times_of_any_kind_have_a_defined_row(
    start: int | None, end: int | None, duration: int | None, date: str, unread: set[str] | None
):
    """No start, an end before the start, the year 2500, the last fixed64: what a row says then."""
    row = row_of(start=start, end=end)
    assert row["duration_ns"] == duration
    assert str(row["date"]) == date
    assert (row["unread"] or {}).keys() == (unread or set())
    if start is None:
        assert row["start_time"] is None
    elif not unread:
        assert row["start_unix_nano"] == start


# --- purity ---------------------------------------------------------------------------------------------


@given(sent.spans, st.none() | sent.attributes.map(Resource))
def test_the_same_bytes_always_give_the_same_rows(span: Span, resource: Resource | None):
    """Reading twice gives equal rows: a replay repeats itself exactly."""
    body = encode([span], resource=resource or OWNER, encoding="protobuf")
    tables = []
    for _ in range(2):
        export = decode(body, "protobuf")
        verdict = conventions.admit(export, project="p")
        tables.append(arrow_table(SPANS, list(span_rows(export, verdict, NOW))))
    assert tables[0].equals(tables[1])
