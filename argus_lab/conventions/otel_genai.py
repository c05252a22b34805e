"""OpenTelemetry's GenAI convention, current form (semantic-conventions-genai; semconv 1.37 on)."""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.providers import provider_name
from argus_lab.conventions.readers import chosen, count, flag, number, parsed, signed, text
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

DETAILS = "gen_ai.client.inference.operation.details"
"""Event that may carry the content attributes instead of the span."""

_CONTENT = frozenset(
    {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.retrieval.query.text",
        "gen_ai.retrieval.documents",
    }
)


def _milliseconds(value: Any) -> float | None:
    seconds = number(value)
    return None if seconds is None else seconds * 1000


RULES = (
    Rule("provider", provider_name, ("gen_ai.provider.name", "gen_ai.system")),
    Rule("operation", text, ("gen_ai.operation.name",)),
    Rule("request_model", text, ("gen_ai.request.model",)),
    Rule("response_model", text, ("gen_ai.response.model",)),
    Rule("temperature", number, ("gen_ai.request.temperature",)),
    Rule("top_p", number, ("gen_ai.request.top_p",)),
    Rule("max_tokens", count, ("gen_ai.request.max_tokens",)),
    Rule("seed", signed, ("gen_ai.request.seed",)),
    Rule("streaming", flag, ("gen_ai.request.stream",)),
    Rule("finish_reason", chosen, ("gen_ai.response.finish_reasons",)),
    Rule(
        "time_to_first_token_ms",
        _milliseconds,
        (
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.client.operation.time_to_first_chunk",
        ),
    ),
    Rule("input_tokens", count, ("gen_ai.usage.input_tokens",)),
    Rule("output_tokens", count, ("gen_ai.usage.output_tokens",)),
    Rule("cache_read_tokens", count, ("gen_ai.usage.cache_read.input_tokens",)),
    Rule(
        "cache_write_tokens",
        count,
        ("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    ),
    Rule("reasoning_tokens", count, ("gen_ai.usage.reasoning.output_tokens",)),
    Rule("cost_usd", number, ("gen_ai.usage.cost",)),
    Rule("tool_name", text, ("gen_ai.tool.name",)),
    Rule("tool_call_id", text, ("gen_ai.tool.call.id",)),
    Rule("agent_name", text, ("gen_ai.agent.name",)),
)

_KINDS = {
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "embeddings": "embedding",
    "retrieval": "retriever",
    "execute_tool": "tool",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "invoke_workflow": "chain",
}
"""GenAI operation -> kind."""


def kind(view: View) -> str | None:
    """The kind that the operation tells."""
    found = _KINDS.get(view.columns.get("operation", ""))
    if found == "tool" and "gen_ai.skill.name" in view.attributes:
        return "skill"
    return "mcp_tool" if found == "tool" and view.columns.get("mcp_method") else found


def read(view: View) -> dict[str, Any]:
    """Content columns, from attributes or from the event that may carry them."""
    attributes, events = view.attributes, view.events
    sent = {key: attributes[key] for key in attributes.keys() & _CONTENT}
    for event in events:
        if event["name"] == DETAILS:
            sent |= {k: v for k, v in event["attributes"].items() if k in _CONTENT}
    if not sent:
        return {}
    asked = m.messages(sent.get("gen_ai.input.messages"))
    said = m.messages(sent.get("gen_ai.output.messages"))
    query = text(sent.get("gen_ai.retrieval.query.text"))
    system = m.instructions(sent.get("gen_ai.system_instructions")) or m.system_text(asked)
    result = sent.get("gen_ai.tool.call.result", sent.get("gen_ai.retrieval.documents"))
    return {
        "input": asked or parsed(sent.get("gen_ai.tool.call.arguments", query)),
        "output": said or parsed(result),
        "input_text": m.last_text(asked, "user") or query,
        "output_text": m.joined_text(said),
        "system_prompt": system,
        "tool_definitions": m.definitions(sent.get("gen_ai.tool.definitions")),
        "finish_reason": m.finish_reason(said),
    }


def _is_spoken(shape: Shape) -> bool:
    return shape.has_prefix("gen_ai.") or DETAILS in shape.events


DIALECT = Dialect("otel_genai", _is_spoken, RULES, kind, read)
