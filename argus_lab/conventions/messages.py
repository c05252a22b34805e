"""Messages in one form, whatever the source.

The form is OpenTelemetry's own for ``gen_ai.input.messages`` and ``gen_ai.output.messages``
(semantic-conventions-genai, JSON schemas of messages): a message is
``{"role": ..., "parts": [...], "name"?: ..., "finish_reason"?: ...}``; a part is one of
``{"type": "text", "content"}``, ``{"type": "reasoning", "content"}``,
``{"type": "tool_call", "id"?, "name", "arguments"}``,
``{"type": "tool_call_response", "id"?, "response"}``, or any other typed object (see ``parts.py``).
Media are references: ``{"type": "blob", "modality", "mime_type", "size", "sha256", "content": null}``.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.parts import (
    Part,
    first_of,
    part,
    reasoning_part,
    response_part,
    text_part,
    tool_call_part,
)
from argus_lab.conventions.readers import parsed

__all__ = [
    "Message",
    "answer",
    "finish_reason",
    "instructions",
    "joined_text",
    "last_text",
    "message",
    "messages",
    "system_text",
    "text_message",
    "texts",
    "tool_result",
]

Message = dict[str, Any]

_ROLES = {
    "human": "user",
    "ai": "assistant",
    "aimessagechunk": "assistant",
    "model": "assistant",
    "tool-call": "assistant",
    "developer": "system",
    "function": "tool",
    "tool-response": "tool",
}

_SPEAKERS = frozenset({"system", "user", "assistant", "tool"})

_SIGNS = ("role", "parts", "content", "contents", "tool_calls", "function_call", "lc", "kwargs", "data")
"""A map without any of these is no message."""

_ITEMS = frozenset({"message", "function_call", "function_call_output", "reasoning"})
"""Types of the items that OpenAI's Responses API has beside messages."""


def messages(sent: Any) -> list[Message] | None:
    """A list of messages in the one form; ``None`` if there is nothing that can be one."""
    found = parsed(sent)
    if isinstance(found, dict):
        found = [found]
    if isinstance(found, str):
        return [text_message("user", found)] if found else None
    if not isinstance(found, list):
        return None
    if len(found) == 1 and isinstance(found[0], list) and not _is_pair(found[0]):
        found = found[0]  # LangChain: a list a prompt of a batch
    made = [message(item) for item in found]
    return [item for item in made if item is not None] or None


def text_message(role: str, text: Any) -> Message:
    """A message of one text."""
    return {"role": role, "parts": [text_part(text)]}


def message(sent: Any) -> Message | None:
    """One message in the one form, from any provider's shape."""
    if not isinstance(sent, dict):
        return _of_text(sent)
    inner = sent if sent.get("role") else _unwrapped(sent)
    if inner is None:
        return None
    role = _role(inner)
    parts = _parts(inner, role)
    if parts and parts[0].get("type") == _ANSWER and all(item.get("type") == _ANSWER for item in parts):
        role = "tool"
    made: Message = {"role": role, "parts": parts}
    if inner.get("name") and not inner.get("call_id"):
        made["name"] = inner["name"]
    reason = inner.get("finish_reason") or _reason_within(inner)
    if reason:
        made["finish_reason"] = reason
    return made


_ANSWER = "tool_call_response"


def _of_text(sent: Any) -> Message | None:
    if isinstance(sent, str):
        return text_message("user", sent)
    return text_message(_ROLES.get(sent[0].lower(), sent[0]), sent[1]) if _is_pair(sent) else None


def _is_pair(sent: Any) -> bool:
    """LangChain's short form of a message: role and text."""
    pair = isinstance(sent, list) and len(sent) == 2 and all(isinstance(item, str) for item in sent)  # noqa: PLR2004
    return pair and _ROLES.get(sent[0].lower(), sent[0]) in _SPEAKERS


def _unwrapped(sent: dict[str, Any]) -> dict[str, Any] | None:
    """The map that holds role and content: LangChain wraps it twice, in two ways."""
    kwargs = sent.get("kwargs")
    if "lc" in sent and isinstance(kwargs, dict):
        path = sent.get("id")
        name = path[-1] if isinstance(path, list) and path else ""
        return {"type": str(name).removesuffix("Chunk").removesuffix("Message").lower(), **kwargs}
    data = sent.get("data")
    if isinstance(data, dict) and isinstance(sent.get("type"), str) and "role" not in sent:
        return {**data, "type": sent["type"]}
    if isinstance(sent.get("message"), dict) and not any(key in sent for key in ("role", "content", "parts")):
        reason = sent.get("finish_reason")  # OpenAI's choice
        return {**sent["message"], **({"finish_reason": reason} if reason else {})}
    is_one = any(key in sent for key in _SIGNS) or _type(sent) in _ITEMS
    return sent if is_one else None


def _role(sent: dict[str, Any]) -> str:
    role = sent.get("role")
    if not role:
        kind = _type(sent)
        if kind in {"function_call", "reasoning"}:
            return "assistant"
        if kind == "function_call_output":
            return "tool"
        role = kind if kind and kind != "message" else "user"
    return _ROLES.get(str(role).lower(), str(role))


def _type(sent: dict[str, Any]) -> str:
    kind = sent.get("type")
    return kind if isinstance(kind, str) else ""


def _reason_within(sent: dict[str, Any]) -> Any:
    found = sent.get("response_metadata")
    return first_of(found, "finish_reason", "stop_reason") if isinstance(found, dict) else None


def _parts(sent: dict[str, Any], role: str) -> list[Part]:
    if isinstance(sent.get("parts"), list):
        parts = [part(item) for item in sent["parts"]]
        # LiteLLM writes tool calls beside the parts.
        return parts + _new_calls(parts, _tool_calls(sent["tool_calls"])) if sent.get("tool_calls") else parts
    if _type(sent) in _ITEMS and sent["type"] != "message":
        return [part(sent)]
    content = first_of(sent, "content", "contents")
    if role == "tool" and ("tool_call_id" in sent or isinstance(content, str)):
        return [response_part(sent.get("tool_call_id"), content)]
    parts = _reasoning(sent)
    if isinstance(content, list):
        parts += [part(item) for item in content]
    elif content not in (None, ""):
        parts.append(text_part(content))
    calls = _asked(sent)
    return parts + _new_calls(parts, _tool_calls(calls)) if calls else parts


def _reasoning(sent: dict[str, Any]) -> list[Part]:
    """Reasoning that stands beside the content (DeepSeek, LiteLLM, Ollama)."""
    found = first_of(sent, "reasoning_content", "reasoning", "thinking")
    return [reasoning_part(found)] if isinstance(found, str) and found else []


def _asked(sent: dict[str, Any]) -> Any:
    """Where a message keeps its tool calls."""
    if sent.get("tool_calls"):
        return sent["tool_calls"]
    if isinstance(sent.get("function_call"), dict):
        return [sent["function_call"]]
    beside = sent.get("additional_kwargs")
    return beside.get("tool_calls") if isinstance(beside, dict) else None


def _new_calls(parts: list[Part], calls: list[Part]) -> list[Part]:
    """Calls that are not among the parts already: some senders write each twice."""
    known = [(item.get("id"), item.get("name")) for item in parts if item.get("type") == "tool_call"]
    return [call for call in calls if (call.get("id"), call["name"]) not in known]


def _tool_calls(sent: Any) -> list[Part]:
    calls = parsed(sent)
    if not isinstance(calls, list):
        return []
    made = [part({**call, "type": "tool_call"}) for call in calls if isinstance(call, dict)]
    return [call if "name" in call else tool_call_part(None, None, None) for call in made]


def tool_result(found: Any) -> tuple[Any, Any]:
    """A tool's result and the id of its call, out of the message that LangChain wraps it into.

    Examples
    --------
    >>> tool_result({"type": "tool", "data": {"content": "18 degrees", "tool_call_id": "c1"}})
    ('18 degrees', 'c1')
    >>> tool_result({"degrees": 18})
    ({'degrees': 18}, None)
    """
    if isinstance(found, dict) and ("lc" in found or found.get("type") == "tool"):
        made = message(found)
        if made and made["role"] == "tool" and made["parts"]:
            return made["parts"][0].get("response"), made["parts"][0].get("id")
    return found, None


def answer(text: Any, tool_calls: Any) -> list[Message] | None:
    """The message of an assistant that said this and asked for these tools."""
    parts: list[Part] = []
    if isinstance(text, str) and text:
        parts.append(text_part(text))
    parts += _tool_calls(tool_calls)
    return [{"role": "assistant", "parts": parts}] if parts else None


def joined_text(made: list[Message] | None) -> str | None:
    """The text of the first message that has any."""
    for item in made or ():
        text = _text(item)
        if text:
            return text
    return None


def texts(made: list[Message] | None) -> list[str]:
    """The text of every message that has any: what was embedded."""
    return [text for item in made or () if (text := _text(item))]


def last_text(made: list[Message] | None, role: str) -> str | None:
    """The text of the last message of a role."""
    for item in reversed(made or ()):
        if item["role"] == role:
            text = _text(item)
            if text:
                return text
    return None


def system_text(made: list[Message] | None) -> str | None:
    """The text of the first system message."""
    return joined_text([item for item in made or () if item["role"] == "system"])


def instructions(sent: Any) -> str | None:
    """System instructions: a list of parts, or text."""
    found = parsed(sent)
    if isinstance(found, str):
        return found or None
    if isinstance(found, list):
        return _text({"parts": [part(item) for item in found]}) or None
    return None


def _text(item: Message) -> str:
    texts = [found.get("content") for found in item["parts"] if found.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))


def finish_reason(made: list[Message] | None) -> str | None:
    """The reason the first message gives for its end."""
    for item in made or ():
        if isinstance(item.get("finish_reason"), str):
            return str(item["finish_reason"])
    return None
