"""One answer of a model: asked of Ollama, told to the client, traced."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, set_span_in_context

from argus_lab.chat import failures, spans
from argus_lab.chat.tracing import context_of, traceparent_of
from argus_lab.chat.wire import Started
from argus_server import metrics
from argus_server.chat.job import Job
from argus_server.chat.reading import Reading
from argus_server.chat.upstream import Failed

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from argus_lab.chat.wire import Chat, Done, Notice
    from argus_server.chat.upstream import Line, Upstream
    from argus_server.logs import Log

__all__ = ["Generation"]

ROOMY: Final = 1024
"""Tokens below which no context is full, whatever it is: nobody is asked how large it is then."""


class Generation(Job):
    """The answer to one ``chat`` message: a span of the receiver, within it one of the model's call."""

    kind = "chat"

    def __init__(self, chat: Chat, upstream: Upstream, tracer: Tracer, buffer: int, log: Log) -> None:
        super().__init__(chat.id, buffer, log)
        self._chat, self._upstream = chat, upstream
        self._reading = Reading(chat)
        parent = context_of(chat.traceparent, chat.tracestate)
        self._served = tracer.start_span(
            "/v1/chat", context=parent, kind=SpanKind.SERVER, attributes=_served_attributes(chat)
        )
        within = set_span_in_context(self._served, Context())
        told = spans.call_attributes(chat, upstream.address, upstream.port)
        self._call = tracer.start_span(
            f"chat {chat.model}", context=within, kind=SpanKind.CLIENT, attributes=told
        )
        spans.describe_prompt(self._call, chat)
        metrics.CHATS_RUNNING.inc()

    async def run(self) -> Done:
        """Ask, and pass on what comes."""
        await self.tell(Started("", 0, traceparent=traceparent_of(self._call)))
        await self._check_images()
        last: Line = {}
        async with aclosing(self._upstream.talk(self._chat)) as lines:
            async for line in lines:
                piece = self._reading.heard(line, 0)
                if piece is not None:
                    await self.tell(piece)
                if line.get("done"):
                    last = line
        done = self._reading.ended(last, await self._context(last))
        self._end(done, None)
        return done

    def stopped(self, why: Notice | None) -> Done:
        """The client asked for it, or is gone."""
        done = self._reading.cancelled()
        self._end(done, why)
        return done

    def failed(self, why: Notice) -> None:
        """Ollama, or we."""
        self._end(self._reading.cancelled(), why)

    def _end(self, done: Done, failure: Notice | None) -> None:
        said = self._reading.said
        if failure is None or said.content or said.thinking or said.tool_calls:
            spans.describe_answer(self._call, said, done if failure is None else None)
        spans.describe_stream(self._call, self._reading.times, said, self._reading.thinking_chunks)
        if self._reading.is_cut:
            self._call.set_attribute("argus.stream.is_cut", value=True)
        if self.paused_s > PAUSE_S:
            self._call.set_attribute("argus.stream.paused_ms", round(1000 * self.paused_s, 1))
        if failure is not None:
            spans.fail(self._call, failure)
            spans.fail(self._served, failure)
        now = time.time_ns()
        self._call.end(now)
        self._served.end(now)
        metrics.CHATS_RUNNING.dec()
        metrics.CHATS.labels(failure.code if failure is not None else done.reason or "done").inc()

    async def _check_images(self) -> None:
        """Refuse images that a model cannot see; Ollama answers as if they were not there."""
        if any(message.images for message in self._chat.messages):
            able = await self._upstream.capabilities(self._chat.model)
            if able and "vision" not in able:
                raise Failed(failures.unsupported(f'"{self._chat.model}" does not support images'))

    async def _context(self, last: Line) -> int | None:
        """The size of the context, where it matters and can be known."""
        given = self._chat.options.get("num_ctx")
        if isinstance(given, int):
            return given
        tokens = (last.get("prompt_eval_count") or 0) + (last.get("eval_count") or 0)
        if tokens < ROOMY and last.get("done_reason") != "length":
            return None
        try:
            return await self._upstream.context_of(self._chat.model)
        except Failed:
            return None  # the answer is there; only a notice depends on this


PAUSE_S: Final = 0.001
"""Waiting for room shorter than this is none."""


def _served_attributes(chat: Chat) -> dict[str, str]:
    told = {"url.path": "/v1/chat", "network.protocol.name": "websocket", "argus.chat.id": chat.id}
    from_client = {"gen_ai.conversation.id": chat.session, "argus.chat.service": chat.service}
    return told | {name: value for name, value in from_client.items() if value}
