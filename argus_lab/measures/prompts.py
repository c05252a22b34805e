"""Messages of model calls as they are stored: OpenTelemetry's form, as JSON text."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "Message",
    "asked_tools",
    "json_of",
    "json_text",
    "message_text",
    "messages_in",
    "parts_of",
    "text_message",
    "tool_results",
]

Message = dict[str, Any]


def messages_in(text: str | None) -> list[Message] | None:
    """The messages of an ``input`` or ``output``; None if there is none, or it holds something else.

    Examples
    --------
    >>> messages_in('[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]')[0]["role"]
    'user'
    >>> messages_in('{"order_id": 7}') is None
    True
    """
    found = json_of(text)
    if not isinstance(found, list) or not all(isinstance(item, dict) and "role" in item for item in found):
        return None
    return found


def asked_tools(messages: list[Message] | None) -> list[tuple[str | None, str | None]]:
    """Id and name of every tool call that the messages ask for, in order."""
    return [
        (_text(part.get("id")), _text(part.get("name")))
        for message in messages or ()
        for part in parts_of(message)
        if part.get("type") == "tool_call"
    ]


def tool_results(message: Message) -> list[str | None]:
    """The ids of the calls whose results the message brings."""
    return [_text(part.get("id")) for part in parts_of(message) if part.get("type") == "tool_call_response"]


def message_text(message: Message) -> str | None:
    """What a person reads of a message: its texts, else the results of tools."""
    parts = parts_of(message)
    texts = [
        part["content"] for part in parts if part.get("type") == "text" and _is_text(part.get("content"))
    ]
    if not texts:
        results = [part.get("response") for part in parts if part.get("type") == "tool_call_response"]
        texts = [
            found if isinstance(found, str) else json_text(found) for found in results if found is not None
        ]
    return "\n".join(texts) if texts else None


def parts_of(message: Message) -> list[dict[str, Any]]:
    """The parts of a message that are objects."""
    parts = message.get("parts")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def text_message(role: str, text: str) -> Message:
    """A message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def json_of(text: str | None) -> Any:
    """The value that a JSON text stands for; None for none, and for text that is no JSON."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None  # a frame of someone's own: the text itself stays in its column


def json_text(value: Any) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
