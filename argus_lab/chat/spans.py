"""What the spans of a turn say: attributes and events, in GenAI names and the Argus convention.

A turn is one trace::

    chat turn                      kernel    user_message
    ├── system prompt              kernel    system_prompt       where it is new or changed
    ├── /v1/chat                   receiver  (kind SERVER)       one a call of the model
    │   └── chat llama3.2          receiver  llm_call
    ├── execute_tool weather       kernel    tool_call
    ├── /v1/chat
    │   └── chat llama3.2
    └── assistant message          kernel    assistant_message   from its first piece to its last
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from opentelemetry.trace import Span, Status, StatusCode

from argus_lab.chat.chunks import ChunkTimes
from argus_lab.chat.wire import Chat, Done, Message, Notice, ToolCall

__all__ = [
    "SCOPE",
    "arguments",
    "asked",
    "call_attributes",
    "describe_answer",
    "describe_prompt",
    "describe_stream",
    "fail",
    "step",
    "tool_attributes",
]

SCOPE = "argus_lab.chat"

Attributes: TypeAlias = dict[str, Any]

_OPTIONS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "seed": "gen_ai.request.seed",
    "num_predict": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "stop": "gen_ai.request.stop_sequences",
    "num_ctx": "argus.ollama.num_ctx",
}
"""Ollama's options and the attributes they are; others go into ``argus.ollama.options``, as JSON."""


def step(kind: str, session: str) -> Attributes:
    """What a step of a conversation says."""
    return {"argus.step.kind": kind, "gen_ai.conversation.id": session}


def asked(text: str) -> Attributes:
    """The attributes of an ``argus.input`` event with text."""
    return {"text": text}


def arguments(call: ToolCall) -> Attributes:
    """The attributes of an ``argus.input`` event with a tool's arguments."""
    return {"arguments": _json(call.arguments)}


def call_attributes(chat: Chat, address: str, port: int) -> Attributes:
    """A call of a model, when it begins."""
    known = {name: chat.options[key] for key, name in _OPTIONS.items() if _is_plain(chat.options.get(key))}
    other = {key: value for key, value in chat.options.items() if key not in _OPTIONS}
    found: Attributes = {
        "argus.step.kind": "llm_call",
        "argus.component.type": "llm",
        "argus.component.name": chat.model,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": chat.model,
        "gen_ai.request.stream": True,
        "server.address": address,
        "server.port": port,
        **known,
    }
    if chat.session:
        found["gen_ai.conversation.id"] = chat.session
    if chat.format is not None:
        found["gen_ai.output.type"] = "json"
    if chat.think is not None:
        found["argus.ollama.think"] = chat.think
    if other:
        found["argus.ollama.options"] = _json(other)
    return found


def describe_prompt(span: Span, chat: Chat) -> None:
    """The prompt, as the event ``argus.input``: messages, the system's prompt, the tools."""
    system = "\n".join(one.content for one in chat.messages if one.role == "system")
    told: Attributes = {"messages": _json([_spoken(one) for one in chat.messages])}
    if system:
        told["system_prompt"] = system
    if chat.tools:
        told["tools"] = _json(chat.tools)
    span.add_event("argus.input", told)


def describe_answer(span: Span, said: Message, done: Done | None) -> None:
    """The answer, or what came of it, as the event ``argus.output``; what Ollama counted and timed."""
    ends = {"finish_reason": done.reason} if done is not None and done.reason else {}
    told: Attributes = {"messages": _json([_spoken(said) | ends])}
    told |= {"text": said.content} if said.content else {}
    span.add_event("argus.output", told | ({"stop_reason": ends["finish_reason"]} if ends else {}))
    if done is None:
        return
    timings = done.timings
    found = {
        "gen_ai.response.model": done.model or None,
        "gen_ai.response.finish_reasons": [done.reason] if done.reason else None,
        "gen_ai.usage.input_tokens": done.usage.input_tokens,
        "gen_ai.usage.output_tokens": done.usage.output_tokens,
        "argus.ollama.load_ms": timings.load_ms,
        "argus.ollama.prompt_ms": timings.prompt_ms,
        "argus.ollama.generation_ms": timings.generation_ms,
        "argus.chat.notices": [notice.code for notice in done.notices] or None,
    }
    span.set_attributes({name: value for name, value in found.items() if value is not None})


def describe_stream(span: Span, times: ChunkTimes, said: Message, thinking_chunks: int) -> None:
    """When the pieces came. Ollama does not count the tokens of thinking apart, so its pieces are counted."""
    if times.first is None:
        return
    found: Attributes = {
        "gen_ai.response.time_to_first_chunk": times.first / 1000,
        "argus.stream.chunks": times.count,
        "argus.stream.chunk_gaps_ms": times.gaps,
    }
    if times.every > 1:
        found["argus.stream.chunks_a_gap"] = times.every
    if times.longest_gap is not None:
        found["argus.stream.longest_gap_ms"] = times.longest_gap
    if thinking_chunks:
        found["argus.stream.thinking_chunks"] = thinking_chunks
        found["argus.stream.thinking_characters"] = len(said.thinking)
    span.set_attributes(found)


def tool_attributes(call: ToolCall, session: str) -> Attributes:
    """A call of a tool."""
    return {
        **step("tool_call", session),
        "argus.component.type": "custom_tool",
        "argus.component.name": call.name,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.name,
        "gen_ai.tool.call.id": call.id,
        "gen_ai.tool.type": "function",
    }


def fail(span: Span, failure: Notice, stack: str = "") -> None:
    """Mark a span as failed: its status, ``error.type``, and the event ``argus.error``."""
    span.set_status(Status(StatusCode.ERROR, failure.message))
    span.set_attribute("error.type", failure.code)
    told = {"type": failure.code, "message": failure.message, "stack": stack, "cure": failure.cure}
    span.add_event("argus.error", {name: value for name, value in told.items() if value})


def _spoken(message: Message) -> Attributes:
    """A message in the form of ``gen_ai.input.messages``."""
    parts: list[Attributes] = []
    if message.thinking:
        parts.append({"type": "reasoning", "content": message.thinking})
    if message.role == "tool":
        answered = {"type": "tool_call_response", "response": message.content}
        parts.append(answered | ({"id": message.tool_call_id} if message.tool_call_id else {}))
    elif message.content:
        parts.append({"type": "text", "content": message.content})
    parts += [{"type": "blob", "modality": "image", "content": image} for image in message.images]
    parts += [
        {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    named = {"name": message.tool_name} if message.role == "tool" and message.tool_name else {}
    return {"role": message.role, "parts": parts, **named}


def _is_plain(value: Any) -> bool:
    """Whether it can be an attribute."""
    if isinstance(value, list | tuple):
        return all(isinstance(one, str) for one in value)
    return isinstance(value, str | int | float | bool)


def _json(value: Sequence[Any] | Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
