"""What LangChain and LangGraph put around results: messages, prompts, commands.

Several conventions hand on a run's output as the framework has it.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import contents
from argus_lab.conventions import messages as m
from argus_lab.conventions.readers import parsed, text

__all__ = ["returned"]


def returned(sent: Any, span_type: str | None) -> dict[str, Any]:
    """What a run gave back, as columns.

    Examples
    --------
    >>> returned({"type": "ai", "data": {"content": "hello"}}, "chain")["output_text"]
    'hello'
    """
    found = parsed(sent)
    if span_type == "tool":
        result, call_id = m.tool_result(found)
        return {"output": parsed(result), "output_text": text(result), "tool_call_id": text(call_id)}
    body = _update(found)
    turns = _turns(body, span_type)
    if turns:
        return {"output": turns, "output_text": m.last_text(turns, "user") or m.joined_text(turns)}
    said = m.messages(body) if _is_message(body) else None
    if said and said[0]["parts"]:
        return {"output": said, "output_text": m.joined_text(said)}
    return contents.returned(body, span_type)


def _update(found: Any) -> Any:
    """The change of the first of LangGraph's commands."""
    if isinstance(found, list):
        changes = [item.get("update") for item in found if isinstance(item, dict)]
        return next((change for change in changes if isinstance(change, dict)), found)
    return found


def _turns(body: Any, span_type: str | None) -> list[m.Message] | None:
    """The messages of a prompt: of a prompt's span, or of a serialised prompt."""
    if not isinstance(body, dict):
        return None
    inner = body.get("kwargs") if "lc" in body else body if span_type == "prompt" else None
    turns = inner.get("messages") if isinstance(inner, dict) else None
    return m.messages(turns) if isinstance(turns, list) else None


def _is_message(body: Any) -> bool:
    if not isinstance(body, dict):
        return False
    return "lc" in body or (isinstance(body.get("type"), str) and isinstance(body.get("data"), dict))
