"""Genkit's own spans, recognised by ``genkit:*`` attributes (scope ``genkit-tracer``)."""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.contents import given, returned
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import parsed, text
from argus_lab.conventions.rules import Rule
from argus_lab.conventions.usage import usage_of

__all__ = ["DIALECT"]

SUBTYPE, INPUT, OUTPUT = "genkit:metadata:subtype", "genkit:input", "genkit:output"

_KINDS = {
    "model": "llm",
    "embedder": "embedding",
    "tool": "tool",
    "tool.v2": "tool",
    "retriever": "retriever",
    "reranker": "reranker",
    "evaluator": "evaluator",
    "flow": "chain",
    "agent": "agent",
    "prompt": "prompt",
    "executable-prompt": "prompt",
}

RULES = (Rule("session_id", text, ("session.id", "genkit:sessionId")),)


def kind(view: View) -> str | None:
    """The kind that the subtype tells."""
    sent = view.attributes.get(SUBTYPE)
    return _KINDS.get(sent) if isinstance(sent, str) else None


def read(view: View) -> dict[str, Any]:
    """Content; a model's answer holds its usage. A model's name begins with its plugin's."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    body = parsed(sent.get(OUTPUT))
    made = {**given(sent.get(INPUT), span_type), **returned(body, span_type)}
    usage = usage_of(body.get("usage")) if isinstance(body, dict) else {}
    if usage:
        made |= {**usage, "usage_source": OUTPUT}
    name = text(sent.get("genkit:name"))
    column = {"llm": "request_model", "embedding": "request_model"}.get(str(span_type), f"{span_type}_name")
    if name and column in {"request_model", "tool_name", "agent_name"}:
        made[column] = name.rpartition("/")[2] if column == "request_model" else name
    return made


def _is_spoken(shape: Shape) -> bool:
    return shape.has_prefix("genkit:")


DIALECT = Dialect(
    "genkit",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_KINDS,
    content=(
        ("span_type", (SUBTYPE,)),
        ("input", (INPUT,)),
        ("output, input_tokens, output_tokens, ...", (OUTPUT,)),
        ("request_model, tool_name, agent_name", ("genkit:name",)),
    ),
)
