"""The stand-in's models, and its answers to ``/api/chat``, ``/api/show`` and ``/api/pull``."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from argus_lab.testing.answers import (
    Answer,
    FakeModel,
    Prompt,
    last_line,
    line,
    prompt_of,
    reply_of,
)
from argus_lab.testing.http_edge import Breaks, Lines, Whole

__all__ = ["Api", "Received", "tagged"]

LAYERS = 8
"""Steps in which a pull gets its bytes."""
LOOKS_EVERY_S = 0.005
FOREVER = "2318-03-01T00:00:00Z"


@dataclass(slots=True)
class Received:
    """A request that came, and how it ended.

    Attributes
    ----------
    sent
        Lines that were sent.
    was_cancelled
        The client closed the connection before the end.
    is_over
        Nothing more is sent.
    """

    path: str
    body: dict[str, Any] = field(default_factory=dict)
    sent: int = 0
    was_cancelled: bool = False
    is_over: bool = False


def tagged(name: str) -> str:
    """A model's name with its tag, which is ``latest`` where none is given."""
    return name if ":" in name else f"{name}:latest"


class Api:
    """What the stand-in holds: installed models, those in memory, how far pulls are."""

    def __init__(
        self,
        models: Mapping[str, FakeModel],
        registry: Mapping[str, FakeModel],
        answer: Callable[[Mapping[str, Any]], Answer],
    ) -> None:
        self.models, self.registry = dict(models), dict(registry)
        self.in_memory: dict[str, int] = {}
        self.pulled: dict[str, int] = {}
        self.pull_s = 0.0
        self._answer = answer

    def tags(self) -> dict[str, Any]:
        """``/api/tags``."""
        return {"models": [self._tag(name) for name in self.models]}

    def loaded(self) -> dict[str, Any]:
        """``/api/ps``."""
        return {
            "models": [
                self._tag(name) | {"expires_at": FOREVER, "size_vram": 0, "context_length": context}
                for name, context in self.in_memory.items()
                if name in self.models
            ]
        }

    def _tag(self, name: str) -> dict[str, Any]:
        model = self.models[name]
        digest = hashlib.sha256(name.encode()).hexdigest()
        return {
            "name": name,
            "model": name,
            "modified_at": "2026-03-01T12:00:00.000000000Z",
            "size": model.size,
            "digest": digest,
            "details": {"parent_model": "", **model.details()},
            "capabilities": list(model.capabilities),
        }

    async def post(self, path: str, received: Received) -> Whole | Lines:
        """The answer to a request with a body."""
        name = received.body.get("model") or received.body.get("name") or ""
        if path == "/api/pull":
            return self._stream(self._pull(tagged(name), received), received)
        model = self.models.get(tagged(name))
        if model is None:
            return Whole({"error": f"model '{name}' not found"}, 404)
        if path == "/api/show":
            return Whole(_shown(model))
        return await self._chat(model, received)

    async def _chat(self, model: FakeModel, received: Received) -> Whole | Lines:
        body = received.body
        refusal = _refusal(model, body)
        if refusal:
            received.is_over = True
            return Whole({"error": refusal}, 400)
        prompt = prompt_of(body, model)
        if not body.get("messages"):
            received.is_over = True
            return Whole(await self._load_only(model, body, prompt))
        if body.get("truncate") is False and prompt.tokens >= prompt.context:
            received.is_over = True
            return Whole({"error": "the input length exceeds the context length"}, 400)
        answer = self._answer(body)
        if answer.status is not None:
            received.is_over = True
            return Whole({"error": answer.error}, answer.status)
        talk = self._talk(model, answer, prompt, received)
        return await _joined(talk, received) if body.get("stream") is False else self._stream(talk, received)

    def _stream(self, lines: AsyncIterator[Mapping[str, Any]], received: Received) -> Lines:
        def left() -> None:
            received.was_cancelled = received.is_over = True

        return Lines(lines, left)

    async def _load_only(self, model: FakeModel, body: Mapping[str, Any], prompt: Prompt) -> dict[str, Any]:
        if body.get("keep_alive") == 0:
            self.in_memory.pop(tagged(model.name), None)
            return last_line(body["model"], "unload")
        return last_line(body["model"], "load", load_duration=await self._load(model, prompt))

    async def _load(self, model: FakeModel, prompt: Prompt) -> int:
        """Bring the model into memory; the nanoseconds it took."""
        began = time.perf_counter_ns()
        if self.in_memory.get(tagged(model.name)) != prompt.context:
            await asyncio.sleep(model.load_s)
            self.in_memory[tagged(model.name)] = prompt.context
        return time.perf_counter_ns() - began

    async def _talk(
        self, model: FakeModel, answer: Answer, prompt: Prompt, received: Received
    ) -> AsyncIterator[Mapping[str, Any]]:
        name = received.body["model"]
        began = time.perf_counter_ns()
        load = await self._load(model, prompt)
        evaluated = time.perf_counter_ns()
        await asyncio.sleep(answer.first_s)
        reply = reply_of(answer, received.body, prompt)
        generating = time.perf_counter_ns()
        for index, message in enumerate(reply.messages):
            await _pause(answer, index)
            received.sent += 1
            yield line(name, message)
        received.is_over = True
        if answer.breaks:
            raise Breaks
        received.sent += 1
        if answer.error:
            yield {"error": answer.error}
            return
        ended = time.perf_counter_ns()
        yield last_line(
            name,
            reply.reason,
            total_duration=ended - began,
            load_duration=load,
            prompt_eval_count=0 if answer.is_cached else prompt.kept,
            prompt_eval_duration=0 if answer.is_cached else generating - evaluated,
            eval_count=len(reply.messages),
            eval_duration=ended - generating,
        )

    async def _pull(self, name: str, received: Received) -> AsyncIterator[Mapping[str, Any]]:
        yield {"status": "pulling manifest"}
        model = self.registry.get(name) or self.models.get(name)
        if model is None:
            received.is_over = True
            yield {"error": "pull model manifest: file does not exist"}
            return
        digest = hashlib.sha256(name.encode()).hexdigest()
        status = {"status": f"pulling {digest[:12]}", "digest": f"sha256:{digest}", "total": model.size}
        yield status
        for part in range(self.pulled.get(name, 0), LAYERS):
            await asyncio.sleep(self.pull_s)
            self.pulled[name] = part + 1
            yield {**status, "completed": model.size * (part + 1) // LAYERS}
        self.models[name] = model
        received.is_over = True
        for words in ("verifying sha256 digest", "writing manifest", "success"):
            yield {"status": words}


async def _pause(answer: Answer, index: int) -> None:
    """What comes before a piece: some time, or something that another thread has to do first."""
    if seconds := (answer.pauses or {}).get(index, answer.piece_s if index else 0.0):
        await asyncio.sleep(seconds)
    held = (answer.held or {}).get(index)
    # No thread waits for it: that one would go on waiting after the client has left.
    while held is not None and not held.is_set():  # noqa: ASYNC110  it is set in another thread
        await asyncio.sleep(LOOKS_EVERY_S)


def _refusal(model: FakeModel, body: Mapping[str, Any]) -> str:
    """Why Ollama would not even try."""
    wanted = {
        "chat": "completion",
        "tools": "tools" if body.get("tools") else "",
        "thinking": "thinking" if body.get("think") else "",
    }
    for what, capability in wanted.items():
        if capability and capability not in model.capabilities:
            name = f"registry.ollama.ai/library/{tagged(model.name)}" if what == "tools" else body["model"]
            quoted = name if what == "tools" else f'"{name}"'
            return f"{quoted} does not support {what}"
    return ""


def _shown(model: FakeModel) -> dict[str, Any]:
    return {
        "license": "",
        "modelfile": f"FROM {model.name}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": model.details(),
        "model_info": {
            "general.architecture": model.family,
            f"{model.family}.context_length": model.context,
        },
        "capabilities": list(model.capabilities),
    }


async def _joined(lines: AsyncIterator[Mapping[str, Any]], received: Received) -> Whole:
    """The answer to ``"stream": false``: one object with the whole message."""
    said: dict[str, Any] = {"role": "assistant", "content": ""}
    final: dict[str, Any] = {}
    try:
        async for each in lines:
            if "error" in each:
                return Whole(each, 500)
            for name, value in each["message"].items():
                said[name] = value if name == "role" else said.get(name, type(value)()) + value
            final = dict(each)
    except Breaks:
        return Whole({"error": "model runner has unexpectedly stopped"}, 500)
    received.sent = 1
    return Whole({**final, "message": said})
