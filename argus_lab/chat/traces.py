"""The spans of one turn, at the kernel's end."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context

from argus_lab.chat import spans
from argus_lab.chat.tracing import ids_of, traceparent_of
from argus_lab.chat.wire import Notice, ToolCall

__all__ = ["ToolSpan", "TurnTrace"]

OF_A_CALL = 2
"""Spans that the receiver makes for each call of the model."""


class TurnTrace:
    """The turn's own span and those right below it.

    Parameters
    ----------
    tracer, session
        Whose spans they are.
    text
        What the user said.
    tags
        Further attributes of the turn's span.
    within
        The context in which the turn began: within a span, it is part of that span's trace.
    """

    def __init__(
        self, tracer: trace.Tracer, session: str, text: str, tags: Mapping[str, Any], within: Context
    ) -> None:
        self._tracer, self._session = tracer, session
        told = {**spans.step("user_message", session), **tags}
        self._span = tracer.start_span("chat turn", context=within, attributes=told)
        self._span.add_event("argus.input", spans.asked(text))
        self._context = trace.set_span_in_context(self._span, within)
        self._first_piece: int | None = None
        self.count = 1
        """Spans that this turn has made, here and at the receiver."""

    @property
    def trace_id(self) -> str:
        """In lowercase hex; empty if nothing is traced."""
        return ids_of(self._span)[0]

    @property
    def traceparent(self) -> str:
        """For the receiver, whose spans are below the turn's."""
        return traceparent_of(self._span)

    def system(self, text: str) -> None:
        """The system prompt, as a step of its own."""
        with_step = spans.step("system_prompt", self._session)
        span = self._tracer.start_span("system prompt", context=self._context, attributes=with_step)
        span.add_event("argus.input", spans.asked(text))
        span.end()
        self.count += 1

    def calling(self) -> None:
        """The model is about to be called."""
        self._first_piece = None

    def called(self) -> None:
        """The receiver has answered a call, and made its spans."""
        self.count += OF_A_CALL

    def piece(self) -> None:
        """A piece of an answer came."""
        if self._first_piece is None:
            self._first_piece = time.time_ns()

    def tool(self, call: ToolCall) -> ToolSpan:
        """A tool is about to be called."""
        told = spans.tool_attributes(call, self._session)
        span = self._tracer.start_span(f"execute_tool {call.name}", context=self._context, attributes=told)
        span.add_event("argus.input", spans.arguments(call))
        self.count += 1
        return ToolSpan(span, trace.set_span_in_context(span, self._context))

    def answered(self, text: str, reason: str) -> None:
        """The assistant's message, from its first piece to now; nothing if it said none."""
        if self._first_piece is None:
            return
        told = spans.step("assistant_message", self._session)
        span = self._tracer.start_span(
            "assistant message", context=self._context, attributes=told, start_time=self._first_piece
        )
        ends = {"stop_reason": reason} if reason else {}
        span.add_event("argus.output", {"text": text, **ends})
        span.end()
        self.count += 1

    def end(self, failure: Notice | None) -> None:
        """The turn is over."""
        if failure is not None:
            spans.fail(self._span, failure)
        self._span.end()


class ToolSpan:
    """The span of one call of a tool; ``context`` is for what the tool itself traces."""

    def __init__(self, span: trace.Span, context: Context) -> None:
        self._span, self.context = span, context
        self._began = time.perf_counter()

    def end(self, result: str, error: BaseException | None) -> float:
        """The tool answered, or raised; ``result`` is what the model is told. The milliseconds it took."""
        ms = 1000 * (time.perf_counter() - self._began)
        if result:
            self._span.add_event("argus.output", {"text": result})
        if error is not None:
            kind = type(error).__name__
            stack = "".join(traceback.format_exception(error))
            spans.fail(self._span, Notice(kind, str(error) or kind), stack)
        self._span.end()
        return ms
