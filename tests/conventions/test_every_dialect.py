"""Whatever a sender writes into a dialect's names: columns that the table can hold, and no exception."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_lab import conventions
from argus_lab.conventions.dialect import Dialect
from argus_lab.conventions.dialects import COMMON, DIALECTS
from argus_lab.conventions.kinds import KINDS
from argus_lab.lake.rows import arrow_table
from argus_lab.otlp import Scope, Span
from argus_lab.schema import SPANS
from tests.otlp import sent

SCOPES = {
    "openinference": "openinference.instrumentation.test",
    "traceloop": "traceloop.tracer",
    "vercel_ai": "ai",
    "otel_genai_legacy": "openlit.otel.tracing",
    "langfuse": "langfuse-sdk",
    "langsmith": "langsmith",
    "litellm": "litellm",
    "pydantic_ai": "pydantic-ai",
    "logfire": "logfire.openai",
    "google_adk": "gcp.vertex.agent",
    "claude_code": "com.anthropic.claude_code.tracing",
}
SUFFIXES = [
    "",
    "0",
    "0.role",
    "0.message.role",
    "0.message.content",
    "0.content",
    "x",
    "0.function_call.name",
    "0.tool_calls.0.name",
    "0.message.contents.0.message_content.type",
    "0.message.contents.0.message_content.image.image.url",
    "0.message.tool_calls.0.tool_call.function.arguments",
    "0.document.metadata",
    "0.embedding.text",
    "0.tool.json_schema",
    "999999999999.message.role",
    "0.message.content.x",
    "0..",
]
"""What may follow a name that stands for all that begin so."""

BODY_KEYS = [
    "role", "parts", "content", "type", "text", "tool_calls", "function", "name", "id", "arguments",
    "messages", "model", "tools", "system", "input", "output", "choices", "message", "usage",
    "prompt_tokens", "contents", "input_tokens", "output_tokens", "total_tokens", "candidates",
    "generations", "args", "kwargs", "lc", "data", "prompt_tokens_details", "cached_tokens", "config",
    "event.name", "metadata", "documents", "total", "function_declarations", "page_content",
    "cache_read_input_tokens", "usage_metadata", "response_cost",
]  # fmt: skip
WORDS = [
    "user", "tool", "text", "generation", "llm", "chain", '"CHAT_MODEL"', "retriever", "log", "tools/call",
    "chat", "execute_tool", "2026-11-22T04:03:50Z", "-1", "9" * 30, "{'a': 1}", "[", "{", "assistant",
    "model", "gen_ai.choice", "LLM", "TOOL",
]  # fmt: skip
leaves = sent.leaves | st.sampled_from(WORDS)
bodies = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(BODY_KEYS), inner, max_size=5)
    ),
    max_leaves=10,
)
anything = (
    bodies.map(sent.normal) | bodies.map(lambda value: json.dumps(value, default=str)) | bodies.map(repr)
)


def _names(dialect: Dialect) -> list[str]:
    """Every attribute and event that the dialect reads."""
    rules = [key for rule in (*dialect.rules, *dialect.own, *COMMON) for key in rule.attributes]
    content = [name for _, names in dialect.content for name in names]
    begun = [name[:-1] + suffix for name in content if name.endswith("*") for suffix in SUFFIXES]
    return sorted({*rules, *begun, *(name for name in content if not name.endswith("*"))})


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@settings(max_examples=60)
@given(data=st.data())
def test_any_value_in_any_name_of_a_dialect_becomes_a_row(dialect: Dialect, data: st.DataObject):
    """Columns fit the table's types, and what was sent is not changed."""
    names = st.sampled_from(_names(dialect))
    attributes: dict[str, Any] = data.draw(st.dictionaries(names, anything, max_size=6))
    inner = data.draw(st.lists(st.tuples(names, st.dictionaries(names, anything, max_size=2)), max_size=2))
    events = [{"time_unix_nano": 5, "name": name, "attributes": pairs} for name, pairs in inner]
    span = Span("a" * 32, "b" * 16, name=data.draw(names), start=1, attributes=attributes, events=events)
    before = json.dumps([attributes, events])
    found = conventions.columns(span, Scope(name=SCOPES.get(dialect.name, "test")))
    assert json.dumps([attributes, events]) == before
    _fits_the_table(found)


def _fits_the_table(found: dict[str, Any]) -> None:
    required = {"org": "o", "project": "p", "service": "s", "trace_id": "t", "span_id": "s", "received_at": 0}
    row = {**required, "date": 0, **found}
    arrow_table(SPANS, [tuple(map(row.get, SPANS.names))])
    for column in SPANS.columns:
        value = found.get(column.name)
        if value is not None and column.values:
            assert value in column.values, column.name
        if value is not None and column.type == "json":
            json.loads(value)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_tables_name_columns_that_exist(dialect: Dialect):
    """A rule for a column that the table does not have would be lost in silence."""
    columns = {rule.column for rule in (*dialect.rules, *dialect.own)}
    told = {name.strip() for names, _ in dialect.content for name in names.split(",")} - {"..."}
    assert columns | told <= set(SPANS.names)


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        ("", {"gen_ai.usage.input_tokens": 2**63 - 2, "gen_ai.usage.cache_read.input_tokens": 2**63 - 1}),
        (SCOPES["claude_code"], {"input_tokens": 2**63 - 1, "cache_read_tokens": 1}),
        ("", {"langfuse.observation.usage_details": json.dumps({"input": 2**63 - 1, "input_x": 1})}),
        (
            "",
            {
                "mlflow.spanType": "LLM",
                "mlflow.chat.tokenUsage": '{"thoughtsTokens": 1, "outputTokens": 9223372036854775807}',
            },
        ),
    ],
)
def test_sums_that_no_column_holds_are_left_out(scope: str, attributes: dict[str, Any]):
    """Counts that fit and whose sum does not: a null, not a batch that cannot be written."""
    _fits_the_table(conventions.columns(Span("a" * 32, "b" * 16, attributes=attributes), Scope(name=scope)))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_dialects_say_how_they_are_recognised(dialect: Dialect):
    """The module's docstring stands on the page of the dialects, and says so."""
    assert "recognised by" in (inspect.getmodule(dialect.is_spoken).__doc__ or "")
    assert set(dialect.kinds.values()) <= KINDS.keys()


def test_dialects_are_named_apart():
    """A name is one dialect's."""
    names = [dialect.name for dialect in DIALECTS]
    assert len(names) == len(set(names))
