"""Google's Agent Development Kit, recognised by its scope ``gcp.vertex.agent`` or attributes named so.

Version 2 is OpenTelemetry's GenAI convention; version 1 writes bodies as JSON (``{}`` where content is
switched off), calls ``call_llm`` no operation, and counts thoughts beside the answer's tokens.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.bodies import answered, asked
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.parts import first_of
from argus_lab.conventions.readers import parsed, text
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

_AGENT = "gcp.vertex.agent."
REQUEST, RESPONSE = f"{_AGENT}llm_request", f"{_AGENT}llm_response"
ARGUMENTS, RESULT = f"{_AGENT}tool_call_args", f"{_AGENT}tool_response"

RULES = (Rule("session_id", text, ("session.id", "gen_ai.conversation.id", f"{_AGENT}session_id")),)


def kind(view: View) -> str | None:
    """The kinds of version 1, which names no operation on some spans."""
    sent = view.attributes
    if "gen_ai.operation.name" in sent:
        return None
    if view.name == "call_llm" or REQUEST in sent:
        # Version 1 writes an empty request on tools as well.
        is_tool = ARGUMENTS in sent or "gen_ai.tool.name" in sent
        return "tool" if is_tool and view.name != "call_llm" else "llm"
    if ARGUMENTS in sent:
        return "tool"
    if view.name.startswith("agent_run"):
        return "agent"
    return "chain" if view.name == "invocation" else None


def correct(view: View) -> dict[str, Any]:
    """Answer tokens with the thoughts that version 1 leaves out; the response's own counts tell them."""
    if RESPONSE not in view.attributes or "output_tokens" not in view.columns:
        return {}
    told = _response(view)
    output, thoughts = told.get("output_tokens"), told.get("reasoning_tokens")
    if output and thoughts and view.columns["output_tokens"] == output - thoughts:
        return {"output_tokens": output}
    return {}


def read(view: View) -> dict[str, Any]:
    """Content of version 1's bodies."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    if span_type == "tool":
        return {"input": _body(sent.get(ARGUMENTS)), "output": _body(sent.get(RESULT))}
    made: dict[str, Any] = {}
    if span_type == "llm":
        made = {**asked(_body(sent.get(REQUEST))), **_response(view)}
        if "input_tokens" in made or "output_tokens" in made:
            made["usage_source"] = RESPONSE
    elif view.name.startswith("agent_run ["):
        made["agent_name"] = view.name[len("agent_run [") :].removesuffix("]")
    return made


def _response(view: View) -> dict[str, Any]:
    found = _body(view.attributes.get(RESPONSE))
    if not isinstance(found, dict):
        return {}
    content = found.get("content")
    reason = first_of(found, "finish_reason", "finishReason")
    body = {"candidates": [{"content": content, "finish_reason": reason}]} if content else {}
    usage = first_of(found, "usage_metadata", "usageMetadata")
    return answered({**body, "usage": usage}) if body else {}


def _body(sent: Any) -> Any:
    """A body; an empty one means that content is not recorded."""
    found = parsed(sent)
    return None if found in ({}, "") else found


def _is_spoken(shape: Shape) -> bool:
    return shape.scope == "gcp.vertex.agent" or shape.has_prefix(_AGENT)


DIALECT = Dialect(
    "google_adk",
    _is_spoken,
    RULES,
    kind,
    read,
    correct=correct,
    content=(
        ("span_type", (REQUEST, ARGUMENTS, "the span's name")),
        ("input, system_prompt, tool_definitions", (REQUEST, ARGUMENTS)),
        ("output, finish_reason, input_tokens, output_tokens, ...", (RESPONSE, RESULT)),
        ("agent_name", ("gen_ai.agent.name", "the span's name after agent_run")),
    ),
)
