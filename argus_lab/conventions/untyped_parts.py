"""Parts without a type: Bedrock and Gemini tell a part's kind by the key it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["typed"]

Part = dict[str, Any]


def typed(sent: Part) -> Part | None:
    """The same part with a type, as other providers write it; ``None`` if no key tells one.

    Examples
    --------
    >>> typed({"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 1}}})
    {'type': 'tool_call', 'id': 't1', 'name': 'add', 'arguments': {'a': 1}}
    >>> typed({"text": "Let me think.", "thought": True})
    {'type': 'reasoning', 'content': 'Let me think.'}
    """
    if sent.get("thought") is True:  # Gemini marks reasoning so
        return {"type": "reasoning", "content": sent.get("text")}
    for key, held in sent.items():
        read = _OF_KEY.get(key)
        if read:
            return read(held if isinstance(held, dict) or key in _PLAIN else {})
    return None


_PLAIN = frozenset({"text", "json"})


def _call(sent: Part) -> Part:
    arguments = sent.get("args", sent.get("input", sent.get("arguments")))
    call_id = sent.get("toolUseId", sent.get("id"))
    return {"type": "tool_call", "id": call_id, "name": sent.get("name"), "arguments": arguments}


def _response(sent: Part) -> Part:
    found = sent.get("content", sent.get("response"))
    return {"type": "tool_call_response", "id": sent.get("toolUseId", sent.get("id")), "response": found}


def _reasoning(sent: Part) -> Part:
    found = sent.get("reasoningText")
    return {"type": "reasoning", "content": found.get("text") if isinstance(found, dict) else found}


def _bedrock_media(kind: str) -> Callable[[Part], Part]:
    def read(sent: Part) -> Part:
        source = sent.get("source")
        data = next(iter(source.values()), None) if isinstance(source, dict) else source
        return {"type": kind, "data": data, "mime_type": sent.get("format")}

    return read


def _gemini_media(sent: Part) -> Part:
    data = sent.get("data", sent.get("fileUri", sent.get("file_uri")))
    return {"type": "file", "data": data, "mime_type": sent.get("mimeType", sent.get("mime_type"))}


_OF_KEY: dict[str, Callable[[Any], Part]] = {
    "text": lambda sent: {"type": "text", "content": sent},
    "json": lambda sent: {"type": "json", "content": sent},
    "toolUse": _call,
    "toolResult": _response,
    "reasoningContent": _reasoning,
    "functionCall": _call,
    "function_call": _call,
    "tool_call": _call,
    "functionResponse": _response,
    "function_response": _response,
    "inlineData": _gemini_media,
    "inline_data": _gemini_media,
    "fileData": _gemini_media,
    "file_data": _gemini_media,
    "image": _bedrock_media("image"),
    "video": _bedrock_media("video"),
    "document": _bedrock_media("document"),
}
