"""What a stand-in for Ollama answers: the models it has, and an answer as the lines of Ollama's stream."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

__all__ = ["Answer", "FakeModel", "Prompt", "Reply", "last_line", "line", "pieces", "prompt_of", "reply_of"]

CONTEXT = 4096
CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, kw_only=True)
class FakeModel:
    """A model that is installed, or that can be pulled.

    Attributes
    ----------
    capabilities
        Of completion, tools, thinking, vision; a request for what is not there is refused, as Ollama does.
    context
        Tokens of context where a request names no ``num_ctx``.
    load_s
        Seconds that its first call takes longer.
    size
        Bytes; a pull downloads so many.
    """

    name: str = "llama3.2:latest"
    capabilities: tuple[str, ...] = ("completion", "tools")
    context: int = CONTEXT
    load_s: float = 0.0
    size: int = 2_019_393_189
    family: str = "llama"
    parameters: str = "3.2B"
    quantization: str = "Q4_K_M"

    def details(self) -> dict[str, Any]:
        """What ``/api/tags`` and ``/api/show`` say of it."""
        return {
            "format": "gguf",
            "family": self.family,
            "families": [self.family],
            "parameter_size": self.parameters,
            "quantization_level": self.quantization,
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of the stand-in, and how it comes.

    Attributes
    ----------
    content, thinking
        Text, which is split into pieces as tokens would be; or the pieces.
    tool_calls
        Each ``{"name": ..., "arguments": {...}}``, with an ``"id"`` if you like; each comes whole, in a line.
    reason
        Why it ended; ``length`` comes by itself where ``num_predict`` or the context ends it.
    first_s, piece_s
        Seconds before the first piece, and before each further one.
    pauses
        Seconds before single pieces, by index: a stall.
    held
        What must be set before single pieces, by index: whoever asks decides when the answer goes on.
    status, error
        With a status: this is the whole answer, before the first byte. With an error alone: the last line,
        after the pieces, with status 200.
    breaks
        The connection closes after the pieces, with no last line, as when the model's process dies.
    is_cached
        The prompt was in the cache: no ``prompt_eval_count``.
    """

    content: str | Sequence[str] = ""
    thinking: str | Sequence[str] = ""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    reason: str = "stop"
    first_s: float = 0.0
    piece_s: float = 0.0
    pauses: Mapping[int, float] | None = None
    held: Mapping[int, Event] | None = None
    status: int | None = None
    error: str = ""
    breaks: bool = False
    is_cached: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request's prompt, measured, and cut as Ollama cuts it."""

    tokens: int
    kept: int
    context: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The pieces that are sent, and the reason they end."""

    messages: list[dict[str, Any]]
    reason: str


def pieces(text: str | Sequence[str]) -> list[str]:
    """Text as tokens would come: words with the space before them.

    >>> pieces("Hello, you there.")
    ['Hello,', ' you', ' there.']
    """
    return re.findall(r"\s*\S+|\s+$", text) if isinstance(text, str) else list(text)


def prompt_of(body: Mapping[str, Any], model: FakeModel) -> Prompt:
    """How long a request's prompt is, and what fits: the oldest messages go first, but never the system's.

    Characters are counted, four to a token: near enough to English, and the same at every run.
    """
    context = int((body.get("options") or {}).get("num_ctx") or model.context)
    sizes = [
        math.ceil(len(one.get("content") or "") / CHARACTERS_A_TOKEN) + 4
        for one in body.get("messages") or ()
    ]
    system = [one.get("role") == "system" for one in body.get("messages") or ()]
    kept = sum(sizes)
    for size, is_system in list(zip(sizes, system, strict=True))[:-1]:
        if kept >= context and not is_system:
            kept -= size
    return Prompt(sum(sizes), min(kept, context - 1), context)


def reply_of(answer: Answer, body: Mapping[str, Any], prompt: Prompt) -> Reply:
    """The messages of the stream, thinking first, cut where ``num_predict`` or the context ends it."""
    options = body.get("options") or {}
    messages = list(_messages(answer))
    most = int(options.get("num_predict") or -1)
    room = prompt.context - prompt.kept
    cap = min(most, room) if most >= 0 else room
    if len(messages) > cap:
        return Reply(messages[:cap], "length")
    return Reply(messages, answer.reason)


def _messages(answer: Answer) -> Iterator[dict[str, Any]]:
    for piece in pieces(answer.thinking):
        yield {"role": "assistant", "content": "", "thinking": piece}
    for piece in pieces(answer.content):
        yield {"role": "assistant", "content": piece}
    for index, call in enumerate(answer.tool_calls):
        function = {"index": index, "name": call["name"], "arguments": dict(call.get("arguments") or {})}
        made: dict[str, Any] = {"id": call["id"]} if "id" in call else {}
        yield {"role": "assistant", "content": "", "tool_calls": [{**made, "function": function}]}


def line(model: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the stream."""
    return {"model": model, "created_at": _now(), "message": dict(message), "done": False}


def last_line(model: str, reason: str, **final: int) -> dict[str, Any]:
    """The last line; fields that are zero are left out, as Go's ``omitempty`` does."""
    message = {"role": "assistant", "content": ""}
    told = {name: value for name, value in final.items() if value}
    head = {"model": model, "created_at": _now(), "message": message, "done_reason": reason, "done": True}
    return head | told


def _now() -> str:
    # Ollama writes nanoseconds; Python's clock has microseconds.
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
