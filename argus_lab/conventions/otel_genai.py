"""OpenTelemetry's GenAI convention, current form (semantic-conventions-genai; semconv 1.37 on)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.providers import provider_name
from argus_lab.conventions.readers import chosen, count, flag, number, parsed, signed, text
from argus_lab.conventions.rules import Rule

__all__ = ["DETAILS", "RULES", "classes", "content", "exception", "is_spoken"]

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
    Rule("session_id", text, ("session.id", "gen_ai.conversation.id")),
    Rule("user_id", text, ("user.id", "enduser.id")),
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
    Rule("mcp_method", text, ("mcp.method.name",)),
    Rule("agent_name", text, ("gen_ai.agent.name",)),
)

_BY_OPERATION: dict[str, tuple[str, str | None, str | None]] = {
    "chat": ("llm", "llm_call", "llm"),
    "text_completion": ("llm", "llm_call", "llm"),
    "generate_content": ("llm", "llm_call", "llm"),
    "embeddings": ("embedding", "external_resource", "external_resource"),
    "retrieval": ("retriever", "external_resource", "external_resource"),
    "execute_tool": ("tool", "tool_call", "custom_tool"),
    "create_agent": ("agent", None, None),
    "invoke_agent": ("agent", None, None),
    "invoke_workflow": ("chain", None, None),
}
"""GenAI operation -> (span_type, step_kind, component_type)."""


def is_spoken(attributes: Mapping[str, Any]) -> bool:
    """Whether the span speaks this convention."""
    return any(key.startswith("gen_ai.") for key in attributes)


def classes(columns: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, str]:
    """span_type, step_kind, component_type and component_name that the operation tells."""
    span_type, step_kind, component_type = _BY_OPERATION.get(columns.get("operation", ""), (None, None, None))
    method = columns.get("mcp_method")
    if span_type == "tool":
        if "gen_ai.skill.name" in attributes:
            component_type = "skill"
        elif method:
            component_type = "mcp"
    elif method and span_type is None:
        span_type, step_kind, component_type = _mcp(method)
    found = {"span_type": span_type, "step_kind": step_kind, "component_type": component_type}
    return {column: value for column, value in found.items() if value}


def _mcp(method: str) -> tuple[str | None, str | None, str | None]:
    if method == "tools/call":
        return "tool", "tool_call", "mcp"
    return None, "external_resource" if method.startswith("resources/") else None, "mcp"


def content(attributes: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Content columns; ``input`` and ``output`` are not yet JSON text."""
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


def exception(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Error columns from the last ``exception`` event (several mean retries)."""
    keys = {
        "error_type": "exception.type",
        "error_message": "exception.message",
        "error_stack": "exception.stacktrace",
    }
    found: dict[str, Any] = {}
    for event in events:
        if event["name"] == "exception":
            read = {column: text(event["attributes"].get(key)) for column, key in keys.items()}
            found = {column: value for column, value in read.items() if value}
    return found
