"""A conversation without a screen: what a script, a test and the chat cell talk through.

It does its work in a thread of its own, so it streams while the caller's thread or event loop is busy, and
works the same in a script, in a test, and under the running loop of a notebook.

For who draws it:

- ``conversation.transcript`` is always the newest ``Transcript``, a value.
- ``conversation.watch(seen)`` has ``seen(transcript, entry)`` called after each entry, in the thread where it
  came, mostly the conversation's: hand it to your own and draw at your own pace. It gives back what ends it.
- ``conversation.start(text)`` never raises for what goes wrong on the way: it ends the turn as ``failed``,
  with ``turn.failure``. ``ask`` and ``await send`` raise it as ``al.ChatError``.
- ``conversation.setup`` may be set between turns: another model, other options.
- A turn's ``trace_id`` leads to its trace. ``conversation.flush()`` returns once its spans were sent;
  ``conversation.spans_of(trace_id)`` says how many spans of it to wait for in the lake.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import uuid4

from opentelemetry import context

from argus_lab import settings
from argus_lab.chat import background, failures
from argus_lab.chat.client import Client, Refused
from argus_lab.chat.images import Image, encoded_images
from argus_lab.chat.labels import labelled, tags_of
from argus_lab.chat.pulls import pulled
from argus_lab.chat.running import Running
from argus_lab.chat.setup import Place, Setup
from argus_lab.chat.telemetry import flushed, tracing_at
from argus_lab.chat.tools import tools_of
from argus_lab.chat.traces import TurnTrace
from argus_lab.chat.transcript import Asked, Cut, Ended, Entry, Transcript, Turn, after
from argus_lab.chat.turns import Labels, Outcome, TurnRun
from argus_lab.chat.wire import Delta, Model, Notice, Progress
from argus_lab.errors import ChatError, InvalidArgument
from argus_lab.notebook.endpoint import is_listening, target_of

__all__ = ["Conversation", "Image"]

CLOSES_WITHIN_S = 10.0

log = logging.getLogger("argus.chat")


class Conversation:
    """A conversation with a model, through a receiver; every turn of it is a trace.

    Parameters
    ----------
    setup
        The model, and what it is called with.
    place
        The receiver, and the labels of the spans.
    transcript
        What was said before, to go on with.
    """

    def __init__(
        self, setup: Setup, place: Place | None = None, transcript: Transcript | None = None
    ) -> None:
        self.setup, self.place = setup, place or Place()
        tools_of(setup.tools)  # what cannot be a tool is told at once
        before = transcript or Transcript()
        self.session = self.place.session or before.session or f"chat-{uuid4().hex[:12]}"
        self._transcript = Transcript(self.session, before.turns)
        urls = (self.place.url,) if self.place.url else settings.read(os.environ).receiver
        self._client = Client(urls)
        self._watchers: list[Callable[[Transcript, Entry], None]] = []
        self._lock = threading.RLock()
        self._running: tuple[Running, TurnRun] | None = None
        self._spans: dict[str, int] = {}
        self._told_system = ""
        self._pulls: set[str] = set()

    @property
    def transcript(self) -> Transcript:
        """What was said so far."""
        return self._transcript

    @property
    def url(self) -> str:
        """The receiver's address."""
        return self._client.url

    def watch(self, seen: Callable[[Transcript, Entry], None]) -> Callable[[], None]:
        """Have every entry told, with the transcript after it; the function given back ends that."""
        with self._lock:
            self._watchers.append(seen)
        return lambda: self._watchers.remove(seen) if seen in self._watchers else None

    def start(self, text: str, *, images: Sequence[Image] = ()) -> Running:
        """Say something, and go on at once: the answer can be watched, iterated, awaited and stopped."""
        return self._started(text, encoded_images(images), None)

    def ask(self, text: str, *, images: Sequence[Image] = ()) -> Turn:
        """Say something and wait for the answer, in a script or a notebook. Ctrl-C stops the model."""
        return self.start(text, images=images).result()

    async def send(self, text: str, *, images: Sequence[Image] = ()) -> Turn:
        """The same for ``await``; cancelling the task stops the model."""
        return await self.start(text, images=images)

    def stop(self) -> None:
        """Stop the answer that is on its way, if one is; what came of it stays."""
        running = self._running
        if running is not None:
            running[0].stop()

    def regenerate(self) -> Running:
        """Take the last answer back, and have the same question answered again."""
        if not self._transcript.turns:
            raise InvalidArgument("nothing was asked yet, so nothing can be answered again.")
        last = self._transcript.turns[-1]
        return self._started(last.text, last.images, len(self._transcript.turns) - 1)

    def edit(self, turn: int, text: str) -> Running:
        """Take back the turn with this index (negative: from the end) and all after it; say this instead."""
        turns = self._transcript.turns
        if not -len(turns) <= turn < len(turns):
            raise InvalidArgument(f"there is no turn {turn}: {len(turns)} so far.")
        return self._started(text, turns[turn].images, turn % len(turns))

    def models(self, timeout: float = 10.0) -> tuple[Model, ...]:
        """The installed models."""
        try:
            return background.run(self._client.models(), timeout)
        except Refused as error:
            raise _chat_error(error.notice) from error

    def pull(self, model: str, seen: Callable[[Progress], None] | None = None) -> None:
        """Have Ollama download a model; ``seen`` is told how far it is. Ctrl-C cancels."""
        id = uuid4().hex
        self._pulls.add(id)
        try:
            background.run(pulled(self._client, id, model, seen))
        except Refused as error:
            raise _chat_error(error.notice) from error
        finally:
            self._pulls.discard(id)

    def stop_pull(self) -> None:
        """Stop downloading; Ollama keeps what it has, and pulling again goes on."""
        for id in tuple(self._pulls):
            background.submit(self._client.cancel(id))

    def spans_of(self, trace_id: str) -> int | None:
        """How many spans the turn's trace has once all have arrived; None while it runs."""
        return self._spans.get(trace_id)

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what spans there are; false if that takes longer, or nobody takes them."""
        return flushed(self.url, timeout)

    def close(self) -> None:
        """Stop what runs, send its spans, and close the connection."""
        running = self._running
        if running is not None:
            running[0].stop()
            with suppress(TimeoutError):  # a tool that does not end is left to itself
                running[0].future.result(CLOSES_WITHIN_S)
        self.stop_pull()
        background.run(self._client.close(), CLOSES_WITHIN_S)
        self.flush(CLOSES_WITHIN_S)

    def _started(self, text: str, images: tuple[str, ...], cut: int | None) -> Running:
        with self._lock:
            if self._running is not None:
                raise InvalidArgument("an answer is on its way; wait for it, or stop it first: .stop()")
            if cut is not None:
                self._tell(Cut(cut))
            project, service = labelled(self.place, os.environ)
            tracer = tracing_at(self._receiver()).tracer(project, service)
            tags = {"argus.chat.turn": len(self._transcript.turns), **tags_of(self.place, os.environ)}
            trace = TurnTrace(tracer, self.session, text, tags, context.get_current())
            labels = Labels(project, service, self.session)
            run = TurnRun(self._client, self.setup, labels, trace, self._tell)
            asked = Asked(uuid4().hex, text, images, trace.trace_id)
            running = Running(asked.turn, lambda: self._turn(asked.turn), lambda why: _stop(run, why))
            self._running = (running, run)
            self._tell_system(trace)
            transcript = self._tell(asked)
        background.submit(self._run(running, run, trace, transcript))
        return running

    async def _run(self, running: Running, run: TurnRun, trace: TurnTrace, transcript: Transcript) -> None:
        forget = self.watch(lambda _, entry: _pass_piece(running, entry))
        try:
            outcome = await run.run(transcript)
        except Exception as error:
            log.exception("a turn ended unexpectedly")
            outcome = Outcome(failure=failures.unexpected(type(error).__name__))
        except asyncio.CancelledError:
            outcome = Outcome(is_stopped=True)
        trace.end(outcome.failure)
        if trace.trace_id:
            self._spans[trace.trace_id] = trace.count
        with self._lock:
            self._running = None
            self._tell(Ended(running.id, outcome.state, outcome.failure))
        forget()
        running.ended()

    def _receiver(self) -> str:
        """The address that will be used: of several, the first at which somebody listens."""
        for url in self._client.urls:
            if len(self._client.urls) > 1 and is_listening(target_of({}, url)):
                self._client.prefer(url)
                break
        return self.url

    def _tell_system(self, trace: TurnTrace) -> None:
        if self.setup.system and self.setup.system != self._told_system:
            trace.system(self.setup.system)
        self._told_system = self.setup.system

    def _turn(self, id: str) -> Turn:
        return next(turn for turn in reversed(self._transcript.turns) if turn.id == id)

    def _tell(self, entry: Entry) -> Transcript:
        with self._lock:
            self._transcript = after(self._transcript, entry)
            for seen in tuple(self._watchers):
                try:
                    seen(self._transcript, entry)
                except Exception:  # who draws may fail; the conversation goes on
                    log.exception("a watcher of the conversation failed")
            return self._transcript


def _stop(run: TurnRun, why: Notice | None) -> None:
    background.loop().call_soon_threadsafe(run.stop, why)


def _pass_piece(running: Running, entry: Entry) -> None:
    if isinstance(entry, Delta) and entry.content:
        running.heard(entry.content)


def _chat_error(notice: Notice) -> ChatError:
    return ChatError(f"{notice.message} {notice.cure}".strip(), notice.code)
