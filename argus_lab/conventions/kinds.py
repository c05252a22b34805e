"""Kinds of spans: one word, and what it means for the Argus columns.

Only kinds that the convention has a word for fill ``step_kind``; the others leave it null.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KINDS", "Kind"]


class Kind(NamedTuple):
    """The columns that a kind of span fills."""

    span_type: str | None
    step_kind: str | None = None
    component_type: str | None = None


KINDS: dict[str, Kind] = {
    "llm": Kind("llm", "llm_call", "llm"),
    "llm_answer": Kind("llm", None, "llm"),
    "tool": Kind("tool", "tool_call", "custom_tool"),
    "skill": Kind("tool", "tool_call", "skill"),
    "mcp_tool": Kind("tool", "tool_call", "mcp"),
    "mcp_resource": Kind(None, "external_resource", "mcp"),
    "mcp": Kind(None, None, "mcp"),
    "agent": Kind("agent"),
    "chain": Kind("chain"),
    "retriever": Kind("retriever", "external_resource", "external_resource"),
    "embedding": Kind("embedding", "external_resource", "external_resource"),
    "reranker": Kind("reranker", "external_resource", "external_resource"),
    "memory": Kind(None, "external_resource", "external_resource"),
    "guardrail": Kind("guardrail", None, "middleware"),
    "evaluator": Kind("evaluator"),
    "prompt": Kind("prompt"),
    "none": Kind(None),
}
"""``llm_answer``: the answer of a streamed call, told in a span of its own; the call is another span.
``none``: the sender says what the span is, and it is none of the others (a log, a parser)."""
