"""A conversation without a screen: what a script, a test and the chat cell talk through.

It does its work in a thread of its own, so it streams while the caller's thread or event loop is busy, and
works the same in a script, in a test, and under the running loop of a notebook.

For who draws it:

- ``conversation.transcript`` is always the newest ``Transcript``, a value.
- ``conversation.watch(seen)`` has ``seen(transcript, entry)`` called after each entry, in the
  conversation's thread: hand it to your own and draw at your own pace. It gives back what ends it.
- ``conversation.start(text)`` never raises for what goes wrong on the way: it ends the turn as
  ``failed``, with ``turn.failure``. ``ask`` and ``await send`` raise it as ``al.ChatError``.
- ``conversation.setup`` may be set between turns: another model, other options.
- A turn's ``trace_id`` leads to its trace. ``conversation.flush()`` returns once its spans were sent;
  ``conversation.spans_of(trace_id)`` says how many spans of it to wait for in the lake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from argus_lab.chat.setup import Place, Setup
from argus_lab.chat.transcript import Entry, Transcript, Turn

if TYPE_CHECKING:
    from pathlib import Path

    from argus_lab.chat.running import Running
    from argus_lab.chat.wire import Model, Progress

    Image = str | bytes | Path
    Watcher = Callable[[Transcript, Entry], None]

__all__ = ["Conversation"]


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

    setup: Setup
    place: Place
    session: str
    url: str

    def __init__(
        self, setup: Setup, place: Place | None = None, transcript: Transcript | None = None
    ) -> None:
        raise NotImplementedError

    @property
    def transcript(self) -> Transcript:
        """What was said so far."""
        raise NotImplementedError

    def watch(self, seen: Watcher) -> Callable[[], None]:
        """Have every entry told, with the transcript after it; the function given back ends that."""
        raise NotImplementedError

    def start(self, text: str, *, images: Sequence[Image] = ()) -> Running:
        """Say something, and go on at once: the answer can be watched, iterated, awaited and stopped."""
        raise NotImplementedError

    def ask(self, text: str, *, images: Sequence[Image] = ()) -> Turn:
        """Say something and wait for the answer, in a script or a notebook. Ctrl-C stops the model."""
        raise NotImplementedError

    async def send(self, text: str, *, images: Sequence[Image] = ()) -> Turn:
        """The same for ``await``; cancelling the task stops the model."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the answer that is on its way, if one is; what came of it stays."""
        raise NotImplementedError

    def regenerate(self) -> Running:
        """Take the last answer back, and have the same question answered again."""
        raise NotImplementedError

    def edit(self, turn: int, text: str) -> Running:
        """Take back the turn with this index (negative: from the end) and all after it; say this instead."""
        raise NotImplementedError

    def models(self, timeout: float = 10.0) -> tuple[Model, ...]:
        """The installed models."""
        raise NotImplementedError

    def pull(self, model: str, seen: Callable[[Progress], None] | None = None) -> None:
        """Have Ollama download a model; ``seen`` is told how far it is. Ctrl-C cancels."""
        raise NotImplementedError

    def spans_of(self, trace_id: str) -> int | None:
        """How many spans the turn's trace has once all have arrived; None while it runs."""
        raise NotImplementedError

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what spans there are; false if that takes longer, or nobody takes them."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop what runs, send its spans, and close the connection."""
        raise NotImplementedError
