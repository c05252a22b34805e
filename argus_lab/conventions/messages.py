"""Messages in one form, whatever the source.

The form is OpenTelemetry's own for ``gen_ai.input.messages`` and ``gen_ai.output.messages``
(semantic-conventions-genai, JSON schemas of messages): a message is
``{"role": ..., "parts": [...], "name"?: ..., "finish_reason"?: ...}``; a part is one of
``{"type": "text", "content"}``, ``{"type": "reasoning", "content"}``,
``{"type": "tool_call", "id"?, "name", "arguments"}``,
``{"type": "tool_call_response", "id"?, "response"}``, or any other typed object.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.readers import parsed

__all__ = ["definitions", "finish_reason", "joined_text", "last_text", "message", "messages", "system_text"]

_ROLES = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
}


def messages(sent: Any) -> list[dict[str, Any]] | None:
    """A list of messages in the one form; ``None`` if there is nothing that can be one."""
    found = parsed(sent)
    if isinstance(found, dict):
        found = [found]
    if isinstance(found, str):
        return [text_message("user", found)] if found else None
    if not isinstance(found, list):
        return None
    made = [message(item) for item in found]
    return [item for item in made if item is not None] or None


def text_message(role: str, text: str) -> dict[str, Any]:
    """A message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def message(sent: Any) -> dict[str, Any] | None:
    """One message in the one form, from OpenTelemetry's or OpenAI's shape."""
    if isinstance(sent, str):
        return text_message("user", sent)
    if not isinstance(sent, dict):
        return None
    role = str(sent.get("role") or "user")
    role = _ROLES.get(role.lower(), role)
    parts = _parts(sent, role)
    if parts and all(part.get("type") == "tool_call_response" for part in parts):
        role = "tool"
    made: dict[str, Any] = {"role": role, "parts": parts}
    for key in ("name", "finish_reason"):
        if sent.get(key):
            made[key] = sent[key]
    return made


def _parts(sent: dict[str, Any], role: str) -> list[dict[str, Any]]:
    if isinstance(sent.get("parts"), list):
        return [_part(part) for part in sent["parts"]]
    content = sent.get("content")
    if role == "tool" and ("tool_call_id" in sent or isinstance(content, str)):
        return [_response(sent.get("tool_call_id"), content)]
    parts = []
    if isinstance(content, list):
        parts = [_part(part) for part in content]
    elif content not in (None, ""):
        parts = [{"type": "text", "content": content}]
    return parts + _tool_calls(sent.get("tool_calls"))


def _part(sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        return {"type": "text", "content": sent if isinstance(sent, str) else str(sent)}
    kind = sent.get("type")
    if kind == "text" and "text" in sent and "content" not in sent:
        return {"type": "text", "content": sent["text"]}
    if kind == "tool_call":
        return {"type": "tool_call", **_tool_call(sent)}
    if kind == "tool_call_response":
        # Writers of the older convention say "result".
        return _response(sent.get("id"), sent.get("response", sent.get("result")))
    return sent


def _tool_calls(sent: Any) -> list[dict[str, Any]]:
    calls = parsed(sent)
    return [_tool_call(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def _tool_call(sent: dict[str, Any]) -> dict[str, Any]:
    """A tool call; OpenAI nests name and arguments under ``function``."""
    function = sent.get("function")
    inner = function if isinstance(function, dict) else sent
    made: dict[str, Any] = {"type": "tool_call"}
    if sent.get("id"):
        made["id"] = sent["id"]
    made["name"] = inner.get("name")
    made["arguments"] = parsed(inner.get("arguments"))
    return made


def _response(call_id: Any, response: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "tool_call_response"}
    if call_id:
        made["id"] = call_id
    made["response"] = response
    return made


def answer(text: Any, tool_calls: Any) -> list[dict[str, Any]] | None:
    """The message of an assistant that said this and asked for these tools."""
    parts: list[dict[str, Any]] = []
    if isinstance(text, str) and text:
        parts.append({"type": "text", "content": text})
    parts += _tool_calls(tool_calls)
    return [{"role": "assistant", "parts": parts}] if parts else None


def joined_text(made: list[dict[str, Any]] | None) -> str | None:
    """The text of the first message that has any."""
    for item in made or ():
        text = _text(item)
        if text:
            return text
    return None


def last_text(made: list[dict[str, Any]] | None, role: str) -> str | None:
    """The text of the last message of a role."""
    for item in reversed(made or ()):
        if item["role"] == role:
            text = _text(item)
            if text:
                return text
    return None


def system_text(made: list[dict[str, Any]] | None) -> str | None:
    """The text of the first system message."""
    return joined_text([item for item in made or () if item["role"] == "system"])


def instructions(sent: Any) -> str | None:
    """System instructions: a list of parts, or text."""
    found = parsed(sent)
    if isinstance(found, str):
        return found or None
    if isinstance(found, list):
        return _text({"parts": [_part(part) for part in found]}) or None
    return None


def _text(item: dict[str, Any]) -> str:
    texts = [part.get("content") for part in item["parts"] if part.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))


def finish_reason(made: list[dict[str, Any]] | None) -> str | None:
    """The reason the first message gives for its end."""
    for item in made or ():
        if isinstance(item.get("finish_reason"), str):
            return str(item["finish_reason"])
    return None


def definitions(sent: Any) -> list[Any] | None:
    """Tool definitions as a list of objects."""
    found = parsed(sent)
    if isinstance(found, dict):
        found = [found]
    return found if isinstance(found, list) and found else None
