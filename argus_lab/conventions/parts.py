"""Parts of a message in one form, from every provider's shape of them.

A part is told by its ``type`` (OpenTelemetry, OpenAI, Anthropic, LangChain, Vercel) or, where there
is none, by the key it has (Bedrock, Gemini). A part of a type nobody has described is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from argus_lab.conventions.media import blob, media
from argus_lab.conventions.readers import parsed
from argus_lab.conventions.untyped_parts import typed

__all__ = [
    "Part",
    "first_of",
    "joined",
    "part",
    "reasoning_part",
    "response_part",
    "text_part",
    "tool_call_part",
]

Part = dict[str, Any]


def first_of(sent: dict[str, Any], *keys: str) -> Any:
    """The first of these that is there and not null."""
    for key in keys:
        if sent.get(key) is not None:
            return sent[key]
    return None


def text_part(content: Any) -> Part:
    """A part of text."""
    return {"type": "text", "content": content}


def reasoning_part(content: Any) -> Part:
    """A part of reasoning."""
    return {"type": "reasoning", "content": content}


def tool_call_part(call_id: Any, name: Any, arguments: Any) -> Part:
    """A request for a tool; arguments in JSON text are read."""
    made: Part = {"type": "tool_call"}
    if call_id:
        made["id"] = call_id
    made["name"] = name
    made["arguments"] = parsed(arguments)
    return made


def response_part(call_id: Any, response: Any) -> Part:
    """What a tool answered; a list of texts is one text, media in it are references."""
    made: Part = {"type": "tool_call_response"}
    if call_id:
        made["id"] = call_id
    made["response"] = joined(response)
    return made


def joined(sent: Any) -> Any:
    """A list of content blocks as text where all are text, else with media as references."""
    if not isinstance(sent, list) or not sent or not all(_is_block(item) for item in sent):
        return sent
    parts = [part(item) for item in sent]
    if all(item.get("type") == "text" and isinstance(item.get("content"), str) for item in parts):
        return "\n".join(item["content"] for item in parts)
    return parts


_BLOCK_TYPES = frozenset(
    {"text", "input_text", "output_text", "summary_text", "image_url", "input_image"}
) | {
    "image",
    "audio",
    "video",
    "document",
}
_BLOCK_KEYS = frozenset({"text", "json", "image", "document", "video"})


def _is_block(sent: Any) -> bool:
    """Whether it is text or media: what nests no further, however deep the sender nested it."""
    if not isinstance(sent, dict):
        return False
    kind = sent.get("type")
    if isinstance(kind, str):
        return kind in _BLOCK_TYPES and len(sent) > 1
    return len(sent) == 1 and not _BLOCK_KEYS.isdisjoint(sent)


def part(sent: Any) -> Part:
    """One part in the one form.

    Examples
    --------
    >>> part({"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 1}}})
    {'type': 'tool_call', 'id': 't1', 'name': 'add', 'arguments': {'a': 1}}
    >>> part({"type": "input_text", "text": "hi"})
    {'type': 'text', 'content': 'hi'}
    """
    if not isinstance(sent, dict):
        return text_part(sent if isinstance(sent, str) else str(sent))
    kind = sent.get("type")
    if kind == "text" and len(sent) == 2 and "content" in sent:  # noqa: PLR2004
        return sent  # most parts there are
    if isinstance(kind, str):
        read = _OF_TYPE.get(kind)
        return read(sent) if read else sent
    known = typed(sent)
    return sent if known is None else _OF_TYPE[known["type"]](known)


# --- parts with a type --------------------------------------------------------------------------------


def _text(sent: Part) -> Part:
    return text_part(first_of(sent, "content", "text", "refusal"))


def _reasoning(sent: Part) -> Part:
    content = first_of(sent, "content", "thinking", "reasoning", "text", "summary")
    return reasoning_part(joined(content))


def _hidden_reasoning(_sent: Part) -> Part:
    """Reasoning that the provider has encrypted."""
    return reasoning_part(None)


def _tool_call(sent: Part) -> Part:
    """A tool call; OpenAI nests name and arguments under ``function``."""
    function = sent.get("function")
    inner = function if isinstance(function, dict) else sent
    return tool_call_part(
        first_of(sent, "call_id", "id", "toolCallId", "tool_call_id"),
        first_of(inner, "name", "toolName", "tool_name"),
        first_of(inner, "arguments", "args", "input"),
    )


def _response(sent: Part) -> Part:
    """A tool's answer; writers of OpenTelemetry's older convention say ``result``."""
    call_id = first_of(sent, "id", "tool_use_id", "toolCallId", "tool_call_id", "call_id")
    return response_part(call_id, first_of(sent, "response", "result", "content"))


def _tool_result(sent: Part) -> Part:
    """Anthropic's tool_result, OpenAI's function_call_output, Vercel's tool-result."""
    call_id = first_of(sent, "tool_use_id", "toolCallId", "call_id", "tool_call_id", "id")
    output = first_of(sent, "content", "output", "result", "response")
    if isinstance(output, dict) and "value" in output and str(output.get("type", "")).startswith(_WRAPPED):
        output = output["value"]
    return response_part(call_id, output)


_WRAPPED = ("text", "json", "content", "error-")
"""What Vercel's SDK wraps a tool's output in, from version 5 on."""


def _image_url(sent: Part) -> Part:
    found = first_of(sent, "image_url", "url")
    return media(found.get("url") if isinstance(found, dict) else found, modality="image")


def _audio(sent: Part) -> Part:
    found = sent.get("input_audio")
    inner = found if isinstance(found, dict) else sent
    form = inner.get("format")
    return blob(inner.get("data"), f"audio/{form}" if isinstance(form, str) else None, "audio")


def _file(sent: Part) -> Part:
    """A file: an id stays what it is, data become a reference."""
    found = sent.get("file")
    inner = found if isinstance(found, dict) else sent
    data = first_of(inner, "file_data", "data", "base64", "content")
    data = first_of(inner, "url", "file_url") if data is None else data
    kind = first_of(inner, "mediaType", "mimeType", "mime_type", "media_type")
    if data is None:
        file_id = first_of(inner, "file_id", "id")
        return {"type": "file", "modality": inner.get("modality"), "file_id": file_id} if file_id else sent
    return media(data, kind)


def _image(sent: Part) -> Part:
    """Anthropic's source, Vercel's image, LangChain's data or base64."""
    source = sent.get("source")
    modality = "file" if sent.get("type") == "document" else str(sent.get("type"))
    if isinstance(source, dict):
        if source.get("type") == "text":
            return text_part(source.get("data"))
        if source.get("file_id"):
            return {"type": "file", "modality": modality, "file_id": source["file_id"]}
        return media(first_of(source, "data", "url", "bytes"), source.get("media_type"), modality)
    data = first_of(sent, "image", "data", "base64", "url", "content")
    if isinstance(data, dict):
        data = first_of(data, "url", "$bytes")
    if data is None:
        return sent
    return media(data, first_of(sent, "mediaType", "mimeType", "mime_type", "media_type"), modality)


def _blob(sent: Part) -> Part:
    """OpenTelemetry's blob; pydantic-ai's older ``binary``."""
    if sent.get("content") is None and "sha256" in sent:
        return sent
    modality = sent.get("modality")
    mime_type = first_of(sent, "mime_type", "media_type")
    return blob(first_of(sent, "content", "data"), mime_type, modality if isinstance(modality, str) else None)


_OF_TYPE: dict[str, Callable[[Part], Part]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "summary_text": _text,
    "refusal": _text,
    "reasoning": _reasoning,
    "thinking": _reasoning,
    "redacted_thinking": _hidden_reasoning,
    "tool_call": _tool_call,
    "tool-call": _tool_call,
    "tool_use": _tool_call,
    "function": _tool_call,
    "function_call": _tool_call,
    "tool_call_response": _response,
    "tool_result": _tool_result,
    "tool-result": _tool_result,
    "function_call_output": _tool_result,
    "image_url": _image_url,
    "input_image": _image_url,
    "image-url": _image_url,
    "image": _image,
    "audio": _image,
    "video": _image,
    "document": _image,
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
    "blob": _blob,
    "binary": _blob,
    "json": lambda sent: sent,
}
