"""Laminar, recognised by ``lmnr.span.*``; model, usage and parameters are ``gen_ai.*``."""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.contents import given, returned
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import text
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

TYPE, INPUT, OUTPUT = "lmnr.span.type", "lmnr.span.input", "lmnr.span.output"
_PROPERTIES = "lmnr.association.properties."

_KINDS = {
    "LLM": "llm",
    "CACHED": "llm",
    "TOOL": "tool",
    "PIPELINE": "chain",
    "EXECUTOR": "agent",
    "EVALUATOR": "evaluator",
    "HUMAN_EVALUATOR": "evaluator",
    "EVALUATION": "evaluator",
}

RULES = (
    Rule("session_id", text, ("session.id", f"{_PROPERTIES}session_id")),
    Rule("user_id", text, ("user.id", f"{_PROPERTIES}user_id")),
)


def kind(view: View) -> str | None:
    """The kind that the type tells; ``DEFAULT`` tells none."""
    sent = view.attributes.get(TYPE)
    return _KINDS.get(sent) if isinstance(sent, str) else None


def read(view: View) -> dict[str, Any]:
    """Content."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    made = {**given(sent.get(INPUT), span_type), **returned(sent.get(OUTPUT), span_type)}
    return {**made, "tool_name": view.name} if span_type == "tool" else made


def _is_spoken(shape: Shape) -> bool:
    return shape.has_prefix("lmnr.span.")


DIALECT = Dialect(
    "laminar",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_KINDS,
    content=(
        ("span_type", (TYPE,)),
        ("input", (INPUT,)),
        ("output", (OUTPUT,)),
        ("tool_name", ("gen_ai.tool.name", "the span's name")),
    ),
)
