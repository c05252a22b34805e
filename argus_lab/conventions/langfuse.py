"""Langfuse's SDKs: ``langfuse.observation.*``, recognised by that prefix or by the scope ``langfuse-sdk``.

Values are JSON text or plain text; metadata values are JSON text of their own. There is one model
name, the returned one where it is known, and no provider. Usage comes in two styles: a provider's
own object, or Langfuse's buckets, which add up (``input`` is then without what came from a cache).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from argus_lab.conventions.bodies import parameters
from argus_lab.conventions.contents import given, returned
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import count, is_absent, number, parsed, text, unquoted, words
from argus_lab.conventions.rules import Rule
from argus_lab.conventions.usage import usage_of

__all__ = ["DIALECT"]

USAGE = "langfuse.observation.usage_details"
COST = "langfuse.observation.cost_details"
FIRST = "langfuse.observation.completion_start_time"
TYPE = "langfuse.observation.type"

_KINDS = {
    "generation": "llm",
    "embedding": "embedding",
    "agent": "agent",
    "tool": "tool",
    "chain": "chain",
    "retriever": "retriever",
    "guardrail": "guardrail",
    "evaluator": "evaluator",
    "span": "chain",
    "event": "none",
}
_OF_CALLS = (
    USAGE,
    COST,
    FIRST,
    "langfuse.observation.model.name",
    "langfuse.observation.model.parameters",
    "langfuse.observation.prompt.name",
)
"""Attributes of generations alone; older SDKs call such an observation a span."""

_METADATA = ("langfuse.metadata", "langfuse.trace.metadata", "langfuse.observation.metadata")
_PREFIXES = tuple(f"{name}." for name in _METADATA)


def _said(value: Any) -> str | None:
    return text(unquoted(value))


RULES = (
    Rule("session_id", text, ("session.id", "langfuse.session.id")),
    Rule("user_id", text, ("user.id", "langfuse.user.id")),
    Rule("tags", words, ("langfuse.trace.tags", "langfuse.tags")),
    Rule("response_model", text, ("langfuse.observation.model.name",)),
    Rule("finish_reason", _said, ("langfuse.observation.metadata.finish_reason",)),
)


def kind(view: View) -> str | None:
    """The kind that the observation's type tells."""
    sent = view.attributes.get(TYPE)
    name = sent.lower() if isinstance(sent, str) else "span"
    if name == "span" and any(key in view.attributes for key in _OF_CALLS):
        return "llm"
    return _KINDS.get(name) if TYPE in view.attributes else None


def read(view: View) -> dict[str, Any]:
    """Content, parameters, usage, cost and what a failed observation says of itself."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    made = parameters(sent.get("langfuse.observation.model.parameters"))
    made |= given(_first(sent, "langfuse.observation.input", "langfuse.trace.input"), span_type)
    made |= returned(_first(sent, "langfuse.observation.output", "langfuse.trace.output"), span_type)
    made |= _usage(sent.get(USAGE))
    made["cost_usd"] = _cost(sent.get(COST))
    made["time_to_first_token_ms"] = view.since_start(_nanoseconds(sent.get(FIRST)))
    made["metadata"] = _metadata(sent)
    if sent.get("langfuse.observation.level") == "ERROR":
        made["error_message"] = text(sent.get("langfuse.observation.status_message"))
    if span_type in {"tool", "agent"}:
        made[f"{span_type}_name"] = view.name
    return made


def _first(sent: Any, *keys: str) -> Any:
    return next((sent[key] for key in keys if not is_absent(sent.get(key))), None)


def _usage(sent: Any) -> dict[str, Any]:
    found = parsed(sent)
    if not isinstance(found, dict):
        return {}
    buckets = {key: value for key, sent in found.items() if (value := count(sent)) is not None}
    made: dict[str, Any] = usage_of(found)
    if "input" in buckets or "output" in buckets:
        made = _added(buckets)
    return {**made, "usage_source": USAGE} if made else {}


def _added(buckets: dict[str, int]) -> dict[str, Any]:
    """Sums of the buckets, unless the total says that ``input`` and ``output`` are all there is."""
    cached = {key: value for key, value in buckets.items() if "cache" in key}
    parts = {
        "input": [value for key, value in buckets.items() if key.startswith("input_") or key in cached],
        "output": [value for key, value in buckets.items() if key.startswith("output_")],
    }
    whole = buckets.get("total") == buckets.get("input", 0) + buckets.get("output", 0)
    made: dict[str, Any] = {
        f"{side}_tokens": buckets[side] + (0 if whole else sum(parts[side]))
        for side in ("input", "output")
        if side in buckets
    }
    written = {key: value for key, value in cached.items() if "creation" in key or "write" in key}
    if written:
        made["cache_write_tokens"] = sum(written.values())
    if len(cached) > len(written):
        made["cache_read_tokens"] = sum(cached.values()) - sum(written.values())
    thoughts = [value for key, value in buckets.items() if "reasoning" in key]
    return {**made, "reasoning_tokens": sum(thoughts)} if thoughts else made


def _cost(sent: Any) -> float | None:
    found = parsed(sent)
    if not isinstance(found, dict):
        return None
    parts = {key: value for key, one in found.items() if (value := number(one)) is not None}
    return parts["total"] if "total" in parts else number(sum(parts.values())) if parts else None


def _nanoseconds(sent: Any) -> int | None:
    said = unquoted(sent)
    if not isinstance(said, str):
        return None
    try:
        moment = datetime.fromisoformat(said)
        return round(moment.timestamp() * 1_000_000) * 1000 if moment.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return None


def _metadata(sent: Any) -> dict[str, Any] | None:
    made: dict[str, Any] = {}
    for name in _METADATA:
        whole = parsed(sent.get(name))
        if isinstance(whole, dict):
            made |= whole
    for key in sent:
        if key.startswith(_PREFIXES):
            name = next(key[len(prefix) :] for prefix in _PREFIXES if key.startswith(prefix))
            made[name] = unquoted(sent[key])
    return made or None


def _is_spoken(shape: Shape) -> bool:
    return shape.scope == "langfuse-sdk" or shape.has_prefix("langfuse.observation.")


DIALECT = Dialect(
    "langfuse",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_KINDS,
    content=(
        ("span_type", (TYPE,)),
        ("temperature, top_p, max_tokens, seed", ("langfuse.observation.model.parameters",)),
        ("input, tool_definitions, system_prompt", ("langfuse.observation.input", "langfuse.trace.input")),
        ("output", ("langfuse.observation.output", "langfuse.trace.output")),
        ("input_tokens, output_tokens, ...", (USAGE,)),
        ("cost_usd", (COST,)),
        ("time_to_first_token_ms", (FIRST,)),
        ("metadata", tuple(f"{name}*" for name in _METADATA)),
        ("error_message", ("langfuse.observation.status_message", "langfuse.observation.level")),
        ("tool_name, agent_name", ("the span's name",)),
    ),
)
