"""The messages between a chat client and the receiver, ``argus-chat.v1``: one definition for both ends.

Every message is one WebSocket text frame that holds one JSON object; ``type`` says which it is. Unknown
fields are ignored, fields that hold their default may be left out. One ``chat`` is one call of a model:
the loop that runs tools and asks again is the client's. docs/reference/chat-protocol.md tells it in words.

>>> encoded(Delta("a1", 2, content="Hel"))
'{"type":"delta","id":"a1","seq":2,"content":"Hel"}'
>>> decoded_event('{"type": "error", "id": "a1", "seq": 3, "code": "stopped", "message": "Stopped."}').code
'stopped'
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

__all__ = [
    "SUBPROTOCOL",
    "Cancel",
    "Chat",
    "Delta",
    "Done",
    "Error",
    "Event",
    "Message",
    "Model",
    "ModelList",
    "Models",
    "Notice",
    "Progress",
    "Pull",
    "Request",
    "Resume",
    "Started",
    "Timings",
    "ToolCall",
    "Usage",
    "decoded_event",
    "decoded_request",
    "encoded",
]

SUBPROTOCOL = "argus-chat.v1"
"""What both ends name in ``Sec-WebSocket-Protocol``; a change that old clients cannot read makes it v2."""


class _Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a message."""


class _Tagged(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """A message."""


class ToolCall(_Part, frozen=True):
    """A call of a tool that a model asks for. ``id`` is unique in the conversation."""

    name: str
    arguments: dict[str, Any] = {}
    id: str = ""


class Message(_Part, frozen=True):
    """A message of the conversation, as the model reads it. Roles: system, user, assistant, tool."""

    role: str
    content: str = ""
    thinking: str = ""
    images: tuple[str, ...] = ()
    """Base64, without a ``data:`` prefix."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""


class Usage(_Part, frozen=True):
    """Tokens as Ollama counted them; None where it told nothing, which a fully cached prompt does."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class Timings(_Part, frozen=True):
    """Milliseconds of one call: as the server saw it, and as Ollama says."""

    first_token_ms: float | None = None
    """From the request to the first piece of thinking, text or tool call."""
    total_ms: float | None = None
    longest_gap_ms: float | None = None
    """The longest silence between two pieces."""
    load_ms: float | None = None
    prompt_ms: float | None = None
    generation_ms: float | None = None

    def tokens_a_second(self, usage: Usage) -> float | None:
        """Tokens that were made, by the time that making them took.

        >>> Timings(generation_ms=500.0).tokens_a_second(Usage(output_tokens=40))
        80.0
        """
        if not self.generation_ms or usage.output_tokens is None:
            return None
        return usage.output_tokens / (self.generation_ms / 1000)


class Notice(_Part, frozen=True):
    """Something to know about an answer that came: what, and the cure."""

    code: str
    message: str
    cure: str = ""


class Model(_Part, frozen=True):
    """A model that is installed."""

    name: str
    size: int | None = None
    """Bytes on disk."""
    family: str = ""
    parameters: str = ""
    quantization: str = ""
    is_loaded: bool = False
    capabilities: tuple[str, ...] = ()
    """Such as completion, tools, thinking, vision; empty where Ollama does not say."""


# --- client to server --------------------------------------------------------------------------


class Chat(_Tagged, frozen=True, tag="chat"):
    """Call a model. ``id`` names the call in all that follows: new for each, at most 64 characters."""

    id: str
    model: str
    messages: tuple[Message, ...] = ()
    options: dict[str, Any] = {}
    """Ollama's: temperature, top_p, seed, num_ctx, num_predict, ..."""
    tools: tuple[dict[str, Any], ...] = ()
    """Ollama's: ``{"type": "function", "function": {"name", "description", "parameters"}}``."""
    think: bool | str | None = None
    format: str | dict[str, Any] | None = None
    """``"json"`` or a JSON schema."""
    keep_alive: str | float | None = None
    truncate: bool | None = None
    """False: a prompt that is too long is an error, instead of being cut without a word."""
    traceparent: str = ""
    """W3C trace context: the server's spans are children of this one."""
    tracestate: str = ""
    project: str = ""
    service: str = ""
    session: str = ""


class Cancel(_Tagged, frozen=True, tag="cancel"):
    """Stop the call or the pull: the request to Ollama is closed."""

    id: str


class Resume(_Tagged, frozen=True, tag="resume"):
    """After a drop, on a new socket: send what came after the message numbered ``after``."""

    id: str
    after: int = 0


class Models(_Tagged, frozen=True, tag="models"):
    """Ask which models are installed."""

    id: str


class Pull(_Tagged, frozen=True, tag="pull"):
    """Have Ollama download a model."""

    id: str
    model: str


Request: TypeAlias = Chat | Cancel | Resume | Models | Pull


# --- server to client --------------------------------------------------------------------------


class Started(_Tagged, frozen=True, tag="started"):
    """The call was taken; ``seq`` is 1. ``traceparent`` is of the span of the model's call."""

    id: str
    seq: int
    traceparent: str = ""


class Delta(_Tagged, frozen=True, tag="delta"):
    """A piece of the answer."""

    id: str
    seq: int
    content: str = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


class Done(_Tagged, frozen=True, tag="done"):
    """The answer is complete; the last message about this id.

    ``reason`` is Ollama's: ``stop``, ``length``, ``load``; or ``cancelled``, if it was asked to stop.
    """

    id: str
    seq: int
    reason: str = ""
    model: str = ""
    usage: Usage = Usage()
    timings: Timings = Timings()
    notices: tuple[Notice, ...] = ()


class Error(_Tagged, frozen=True, tag="error"):
    """It failed; the last message about this id. What came before stays valid, and the socket open.

    ``id`` is empty if the failure belongs to no request that could be read, and ``seq`` is 0 if it does not
    belong to a running call.
    """

    id: str
    seq: int
    code: str
    message: str
    cure: str = ""


class ModelList(_Tagged, frozen=True, tag="model_list"):
    """The models that are installed, by name."""

    id: str
    models: tuple[Model, ...] = ()


class Progress(_Tagged, frozen=True, tag="pull_progress"):
    """How far a pull is, in Ollama's words; ``success`` is the last. Only changes are sent."""

    id: str
    seq: int
    status: str
    completed: int | None = None
    total: int | None = None
    """Bytes of the layer that is being downloaded."""


Event: TypeAlias = Started | Delta | Done | Error | ModelList | Progress

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encoded(message: Request | Event) -> str:
    """A message as the text of its frame."""
    return _encoder.encode(message).decode()


def decoded_request(frame: str | bytes) -> Request:
    """What a client sent; ``msgspec.DecodeError`` says what is wrong with it, and where."""
    return _requests.decode(frame)


def decoded_event(frame: str | bytes) -> Event:
    """What the server sent."""
    return _events.decode(frame)
