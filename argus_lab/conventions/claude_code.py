"""Claude Code and the Claude Agent SDK, recognised by the scope ``com.anthropic.claude_code.tracing``.

Names are plain words. Input tokens are without what came from a cache or went into it. Content is
``<REDACTED>`` unless the user asks for it.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import count, is_absent, is_mark, number, parsed, text
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

_KINDS = {"interaction": "agent", "llm_request": "llm", "tool": "tool"}
_OUTPUT = "tool.output"

OWN = (
    Rule("request_model", text, ("gen_ai.request.model", "model")),
    Rule("input_tokens", count, ("input_tokens",)),
    Rule("output_tokens", count, ("output_tokens",)),
    Rule("cache_read_tokens", count, ("cache_read_tokens",)),
    Rule("cache_write_tokens", count, ("cache_creation_tokens",)),
    Rule("time_to_first_token_ms", number, ("ttft_ms",)),
    Rule("finish_reason", text, ("stop_reason",)),
    Rule("tool_name", text, ("gen_ai.tool.name", "tool_name")),
    Rule("tool_call_id", text, ("gen_ai.tool.call.id", "tool_use_id")),
)


def kind(view: View) -> str | None:
    """The kind that the span's type tells; parts of a tool's run (waiting for the user) are none."""
    sent = view.attributes.get("span.type", view.name)
    return _KINDS.get(sent.removeprefix("claude_code."), "none") if isinstance(sent, str) else None


def correct(view: View) -> dict[str, Any]:
    """Input with the cached tokens that stand beside it."""
    fresh = view.columns.get("input_tokens")
    if fresh is None or "input_tokens" not in view.attributes:
        return {}
    cached = (view.columns.get("cache_read_tokens") or 0) + (view.columns.get("cache_write_tokens") or 0)
    return {"input_tokens": fresh + cached}


def read(view: View) -> dict[str, Any]:
    """Prompt, answer, arguments and result, where they are recorded."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    if span_type == "tool":
        return {"input": _said(sent, "tool_input"), "output": _result(view)}
    prompt = _said(sent, "user_prompt", "new_context") if span_type == "agent" else _said(sent, "new_context")
    answer = _said(sent, "response.model_output")
    made: dict[str, Any] = {}
    if isinstance(prompt, str):
        made |= {"input": [m.text_message("user", prompt)], "input_text": prompt}
    if isinstance(answer, str):
        made |= {"output": [m.text_message("assistant", answer)], "output_text": answer}
    return made


def _said(sent: Any, *keys: str) -> Any:
    found = (sent.get(key) for key in keys)
    return next((parsed(value) for value in found if not is_absent(value) and not is_mark(value)), None)


def _result(view: View) -> Any:
    for event in view.events:
        if event["name"] == _OUTPUT:
            return _said(event["attributes"], "output", "content", "diff")
    return _said(view.attributes, "new_context")


def _is_spoken(shape: Shape) -> bool:
    return shape.scope.startswith("com.anthropic.claude_code")


DIALECT = Dialect(
    "claude_code",
    _is_spoken,
    (),
    kind,
    read,
    kinds=_KINDS,
    own=OWN,
    correct=correct,
    content=(
        ("span_type", ("span.type",)),
        ("input", ("user_prompt", "new_context", "tool_input")),
        ("output", ("response.model_output", _OUTPUT, "new_context")),
    ),
)
