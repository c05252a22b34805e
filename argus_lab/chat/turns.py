"""One turn: the model is called, its tools are run, it is called again, until it has answered."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from opentelemetry import context

from argus_lab.chat import failures, wire
from argus_lab.chat.client import Client, Refused
from argus_lab.chat.prompts import messages
from argus_lab.chat.setup import MOST_TOKENS, Setup
from argus_lab.chat.tools import tools_of
from argus_lab.chat.traces import TurnTrace
from argus_lab.chat.transcript import Call, Entry, ToolResult, Transcript, TurnState
from argus_lab.errors import InvalidArgument

__all__ = ["Labels", "Outcome", "TurnRun"]

STOPS_WITHIN_S = 5.0
"""How long a stopped model may take to say so, before it is not waited for any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended."""

    is_stopped: bool = False
    failure: wire.Notice | None = None

    @property
    def state(self) -> TurnState:
        """As the transcript has it."""
        if self.is_stopped:
            return "stopped"
        return "failed" if self.failure is not None else "done"


@dataclass(frozen=True, slots=True)
class Labels:
    """Whose spans the receiver makes."""

    project: str
    service: str
    session: str


class TurnRun:
    """A turn while it runs, in the conversations' loop.

    Parameters
    ----------
    client
        The connection.
    setup
        What the model is called with.
    labels
        Whose spans they are.
    trace
        The turn's spans.
    tell
        Takes an entry; gives the transcript after it.
    """

    def __init__(
        self,
        client: Client,
        setup: Setup,
        labels: Labels,
        trace: TurnTrace,
        tell: Callable[[Entry], Transcript],
    ) -> None:
        self._client, self._setup, self._tools = client, setup, tools_of(setup.tools)
        self._labels, self._trace, self._tell = labels, trace, tell
        self._call_id = ""
        self._task: asyncio.Task[Any] | None = None
        self._stop: Outcome | None = None
        self._asked: set[asyncio.Task[None]] = set()

    async def run(self, transcript: Transcript) -> Outcome:
        """Run it to its end."""
        self._task = asyncio.current_task()
        try:
            if self._stop is not None:
                return self._stop
            return await self._rounds(transcript)
        except Refused as error:
            told = error.notice
            self._end_call(wire.Error(self._call_id, 0, told.code, told.message, told.cure))
            return Outcome(failure=error.notice)
        except asyncio.CancelledError:
            if self._stop is None:
                raise
            self._end_call(wire.Done(self._call_id, 0, reason="cancelled"))
            return self._stop

    def stop(self, why: wire.Notice | None) -> None:
        """End it: ask the model to stop and wait for its word, but not for long; end a tool at once."""
        if self._stop is not None:
            return
        self._stop = Outcome(is_stopped=True, failure=why)
        if self._task is None:
            return
        if self._call_id:
            asking = asyncio.ensure_future(self._client.cancel(self._call_id))
            self._asked.add(asking)
            asyncio.get_running_loop().call_later(STOPS_WITHIN_S, self._task.cancel)
        else:
            self._task.cancel()

    async def _rounds(self, transcript: Transcript) -> Outcome:
        for _ in range(self._setup.tool_rounds):
            call = await self._called(transcript)
            if call.failure is not None or call.state == "cancelled" or not call.tool_calls:
                self._trace.answered(call.content, call.reason)
            if call.failure is not None:
                return Outcome(failure=call.failure)
            if self._stop is not None or call.state == "cancelled":
                return self._stop or Outcome(is_stopped=True)
            if not call.tool_calls:
                return Outcome()
            for asked in call.tool_calls:
                transcript = await self._tool(call, asked)
        return Outcome(failure=failures.too_many_rounds(self._setup.tool_rounds))

    async def _called(self, transcript: Transcript) -> Call:
        """Call the model once; the call when it is over."""
        chat = self._chat(transcript)
        self._trace.calling()
        transcript = self._tell(chat)
        self._call_id = chat.id
        try:
            async with aclosing(self._client.events(chat)) as events:
                async for event in events:
                    if isinstance(event, wire.Delta) and event.content:
                        self._trace.piece()
                    if isinstance(event, wire.Done | wire.Error) and event.seq:
                        self._trace.called()
                    transcript = self._tell(event)
        finally:
            if transcript.turns[-1].calls[-1].is_over:
                self._call_id = ""
        return transcript.turns[-1].calls[-1]

    def _chat(self, transcript: Transcript) -> wire.Chat:
        setup = self._setup
        return wire.Chat(
            id=uuid4().hex,
            model=setup.model,
            messages=messages(transcript, setup.system),
            options={"num_predict": MOST_TOKENS, **setup.options},
            tools=tuple(tool.definition for tool in self._tools.values()),
            think=setup.think,
            format=dict(setup.format) if isinstance(setup.format, Mapping) else setup.format,
            keep_alive=setup.keep_alive,
            truncate=setup.truncate,
            traceparent=self._trace.traceparent,
            project=self._labels.project,
            service=self._labels.service,
            session=self._labels.session,
        )

    async def _tool(self, call: Call, asked: wire.ToolCall) -> Transcript:
        """Run a tool; what it raises is told to the model, and the turn goes on."""
        span = self._trace.tool(asked)
        error: BaseException | None = None
        content = ""
        try:
            content = await self._ran(asked, span.context)
        except asyncio.CancelledError as stopped:
            span.end("", stopped)
            raise
        except Exception as raised:  # noqa: BLE001  a user's function may raise anything
            error, content = raised, f"{type(raised).__name__}: {raised}"
        ms = span.end(content, error)
        result = ToolResult(
            call.id, asked.id, asked.name, content, is_error=error is not None, ms=round(ms, 3)
        )
        return self._tell(result)

    async def _ran(self, asked: wire.ToolCall, within: context.Context) -> str:
        tool = self._tools.get(asked.name)
        if tool is None:
            known = ", ".join(self._tools) or "none"
            raise InvalidArgument(f"there is no tool {asked.name!r}; there are: {known}")
        # What the tool traces itself belongs below its span. A context of its own has it as the current one,
        # so nothing has to be taken back afterwards.
        own = contextvars.copy_context()
        own.run(context.attach, within)
        return await asyncio.create_task(tool.run(asked.arguments), context=own)

    def _end_call(self, entry: wire.Done | wire.Error) -> None:
        if self._call_id:
            self._tell(entry)
