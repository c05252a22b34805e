"""Traces as they should not be: orphans, circles, skewed clocks, unknown times, nothing known at all."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from argus_lab.schema import SPANS
from argus_lab.testing import NOON, make_span
from tests.measures.samples import spans_of

MODELS = (("openai", "gpt-5-mini"), ("anthropic", "claude-sonnet-4-5"), ("ollama", "qwen3:8b"), (None, None))
REQUIRED = ("org", "project", "service", "trace_id", "span_id", "received_at", "date")


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    """A span among few traces and ids, so that they collide, miss each other and go in circles."""
    provider, model = draw(st.sampled_from(MODELS))
    count = st.none() | st.integers(0, 3000)
    start = draw(st.none() | st.integers(-5_000, 200_000))
    return make_span(
        1,
        trace_id=f"{draw(st.integers(1, 3)):032x}",
        parent_span_id=draw(st.none() | st.integers(1, 14).map(lambda n: f"{n:016x}")),
        session_id=draw(st.sampled_from([None, "s1", "s2"])),
        name=draw(st.sampled_from(["chat", "tool", "turn"])),
        start_time=None if start is None else NOON + timedelta(milliseconds=start),
        duration_ms=draw(st.none() | st.integers(0, 60_000).map(lambda us: us / 8)),
        status=draw(st.sampled_from([None, "UNSET", "OK", "ERROR"])),
        error_message=draw(st.sampled_from([None, "", "no answer in 5 s", "no answer in 7 s", "gone"])),
        error_type=draw(st.sampled_from([None, "TimeoutError"])),
        span_type=draw(st.sampled_from([None, "llm", "tool", "agent", "embedding"])),
        step_kind=draw(st.sampled_from([None, "llm_call", "tool_call"])),
        provider=provider,
        request_model=model,
        input_tokens=draw(count),
        output_tokens=draw(count),
        cache_read_tokens=draw(count),
        cache_write_tokens=draw(st.none() | st.just(0)),
        reasoning_tokens=draw(st.none() | st.integers(0, 100)),
        time_to_first_token_ms=draw(st.none() | st.integers(-10, 9000).map(float)),
    )


@st.composite
def nothing(draw: st.DrawFn) -> dict[str, Any]:
    """A span of which only the required columns are known."""
    span = draw(spans())
    return {name: span[name] if name in REQUIRED else None for name in SPANS.names}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Up to fourteen spans; their ids are unique in a trace, their parents need not be there."""
    rows = draw(st.lists(spans() | nothing(), max_size=14))
    return spans_of(*(row | {"span_id": f"{n:016x}"} for n, row in enumerate(rows, 1)))


def _said(role: str, **part: Any) -> dict[str, Any]:
    return {"role": role, "parts": [part]}


ASKED = _said("assistant", type="tool_call", id="c1", name="search", arguments={"q": 1})
FURTHER = {
    "role": "assistant",
    "parts": [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Let me see."},
        {"type": "tool_call", "id": "c2", "name": "refund"},
        {"type": "tool_call", "id": "c1", "name": None},
    ],
}
MESSAGES = (
    _said("system", type="text", content="Be kind."),
    _said("user", type="text", content="Hi"),
    _said("user", type="text", content="More"),
    _said("assistant", type="text", content="Hello!"),
    ASKED,
    FURTHER,
    _said("tool", type="tool_call_response", id="c1", response={"found": 3}),
    _said("tool", type="tool_call_response", id="c2", response="gone"),
    {
        "role": "user",
        "parts": [
            {"type": "tool_call_response", "id": "c2", "response": "ok"},
            {"type": "text", "content": "And?"},
        ],
    },
)
"""What is said in generated conversations: little, so that it is said again."""
KINDS: tuple[dict[str, Any], ...] = (
    {"span_type": "llm", "step_kind": "llm_call", "component_type": "llm"},
    {"span_type": "llm", "step_kind": "llm_call", "component_type": "llm"},
    {"span_type": None, "step_kind": "llm_call"},
    {"span_type": "llm", "step_kind": None, "component_type": "llm"},
    {"span_type": "llm", "step_kind": "tool_call"},
    {"span_type": "tool", "step_kind": "tool_call", "component_type": "custom_tool"},
    {"span_type": "tool", "step_kind": "tool_call", "component_type": "mcp", "mcp_method": "tools/call"},
    {"span_type": "tool", "step_kind": "external_resource", "component_type": "mcp"},
    {"span_type": None, "step_kind": "tool_call", "mcp_method": "tools/call"},
    {"span_type": "tool", "step_kind": None},
    {"span_type": "retriever", "step_kind": "external_resource", "component_type": "external_resource"},
    {"span_type": None, "step_kind": "external_resource"},
    {"span_type": "agent", "step_kind": None},
    {"span_type": None, "step_kind": "user_message"},
    {"span_type": None, "step_kind": "assistant_message"},
    {"span_type": None, "step_kind": "system_prompt"},
    {"span_type": "embedding", "step_kind": None},
    {"span_type": None, "step_kind": None},
)
"""What a span of a generated conversation is; some are what no sender should send."""
PROMPTS = st.lists(st.sampled_from(MESSAGES), max_size=4)
ANSWERS = st.sampled_from(MESSAGES[3:6]).map(lambda one: [one])
ANSWER = KINDS[3]
"""The answer of a streamed call, in a span of its own."""
BODIES = st.sampled_from(
    [None, "not JSON", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', '{"isError": true}', '{"is_error": false}']
)
NAMES = (None, "search", "refund")


@st.composite
def turns(draw: st.DrawFn) -> dict[str, Any]:
    """A span of a conversation: who called whom at few moments, with few names, ids and texts."""
    kind = draw(st.sampled_from(KINDS))
    start = draw(st.none() | st.integers(0, 12))
    text = st.sampled_from([None, "", "Hi", "Hello!"])
    heavy = {"input": draw(BODIES), "output": draw(BODIES)}
    if kind["step_kind"] != "tool_call" and draw(st.booleans()):
        heavy = {"input": json.dumps(draw(PROMPTS)), "output": json.dumps(draw(ANSWERS))}
    return draw(spans()) | make_times(start, draw(st.none() | st.integers(0, 5))) | {
        "component_type": None,
        **kind,
        **heavy,
        "project": draw(st.sampled_from(["bot", "shop"])),
        "session_source": draw(st.sampled_from(["attribute", "inherited", "inferred", "trace", None])),
        "name": draw(st.sampled_from(["chat", "tool", "turn"])),
        "component_name": draw(st.sampled_from([None, None, "search api", "orders-db", "memory of refund"])),
        "tool_name": draw(st.sampled_from(NAMES)),
        "tool_call_id": draw(st.sampled_from([None, None, "", "c1", "c2"])),
        "agent_name": draw(st.sampled_from([None, None, "mira", "otto"])),
        "user_id": draw(st.sampled_from([None, "u1", "u2"])),
        "service": draw(st.sampled_from(["gateway", "agent"])),
        "response_model": draw(st.sampled_from([None, "gpt-5-mini-2026"])),
        "cost_usd": draw(st.none() | st.integers(0, 64).map(lambda n: n / 64)),
        "input_text": draw(text),
        "output_text": draw(text),
        "system_prompt": draw(st.sampled_from([None, None, "", "Be kind."])),
        "tool_definitions": draw(st.sampled_from([None, "[]", '[{"name": "search"}]', "{}", "none"])),
    }  # fmt: skip


def make_times(start: int | None, seconds: int | None) -> dict[str, Any]:
    """The time columns of a span that starts so many seconds after noon and takes so many."""
    moment = None if start is None else NOON + timedelta(seconds=start)
    made = make_span(1, start_time=moment, duration_ms=None if seconds is None else seconds * 1000.0)
    names = ("start_time", "end_time", "start_unix_nano", "duration_ns", "duration_ms")
    return {name: made[name] for name in names}


@st.composite
def conversations(draw: st.DrawFn) -> pa.Table:
    """Up to fourteen spans of conversations; nothing of them need fit together."""
    rows = draw(st.lists(turns() | turns() | turns() | nothing(), max_size=14))
    places = st.integers(0, max(len(rows) - 1, 0))
    for request, answer in draw(st.lists(st.tuples(places, places), max_size=3 if rows else 0)):
        _stream(rows[request], rows[answer], is_apart=draw(st.booleans()))
    return spans_of(*(row | {"span_id": f"{n:016x}"} for n, row in enumerate(rows, 1)))


def _stream(request: dict[str, Any], answer: dict[str, Any], *, is_apart: bool) -> None:
    """Let them be the two halves of a streamed call, in one trace or two, whatever their times are."""
    request.update(KINDS[0] | {"input_tokens": None, "output_tokens": None})
    request["parent_span_id"] = None if is_apart else request["parent_span_id"]
    shared = ("project", "component_name", "input", "parent_span_id", "session_id", "session_source")
    answer.update({name: request[name] for name in (*shared, *([] if is_apart else ["trace_id"]))})
    answer.update(ANSWER)


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    """The same rows in another order."""
    places = list(range(table.num_rows))
    random.Random(seed).shuffle(places)  # noqa: S311  no secret
    return table.take(pa.array(places, pa.int64()))
