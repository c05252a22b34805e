"""MLflow Tracing: ``mlflow.*``, recognised by ``mlflow.spanType`` or ``mlflow.spanInputs``.

Every value is JSON text, texts with quotes of their own. Inputs and outputs of a model call are the
bodies that went over the wire; its parameters stand once more as plain words (``temperature``). A
streamed answer leaves an event a chunk.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.bodies import parameters
from argus_lab.conventions.contents import given, returned
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.offered import definitions
from argus_lab.conventions.providers import provider_name
from argus_lab.conventions.readers import number, text, unquoted
from argus_lab.conventions.rules import Rule
from argus_lab.conventions.usage import usage_of

__all__ = ["DIALECT"]

USAGE = "mlflow.chat.tokenUsage"
COST = "mlflow.llm.cost"
CHUNK = "mlflow.chunk.item.0"

_KINDS = {
    "LLM": "llm",
    "CHAT_MODEL": "llm",
    "CHAIN": "chain",
    "WORKFLOW": "chain",
    "TASK": "chain",
    "PARSER": "chain",
    "AGENT": "agent",
    "TOOL": "tool",
    "RETRIEVER": "retriever",
    "EMBEDDING": "embedding",
    "RERANKER": "reranker",
    "MEMORY": "memory",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
}
_PLAIN = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stream")


def _said(value: Any) -> str | None:
    return text(unquoted(value))


def _provider(value: Any) -> Any:
    return provider_name(unquoted(value))


RULES = (
    Rule("session_id", _said, ("session.id", "mlflow.trace.session")),
    Rule("user_id", _said, ("user.id", "mlflow.trace.user")),
    Rule("provider", _provider, ("mlflow.llm.provider",)),
    Rule("response_model", _said, ("mlflow.llm.model",)),
)
OWN = (Rule("request_model", _said, ("model",)),)


def kind(view: View) -> str | None:
    """The kind that the span type tells; ``UNKNOWN`` tells none."""
    return _KINDS.get(str(unquoted(view.attributes.get("mlflow.spanType"))).upper())


def read(view: View) -> dict[str, Any]:
    """Content, parameters, usage, and the time of the first chunk."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    body = unquoted(sent.get("mlflow.spanInputs"))
    made = parameters({key: unquoted(sent[key]) for key in _PLAIN if key in sent})
    made = {**given(body, span_type), **made}
    made |= returned(unquoted(sent.get("mlflow.spanOutputs")), span_type)
    offered = definitions(unquoted(sent.get("mlflow.chat.tools", sent.get("tools"))))
    if offered:
        made["tool_definitions"] = offered
    usage = usage_of(sent.get(USAGE))
    if usage:
        made |= {**usage, "usage_source": USAGE}
    elif "input_tokens" in made or "output_tokens" in made:
        made["usage_source"] = "mlflow.spanOutputs"
    made["cost_usd"] = _cost(unquoted(sent.get(COST)))
    made["time_to_first_token_ms"] = _first_chunk(view)
    if span_type in {"tool", "agent"}:
        name = _said(sent.get("mlflow.spanFunctionName")) if span_type == "tool" else None
        made[f"{span_type}_name"] = name or view.name
    return made


def _cost(sent: Any) -> float | None:
    return number(sent.get("total_cost")) if isinstance(sent, dict) else None


def _first_chunk(view: View) -> float | None:
    return next((view.since_start(e["time_unix_nano"]) for e in view.events if e["name"] == CHUNK), None)


def _is_spoken(shape: Shape) -> bool:
    return shape.has("mlflow.spanType", "mlflow.spanInputs")


DIALECT = Dialect(
    "mlflow",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_KINDS,
    own=OWN,
    content=(
        ("span_type", ("mlflow.spanType",)),
        ("temperature, top_p, max_tokens, seed, streaming", (*_PLAIN, "mlflow.spanInputs")),
        ("input, system_prompt", ("mlflow.spanInputs",)),
        ("output, finish_reason", ("mlflow.spanOutputs",)),
        ("tool_definitions", ("mlflow.chat.tools", "tools", "mlflow.spanInputs")),
        ("input_tokens, output_tokens, ...", (USAGE, "mlflow.spanOutputs")),
        ("cost_usd", (COST,)),
        ("time_to_first_token_ms", (CHUNK,)),
        ("tool_name", ("mlflow.spanFunctionName", "the span's name")),
        ("agent_name", ("the span's name",)),
    ),
)
