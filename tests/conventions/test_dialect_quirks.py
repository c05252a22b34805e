"""What the captured samples do not show: older versions, other usage styles, small dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from argus_lab import conventions
from argus_lab.conventions.bodies import answered, asked
from argus_lab.conventions.documents import documents
from argus_lab.conventions.usage import usage_of
from argus_lab.otlp import Scope, Span

START = 1_790_000_000_000_000_000
Columns = dict[str, Any]


def _columns(attributes: Columns, *, scope: str = "", name: str = "span", **fields: Any) -> Columns:
    """The columns of a span, those in JSON parsed."""
    span = Span("a" * 32, "b" * 16, name=name, start=START, attributes=attributes, **fields)
    found = conventions.columns(span, Scope(name=scope))
    return {
        column: json.loads(value) if column in {"input", "output", "tool_definitions", "metadata"} else value
        for column, value in found.items()
    }


def _usage(found: Columns) -> tuple[int | None, ...]:
    return tuple(
        found.get(f"{name}_tokens") for name in ("input", "output", "cache_read", "cache_write", "reasoning")
    )


# --- usage --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # OpenAI's Responses API
        (
            {
                "input_tokens": 131,
                "output_tokens": 20,
                "input_tokens_details": {"cached_tokens": 64},
                "output_tokens_details": {"reasoning_tokens": 8},
            },
            (131, 20, 64, None, 8),
        ),
        # Anthropic: cached tokens stand beside
        (
            {
                "input_tokens": 25,
                "output_tokens": 12,
                "cache_read_input_tokens": 10,
                "cache_creation_input_tokens": 5,
            },
            (40, 12, 10, 5, None),
        ),
        # MLflow uses Anthropic's names for parts of the input, and gives a total
        (
            {
                "input_tokens": 82,
                "output_tokens": 17,
                "total_tokens": 99,
                "cache_read_input_tokens": 64,
            },
            (82, 17, 64, None, None),
        ),
        # a total that includes what stands beside
        (
            {"input_tokens": 10, "output_tokens": 5, "total_tokens": 21, "cache_read_input_tokens": 6},
            (16, 5, 6, None, None),
        ),
        # Gemini: thoughts stand beside the answer
        (
            {
                "prompt_token_count": 131,
                "candidates_token_count": 12,
                "thoughts_token_count": 8,
                "cached_content_token_count": 64,
                "total_token_count": 151,
            },
            (131, 20, 64, None, 8),
        ),
        # LangChain, as the text of a Python dict
        (
            "{'input_tokens': 7, 'output_tokens': 3, 'input_token_details': {'cache_read': 2}}",
            (7, 3, 2, None, None),
        ),
        ("{'input_tokens': object()}", (None,) * 5),
        ({"input_tokens": "many", "output_tokens": -1}, (None,) * 5),
        (None, (None,) * 5),
    ],
)
def test_usage_objects_of_every_provider_are_read(sent: Any, expected: tuple[int | None, ...]):
    """Input includes what came from a cache, output includes reasoning; what is not told is null."""
    assert _usage(usage_of(sent)) == expected


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ({"input": 10, "output": 5, "cache_read_input_tokens": 100}, (110, 5, 100, None, None)),
        ({"input": 10, "output": 5, "input_cached_tokens": 4, "total": 19}, (14, 5, 4, None, None)),
        ({"input": 10, "output": 5, "input_cached_tokens": 4, "total": 15}, (10, 5, 4, None, None)),
        (
            {"input": 1, "input_cache_creation": 2, "output": 3, "output_reasoning_tokens": 4},
            (3, 7, None, 2, 4),
        ),
        ({"input": 1, "output": "x"}, (1, None, None, None, None)),
    ],
)
def test_langfuse_buckets_add_up(buckets: Columns, expected: tuple[int | None, ...]):
    """Buckets are added, unless the total says that input and output are all there is."""
    found = _columns(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.usage_details": json.dumps(buckets),
        }
    )
    assert _usage(found) == expected
    assert found["usage_source"] == "langfuse.observation.usage_details"


# --- bodies -------------------------------------------------------------------------------------------


def test_bodies_of_every_provider_become_messages():
    """Requests and answers of OpenAI's Responses, Anthropic, Gemini and LangChain."""
    responses = asked({"model": "m", "instructions": "Be brief.", "input": "hi", "max_output_tokens": 5})
    assert (responses["system_prompt"], responses["input_text"], responses["max_tokens"]) == (
        "Be brief.",
        "hi",
        5,
    )
    gemini = asked(
        {
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "config": {
                "temperature": 0.5,
                "system_instruction": {"parts": [{"text": "Be kind."}]},
                "tools": [{"function_declarations": [{"name": "f"}]}],
            },
        }
    )
    assert (gemini["system_prompt"], gemini["temperature"], gemini["tool_definitions"]) == (
        "Be kind.",
        0.5,
        [{"name": "f"}],
    )
    anthropic = answered(
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "hello"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 2},
        }
    )
    assert (anthropic["output_text"], anthropic["finish_reason"], anthropic["output_tokens"]) == (
        "hello",
        "end_turn",
        2,
    )
    candidate = {"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP"}
    assert answered({"candidates": [candidate]})["finish_reason"] == "STOP"
    serialised = {
        "lc": 1,
        "id": ["langchain", "AIMessage"],
        "kwargs": {"content": "hello", "response_metadata": {"finish_reason": "stop"}},
    }
    generation = answered({"generations": [[{"text": "hello", "message": serialised}]]})
    assert (generation["output_text"], generation["finish_reason"]) == ("hello", "stop")
    assert answered({"output": [{"type": "message", "role": "assistant", "content": "hello"}]})[
        "output_text"
    ] == ("hello")


@pytest.mark.parametrize("body", [None, "", 5, [], {}, [1], {"messages": 5}, {"choices": [5, None]}, True])
def test_what_is_no_body_gives_no_messages(body: Any):
    """Nothing is made of what is no request and no answer."""
    assert "input" not in asked(body)
    assert "output" not in answered(body)


def test_documents_of_every_retriever_become_one_form():
    """LangChain, LlamaIndex, plain text; not what only looks like documents."""
    made = documents([{"node": {"id_": "n1", "text": "a", "metadata": {}}, "score": 0.5}, {"id": "d2"}])
    assert made == [{"id": "n1", "content": "a", "score": 0.5}, {"id": "d2"}]
    serialised = {"lc": 1, "id": ["langchain", "Document"], "kwargs": {"page_content": "b"}}
    assert documents({"documents": [serialised, "c"]}) == [{"content": "b"}, {"content": "c"}]
    assert documents([{"title": "no document"}]) is None
    assert documents({"total": 0}) is None


# --- older versions and small dialects ------------------------------------------------------------------


def test_pydantic_ai_version_1_writes_events():
    """Messages as events, tools and agents without an operation, the agent's sum in usual names."""
    events = [
        {"event.name": "gen_ai.system.message", "content": "Be brief.", "role": "system"},
        {"event.name": "gen_ai.user.message", "content": "hi", "role": "user"},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "hello"}},
    ]
    chat = _columns(
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "events": json.dumps(events)},
        scope="pydantic-ai",
    )
    assert (chat["system_prompt"], chat["input_text"], chat["output_text"]) == ("Be brief.", "hi", "hello")
    assert [message["role"] for message in chat["input"]] == ["system", "user"]
    tool = _columns(
        {"gen_ai.tool.name": "f", "tool_arguments": '{"a": 1}', "tool_response": "2"},
        scope="pydantic-ai",
        name="running tool",
    )
    assert (tool["span_type"], tool["tool_name"], tool["input"]) == ("tool", "f", {"a": 1})
    agent = _columns(
        {
            "agent_name": "bot",
            "model_name": "m",
            "final_result": '{"ok": true}',
            "all_messages_events": json.dumps(events[:2]),
            "gen_ai.usage.input_tokens": 5,
        },
        scope="pydantic-ai",
        name="agent run",
    )
    assert (agent["span_type"], agent["agent_name"], agent["request_model"]) == ("agent", "bot", "m")
    assert (agent["input_text"], agent["output_text"]) == ("hi", '{"ok": true}')


def test_google_adk_version_1_writes_bodies():
    """Content from the bodies; thoughts are added to the answer's tokens."""
    request = {
        "model": "gemini-2.5-flash",
        "config": {"system_instruction": "Be brief."},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
    }
    response = {
        "content": {"role": "model", "parts": [{"text": "hello"}]},
        "finish_reason": "STOP",
        "usage_metadata": {
            "prompt_token_count": 10,
            "candidates_token_count": 12,
            "thoughts_token_count": 8,
        },
    }
    found = _columns(
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gcp.vertex.agent.session_id": "s1",
            "gcp.vertex.agent.llm_request": json.dumps(request),
            "gcp.vertex.agent.llm_response": json.dumps(response),
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 12,
        },
        scope="gcp.vertex.agent",
        name="call_llm",
    )
    assert found["dialect"] == "google_adk"
    assert (found["span_type"], found["session_id"], found.get("provider")) == ("llm", "s1", None)
    assert _usage(found) == (10, 20, None, None, 8)
    assert (found["system_prompt"], found["input_text"], found["output_text"]) == (
        "Be brief.",
        "hi",
        "hello",
    )
    tool = {
        "gen_ai.tool.name": "f",
        "gcp.vertex.agent.tool_call_args": '{"a": 1}',
        "gcp.vertex.agent.llm_request": "{}",
        "gcp.vertex.agent.tool_response": "{}",
    }
    found = _columns(tool, scope="gcp.vertex.agent", name="execute_tool f")
    assert (found["span_type"], found["input"], found.get("output")) == ("tool", {"a": 1}, None)


def test_claude_code_counts_its_cache_beside_the_input():
    """Plain names are read on its spans alone; cached tokens are added to the input."""
    sent = {
        "span.type": "llm_request",
        "model": "claude",
        "gen_ai.system": "anthropic",
        "input_tokens": 84_562,
        "output_tokens": 12,
        "cache_read_tokens": 2,
        "cache_creation_tokens": 3,
        "ttft_ms": 13.5,
        "stop_reason": "tool_use",
        "user_prompt": "<REDACTED>",
    }
    found = _columns(sent, scope="com.anthropic.claude_code.tracing", name="claude_code.llm_request")
    assert (found["dialect"], found["span_type"], found["request_model"]) == ("claude_code", "llm", "claude")
    assert _usage(found) == (84_567, 12, 2, 3, None)
    assert (found["time_to_first_token_ms"], found["finish_reason"]) == (13.5, "tool_use")
    assert "input" not in found
    waiting = {"span.type": "tool.blocked_on_user"}
    assert _columns(waiting, scope="com.anthropic.claude_code.tracing").get("span_type") is None
    elsewhere = _columns({"input_tokens": 5, "model": "T", "stop_reason": "red light"}, scope="cars")
    assert elsewhere.keys() == {"session_id", "session_source", "dialect"}


def test_genkit_and_laminar_are_read():
    """Kind, content, usage and names of two small dialects."""
    output = {
        "message": {"role": "model", "content": [{"text": "hello"}]},
        "usage": {"inputTokens": 3, "outputTokens": 2},
    }
    sent = {
        "genkit:metadata:subtype": "model",
        "genkit:name": "googleai/gemini-2.5-flash",
        "genkit:input": json.dumps({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
        "genkit:output": json.dumps(output),
    }
    found = _columns(sent)
    assert (found["dialect"], found["span_type"], found["request_model"]) == (
        "genkit",
        "llm",
        "gemini-2.5-flash",
    )
    assert (found["input_text"], found["output_text"], found["input_tokens"]) == ("hi", "hello", 3)
    tool = {"lmnr.span.type": "TOOL", "lmnr.span.input": '{"a": 1}', "lmnr.span.output": "2"}
    found = _columns(tool, name="f")
    assert (found["dialect"], found["tool_name"], found["input"], found["output"]) == (
        "laminar",
        "f",
        {"a": 1},
        "2",
    )


# --- mixed and misleading -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "scope", "dialect", "span_type"),
    [
        (
            {"langfuse.observation.type": "tool", "openinference.span.kind": "LLM"},
            "",
            "langfuse",
            "tool",
        ),
        ({"langfuse.observation.type": "span"}, "", "langfuse", "chain"),
        (
            {"langfuse.observation.type": "span", "langfuse.observation.model.name": "m"},
            "",
            "langfuse",
            "llm",
        ),
        (
            {"langsmith.span.kind": "retriever", "gen_ai.operation.name": "embeddings"},
            "",
            "langsmith",
            "retriever",
        ),
        ({"mcp.method.name": "tools/call", "gen_ai.operation.name": "chat"}, "", "mcp", "llm"),
        ({"mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool"}, "", "mcp", "tool"),
        ({"logfire.span_type": "pending_span", "gen_ai.operation.name": "chat"}, "logfire", "logfire", None),
        ({"mlflow.spanType": '"UNKNOWN"'}, "", "mlflow", None),
        ({"mlflow.spanType": "TOOL"}, "", "mlflow", "tool"),
    ],
)
def test_kinds_have_their_precedence(attributes: Columns, scope: str, dialect: str, span_type: str | None):
    """The sender's own word for the kind goes before what other names on the span suggest."""
    found = _columns(attributes, scope=scope)
    assert (found["dialect"], found.get("span_type")) == (dialect, span_type)


def test_argus_wins_over_every_dialect():
    """A span that its sender calls a tool call stays one."""
    found = _columns({"argus.step.kind": "tool_call", "langfuse.observation.type": "generation"})
    assert (found["dialect"], found["step_kind"], found["span_type"]) == ("argus", "tool_call", "tool")


def test_sessions_keep_their_precedence():
    """``session.id`` before a dialect's own name, that before OpenTelemetry's; never what is none."""
    assert _columns({"langfuse.session.id": "a", "session.id": "b"})["session_id"] == "b"
    assert _columns({"langsmith.metadata.thread_id": "a"})["session_id"] == "a"
    none = {"mcp.session.id": "a", "mcp.method.name": "ping", "langsmith.trace.session_name": "b"}
    assert _columns(none)["session_source"] == "trace"


@pytest.mark.parametrize("mark", ["[Scrubbed due to 'session']", "<REDACTED>", "__REDACTED__", "None", ""])
def test_a_mark_is_nobodys_value(mark: str):
    """What was withheld is unknown: it makes no session of all who were, and the next name is asked."""
    assert _columns({"session.id": mark})["session_source"] == "trace"
    assert _columns({"session.id": mark, "gen_ai.conversation.id": "c"})["session_id"] == "c"


def test_a_framework_is_no_provider():
    """A framework's name where the provider belongs leaves it unknown, and is not reported as unread."""
    span = Span("a" * 32, "b" * 16, attributes={"gen_ai.system": "langchain"}, unread={})
    assert "provider" not in conventions.columns(span)
    assert span.unread == {}


def test_error_types_that_say_nothing_give_way():
    """LangSmith's ``Exception`` and OpenTelemetry's ``_OTHER`` are replaced by what is told elsewhere."""
    event = {"time_unix_nano": 1, "name": "exception"}
    message = "ValueError('bad')\n\nTraceback ..."
    sent = {"exception.type": "Exception", "exception.message": message}
    found = _columns({"langsmith.span.kind": "llm"}, events=[{**event, "attributes": sent}])
    assert found["error_type"] == "ValueError"
    sent = {"exception.type": "KeyError"}
    found = _columns({"error.type": "_OTHER"}, events=[{**event, "attributes": sent}])
    assert found["error_type"] == "KeyError"
    found = _columns({"error.type": "429"}, events=[{**event, "attributes": sent}])
    assert found["error_type"] == "429"


def test_only_what_follows_the_start_is_a_time_to_first_token():
    """A moment before the start, or one nobody can read, gives none."""
    first = "langfuse.observation.completion_start_time"
    kind = {"langfuse.observation.type": "generation"}
    assert _columns({**kind, first: '"2026-09-21T14:13:20.250000Z"'})["time_to_first_token_ms"] == 250
    for value in ('"2020-01-01T00:00:00Z"', '"2026-09-21T14:13:21"', "soon", 5, "{}"):
        assert "time_to_first_token_ms" not in _columns({**kind, first: value})


def test_a_list_of_no_reasons_is_no_reason():
    """An empty list of finish reasons leaves the column empty, and is not reported as unread."""
    for sent in ([], "[]"):
        span = Span("a" * 32, "b" * 16, attributes={"gen_ai.response.finish_reasons": sent})
        assert conventions.columns(span).get("finish_reason") is None
        assert span.unread == {}


def test_langchains_placeholders_are_nobodys_values():
    """OpenLLMetry's ``unknown`` model is none, LangChain's own name for it is; a set-up is no call."""
    sent = {
        "traceloop.span.kind": "task",
        "gen_ai.request.model": "unknown",
        "gen_ai.response.model": "unknown",
    }
    found = _columns({**sent, "traceloop.association.properties.ls_model_name": "qwen3"})
    assert (found["request_model"], found.get("response_model")) == ("qwen3", None)
    for stream, streaming in ((False, None), (True, True)):
        parameters = json.dumps({"model": "m", "stream": stream, "_type": "openai-chat"})
        sent = {"openinference.span.kind": "LLM", "llm.invocation_parameters": parameters}
        assert _columns(sent).get("streaming") is streaming


@pytest.mark.parametrize(
    "sent",
    [
        {
            "type": "function",
            "function": {"name": "add", "description": "+", "parameters": {"type": "object"}},
        },
        {"name": "add", "description": "+", "input_schema": {"type": "object"}},
        {"function_declarations": [{"name": "add", "description": "+", "parameters": {"type": "object"}}]},
        '{"name": "add", "description": "+", "inputSchema": {"type": "object"}}',
    ],
)
def test_tools_have_one_form(sent: Any):
    """OpenAI's, Anthropic's, Gemini's and MCP's definitions of a tool say name, description, parameters."""
    schema = sent if isinstance(sent, str) else json.dumps(sent)
    found = _columns({"openinference.span.kind": "LLM", "llm.tools.0.tool.json_schema": schema})
    (tool,) = found["tool_definitions"]
    tool.pop("type", None)
    assert tool == {"name": "add", "description": "+", "parameters": {"type": "object"}}
