"""LangSmith's OpenTelemetry export, recognised by ``langsmith.span.kind`` or the scope ``langsmith``.

Its ``gen_ai.operation.name`` is a lossy map (a retriever is sent as ``embeddings``), so the kind
decides. ``gen_ai.prompt`` and ``gen_ai.completion`` hold whole requests and responses, or a run's
inputs and outputs. ``langsmith.trace.session_name`` is the project, never a conversation.
"""

from __future__ import annotations

import re
from typing import Any

from argus_lab.conventions.bodies import parameters
from argus_lab.conventions.contents import given, returned
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.providers import provider_name
from argus_lab.conventions.readers import count, flag, literal, number, parsed, text, unquoted, words
from argus_lab.conventions.rules import Rule
from argus_lab.conventions.usage import usage_of

__all__ = ["DIALECT"]

KIND = "langsmith.span.kind"
_META = "langsmith.metadata."
_ENVIRONMENT = "LANGSMITH_"
"""Variables of the sender's environment that leak into the metadata."""

_KINDS = {
    "llm": "llm",
    "chain": "chain",
    "parser": "chain",
    "tool": "tool",
    "retriever": "retriever",
    "embedding": "embedding",
    "prompt": "prompt",
}
_USAGE = (f"{_META}usage_metadata", "langsmith.usage_metadata")
_DETAILS = ("gen_ai.usage.input_token_details", "gen_ai.usage.output_token_details")
_CLASS = re.compile(r"([A-Za-z_][\w.]{0,199})\(")


def _tags(value: Any) -> list[str] | None:
    if isinstance(value, str) and value[:1] != "[":
        return [tag for tag in value.split(",") if tag] or None
    return words(value)


RULES = (
    Rule(
        "session_id",
        text,
        (
            "session.id",
            "gen_ai.conversation.id",
            f"{_META}session_id",
            f"{_META}thread_id",
            f"{_META}conversation_id",
        ),
    ),
    Rule("user_id", text, ("user.id", f"{_META}user_id")),
    Rule("tags", _tags, ("langsmith.span.tags",)),
    Rule("provider", provider_name, (f"{_META}ls_provider",)),
    Rule("request_model", text, ("gen_ai.request.model", f"{_META}ls_model_name")),
    Rule("temperature", number, ("gen_ai.request.temperature", f"{_META}ls_temperature")),
    Rule("max_tokens", count, ("gen_ai.request.max_tokens", f"{_META}ls_max_tokens")),
    Rule("streaming", flag, ("langsmith.request.streaming",)),
)


def kind(view: View) -> str | None:
    """The kind that the run type tells."""
    sent = view.attributes.get(KIND)
    return _KINDS.get(sent.lower()) if isinstance(sent, str) else None


def read(view: View) -> dict[str, Any]:
    """Content, usage in detail, metadata, and the class of the error."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    made = parameters(sent.get(f"{_META}ls_invocation_params"))
    made |= given(_run(sent.get("gen_ai.prompt"), "input"), span_type)
    made |= returned(_run(sent.get("gen_ai.completion"), "output"), span_type)
    made |= _usage(sent)
    made["metadata"] = {
        key[len(_META) :]: unquoted(value) if isinstance(value, str) and value[:1] in "[{" else value
        for key, value in sent.items()
        if key.startswith(_META) and not key.startswith(_META + _ENVIRONMENT)
    } or None
    if span_type == "agent":
        made["agent_name"] = view.name
    if view.events:
        made["error_type"] = _error_type(view)
    return made


def _run(sent: Any, name: str) -> Any:
    """A run's inputs or outputs; a traced function's one value stands under ``input`` or ``output``."""
    found = parsed(sent)
    return found[name] if isinstance(found, dict) and set(found) == {name} else found


def _usage(sent: Any) -> dict[str, Any]:
    for key in _USAGE:
        made: dict[str, Any] = usage_of(sent.get(key))
        if made:
            return {**made, "usage_source": key}
    details = {key.rpartition(".")[2]: literal(sent[key]) for key in _DETAILS if key in sent}
    return dict(usage_of(details))


def _error_type(view: View) -> str | None:
    """The class whose repr the message begins with: the exception's type is always ``Exception``."""
    for event in view.events:
        if event["name"] == "exception":
            found = _CLASS.match(text(event["attributes"].get("exception.message")) or "")
            return found[1] if found else None
    return None


def _is_spoken(shape: Shape) -> bool:
    return shape.scope == "langsmith" or shape.has(KIND)


DIALECT = Dialect(
    "langsmith",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_KINDS,
    content=(
        ("span_type", (KIND,)),
        ("temperature, top_p, max_tokens, seed", (f"{_META}ls_invocation_params", "gen_ai.prompt")),
        ("input, tool_definitions, system_prompt", ("gen_ai.prompt",)),
        ("output, finish_reason", ("gen_ai.completion",)),
        ("cache_read_tokens, cache_write_tokens, reasoning_tokens", (*_USAGE, *_DETAILS)),
        ("metadata", (f"{_META}*",)),
        ("error_type", ("exception",)),
    ),
)
