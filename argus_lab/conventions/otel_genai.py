"""OpenTelemetry's GenAI convention from semconv 1.37 on, recognised by names that began with it.

They are ``gen_ai.provider.name``, messages as attributes and the event that may carry them instead.
Spans with ``gen_ai.*`` of which no name tells the form are taken for it, too.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.offered import definitions
from argus_lab.conventions.parts import joined
from argus_lab.conventions.providers import provider_name
from argus_lab.conventions.readers import chosen, count, flag, number, parsed, signed, text
from argus_lab.conventions.rules import SILENT, Rule

__all__ = ["CONTENT", "DETAILS", "DIALECT", "LEGACY", "cap", "kind", "milliseconds"]

DETAILS = "gen_ai.client.inference.operation.details"
"""Event that may carry the content attributes instead of the span."""

CONTENT = frozenset(
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


def milliseconds(value: Any) -> float | None:
    """Seconds as milliseconds."""
    seconds = number(value)
    return None if seconds is None else seconds * 1000


def cap(value: Any) -> Any:
    """A cap on the answer; -1 and Infinity are senders' words for none."""
    return SILENT if value in _UNCAPPED else count(value)


def _reason(value: Any) -> Any:
    """The first of the reasons; a list of none is no reason."""
    return SILENT if parsed(value) == [] else chosen(value)


_UNCAPPED = (-1, "-1", "Infinity", {"$double": "Infinity"})


RULES = (
    Rule("provider", provider_name, ("gen_ai.provider.name", "gen_ai.system")),
    Rule("operation", text, ("gen_ai.operation.name",)),
    Rule("request_model", text, ("gen_ai.request.model",)),
    Rule("response_model", text, ("gen_ai.response.model",)),
    Rule("temperature", number, ("gen_ai.request.temperature",)),
    Rule("top_p", number, ("gen_ai.request.top_p",)),
    Rule("max_tokens", cap, ("gen_ai.request.max_tokens",)),
    Rule("seed", signed, ("gen_ai.request.seed",)),
    Rule("streaming", flag, ("gen_ai.request.stream",)),
    Rule("finish_reason", _reason, ("gen_ai.response.finish_reasons", "anthropic.message.stop_reason")),
    Rule(
        "time_to_first_token_ms",
        milliseconds,
        ("gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk"),
    ),
    Rule("input_tokens", count, ("gen_ai.usage.input_tokens",)),
    Rule("output_tokens", count, ("gen_ai.usage.output_tokens",)),
    Rule(
        "cache_read_tokens",
        count,
        (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.usage.cache_read_tokens",
        ),
    ),
    Rule(
        "cache_write_tokens",
        count,
        (
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
        ),
    ),
    Rule(
        "reasoning_tokens",
        count,
        (
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.details.reasoning_tokens",
        ),
    ),
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
    "rerank": "reranker",
    "retrieval": "retriever",
    "vector_db_retrieve": "retriever",
    "execute_tool": "tool",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "invoke_workflow": "chain",
    "agent_step": "chain",
    "execute_task": "chain",
    "execute_event_loop_cycle": "chain",
    "plan": "chain",
    "apply_guardrail": "guardrail",
    "search_memory": "memory",
    "create_memory": "memory",
    "update_memory": "memory",
    "upsert_memory": "memory",
    "delete_memory": "memory",
    "create_memory_store": "memory",
    "delete_memory_store": "memory",
}
"""GenAI operation -> kind; the convention's own and those that libraries have added."""

_SIGNS = (
    ("tool", ("gen_ai.tool.name", "gen_ai.tool.call.id")),
    ("retriever", ("gen_ai.retrieval.query.text", "gen_ai.retrieval.documents")),
    ("embedding", ("gen_ai.embeddings.dimension.count",)),
    ("llm", ("gen_ai.input.messages", "gen_ai.request.model")),
)
"""What only one kind of span has, for spans without an operation."""


def kind(view: View) -> str | None:
    """The kind that the operation tells; without one, what only one kind of span has."""
    operation = view.columns.get("operation")
    if operation is not None:
        return _KINDS.get(operation)
    for word, keys in _SIGNS:
        if any(key in view.attributes for key in keys):
            return word
    return None


def read(view: View) -> dict[str, Any]:
    """Content columns, from attributes or from the events that may carry them."""
    sent = _sent(view)
    if not sent:
        return {}
    asked = m.messages(sent.get("gen_ai.input.messages"))
    said = _said(sent)
    query = text(sent.get("gen_ai.retrieval.query.text"))
    system = m.instructions(sent.get("gen_ai.system_instructions")) or m.system_text(asked)
    arguments, result = sent.get("gen_ai.tool.call.arguments"), _result(sent)
    # A tool's messages only repeat its arguments and its result.
    is_tool = view.columns.get("span_type") == "tool"
    own_input = parsed(arguments if arguments is not None else query)
    made = {
        "input": own_input if is_tool and own_input is not None else asked or own_input,
        "output": result if is_tool and result is not None else said or result,
        "input_text": m.last_text(asked, "user") or query,
        "output_text": m.joined_text(said),
        "system_prompt": system,
        "tool_definitions": definitions(sent.get("gen_ai.tool.definitions")),
        "finish_reason": m.finish_reason(said),
    }
    if asked and view.columns.get("span_type") == "embedding":
        made["input"] = m.texts(asked)
    return made


def _sent(view: View) -> dict[str, Any]:
    """Content attributes; of several events that carry a list each, the lists follow each other."""
    attributes = view.attributes
    sent = {key: attributes[key] for key in attributes.keys() & CONTENT}
    for event in view.events:
        if event["name"] == DETAILS:
            told = {key: parsed(value) for key, value in event["attributes"].items() if key in CONTENT}
            for key, value in told.items():
                before = sent.get(key)
                both = isinstance(before, list) and isinstance(value, list)
                sent[key] = before + value if both else value
    return sent


def _said(sent: dict[str, Any]) -> list[m.Message] | None:
    """The answer; OpenLLMetry calls the speaker of a streamed one unknown."""
    made = m.messages(sent.get("gen_ai.output.messages"))
    return [
        item | {"role": "assistant"} if item["role"] == "unknown" else item for item in made or ()
    ] or None


def _result(sent: dict[str, Any]) -> Any:
    found = sent.get("gen_ai.tool.call.result", sent.get("gen_ai.retrieval.documents"))
    return parsed(joined(parsed(found)))


CURRENT = ("gen_ai.provider.name", "gen_ai.input.messages", "gen_ai.output.messages")
LEGACY = (
    "gen_ai.system",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.prompt",
    "gen_ai.completion",
)


def _is_spoken(shape: Shape) -> bool:
    """The current form, and spans of which no name tells the form."""
    if shape.has(*CURRENT) or DETAILS in shape.events:
        return True
    return shape.has_prefix("gen_ai.") and not shape.has(*LEGACY)


DIALECT = Dialect(
    "otel_genai",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_KINDS,
    content=(
        (
            "input",
            (
                "gen_ai.input.messages",
                "gen_ai.tool.call.arguments",
                "gen_ai.retrieval.query.text",
                DETAILS,
            ),
        ),
        (
            "output",
            ("gen_ai.output.messages", "gen_ai.tool.call.result", "gen_ai.retrieval.documents", DETAILS),
        ),
        ("system_prompt", ("gen_ai.system_instructions", "gen_ai.input.messages")),
        ("tool_definitions", ("gen_ai.tool.definitions",)),
        ("component_name", ("gen_ai.skill.name", "gen_ai.data_source.id")),
    ),
)
