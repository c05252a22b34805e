"""Lines of Ollama's stream as messages of the wire, and what is measured on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from argus_lab.chat import failures
from argus_lab.chat.chunks import ChunkTimes
from argus_lab.chat.wire import Chat, Delta, Done, Message, Notice, Timings, ToolCall, Usage

__all__ = ["Reading"]

NS_A_MS = 1_000_000
MOST_KEPT = 4 * 1024 * 1024
"""Characters of an answer that are kept for its span, so that memory is bounded whatever a model says."""
NEAR = 0.95
"""Part of the context from which on it counts as full: the next question will not fit."""


class Reading:
    """What was heard of one answer so far."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._began = time.perf_counter()
        self._content: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[ToolCall] = []
        self.times = ChunkTimes()
        self.thinking_chunks = 0
        self._size = 0

    @property
    def is_cut(self) -> bool:
        """Whether more was said than is kept for the span; the client got it all."""
        return self._size > MOST_KEPT

    @property
    def ms(self) -> float:
        """Milliseconds since the request."""
        return 1000 * (time.perf_counter() - self._began)

    @property
    def said(self) -> Message:
        """What the model said."""
        return Message(
            "assistant",
            "".join(self._content),
            thinking="".join(self._thinking),
            tool_calls=tuple(self._calls),
        )

    def heard(self, line: Mapping[str, Any], seq: int) -> Delta | None:
        """The piece that a line is, if it says something."""
        message = line.get("message") or {}
        content, thinking = _text(message.get("content")), _text(message.get("thinking"))
        calls = tuple(self._call(one) for one in message.get("tool_calls") or ())
        if not (content or thinking or calls):
            return None
        self.times.add(self.ms)
        self.thinking_chunks += bool(thinking)
        self._size += len(content) + len(thinking)
        if not self.is_cut:
            self._content.append(content)
            self._thinking.append(thinking)
        return Delta(self._chat.id, seq, content=content, thinking=thinking, tool_calls=calls)

    def _call(self, told: Mapping[str, Any]) -> ToolCall:
        function = told.get("function") or {}
        number = len(self._calls)
        made = ToolCall(
            name=_text(function.get("name")),
            arguments=_arguments(function.get("arguments")),
            id=str(told.get("id") or f"{self._chat.id}-{number}"),
        )
        self._calls.append(made)
        return made

    def ended(self, line: Mapping[str, Any], context: int | None) -> Done:
        """The last message; its number is set when it is sent."""
        usage = Usage(line.get("prompt_eval_count"), line.get("eval_count"))
        reason = str(line.get("done_reason") or "")
        return Done(
            self._chat.id,
            0,
            reason=reason,
            model=str(line.get("model") or self._chat.model),
            usage=usage,
            timings=self._timings(line),
            notices=_notices(reason, usage, self._chat.options.get("num_predict"), context),
        )

    def cancelled(self) -> Done:
        """The last message of an answer that was stopped; Ollama tells nothing then."""
        return Done(self._chat.id, 0, reason="cancelled", model=self._chat.model, timings=self._timings({}))

    def _timings(self, line: Mapping[str, Any]) -> Timings:
        return Timings(
            first_token_ms=_rounded(self.times.first),
            total_ms=_rounded(self.ms),
            longest_gap_ms=_rounded(self.times.longest_gap),
            load_ms=_ms(line.get("load_duration")),
            prompt_ms=_ms(line.get("prompt_eval_duration")),
            generation_ms=_ms(line.get("eval_duration")),
        )


def _text(told: Any) -> str:
    """Text that can be sent on: what is half a character in it is replaced."""
    text = str(told or "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _arguments(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        return {}
    found: dict[str, Any] = json.loads(_text(json.dumps(told, ensure_ascii=False)))
    return found


def _notices(reason: str, usage: Usage, cap: Any, context: int | None) -> tuple[Notice, ...]:
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    if context and tokens >= NEAR * context:
        return (failures.context_full(tokens, context),)
    if reason == "length" and isinstance(cap, int) and usage.output_tokens == cap:
        return (failures.capped(cap),)
    if reason == "length":
        return (failures.context_full(tokens, context or tokens),)
    return ()


def _ms(nanoseconds: Any) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / NS_A_MS, 3)


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
