"""``al.Chat``: a conversation with a local model, in a notebook's cell or in a script."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from argus_lab.chat.conversation import Conversation
from argus_lab.chat.setup import Place, Setup
from argus_lab.chat.transcript import Transcript, Turn
from argus_lab.display.shown import Shown
from argus_lab.display.units import plural
from argus_lab.errors import InvalidArgument, NotFound
from argus_lab.widgets.cells import cells_of
from argus_lab.widgets.kept import conversation_shown
from argus_lab.widgets.traced import Traces

if TYPE_CHECKING:
    import pandas as pd

    from argus_lab.chat.conversation import Image
    from argus_lab.chat.running import Running
    from argus_lab.lake.lake import Lake
    from argus_lab.widgets.cell import Cell

__all__ = ["Chat"]

OPTIONS = (
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "typical_p",
        "seed",
        "stop",
        "num_ctx",
        "num_predict",
        "num_keep",
    }
    | {"repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty", "num_gpu", "main_gpu"}
    | {"num_batch", "num_thread", "use_mmap"}
)
"""Ollama's options that may be given by name; ``options={...}`` takes any."""
OF_SETUP = {field.name for field in fields(Setup)} - {"model", "tools", "options"}
OF_PLACE = {field.name for field in fields(Place)}


class Chat:
    """A conversation with a local model, through the receiver; every turn of it is a trace in the lake.

    The last line of a cell shows it there, to be talked with. Without a screen, ``ask`` and ``await send``
    say something and give the turn.

    Parameters
    ----------
    model
        A model of the local Ollama.
    tools
        Python functions that the model may have called. They run here, and each call is traced.
    lake
        The receiver's lake, to read traces from; by default what ``al.open()`` opens.
    options
        Ollama's options, such as ``{"mirostat": 1}``. The usual ones may also be given by name.
    given
        By name: ``system``, ``think``, ``format``, ``keep_alive``, ``truncate``, ``tool_rounds`` (see
        ``argus_lab.chat.setup.Setup``); ``url``, ``project``, ``service``, ``session``, ``tags`` (see
        ``Place`` there); ``temperature``, ``top_p``, ``seed``, ``num_ctx``, ``num_predict`` and others.

    Examples
    --------
    >>> import argus_lab as al
    >>> chat = al.Chat("llama3.2", system="Be brief.", temperature=0.2, project="my-bot")
    >>> chat
    Chat with llama3.2 · 0 turns
    >>> al.Chat("llama3.2", temprature=0.2)
    Traceback (most recent call last):
    argus_lab.errors.InvalidArgument: al.Chat knows no 'temprature'; did you mean 'temperature'? ...
    >>> chat.close()
    """

    def __init__(
        self,
        model: str = "llama3.2",
        *,
        tools: Sequence[Callable[..., Any]] = (),
        lake: Lake | str | os.PathLike[str] | None = None,
        options: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> None:
        _check(given)
        of_setup, of_place, named = (
            {name: value for name, value in given.items() if name in names}
            for names in (OF_SETUP, OF_PLACE, OPTIONS)
        )
        setup = Setup(model=model, tools=tuple(tools), options=dict(options or {}) | named, **of_setup)
        self.conversation = Conversation(setup, Place(**of_place))
        """What does the work; it knows no screen and no lake."""
        self._traces = Traces(self.conversation, lake)
        self._cell: Cell | None = None

    # --- to talk ---------------------------------------------------------------------------------

    def ask(self, text: str, *, images: Sequence[Image] = ()) -> Turn:
        """Say something and wait for the answer."""
        return self.conversation.ask(text, images=images)

    async def send(self, text: str, *, images: Sequence[Image] = ()) -> Turn:
        """The same for ``await``; cancelling the task stops the model."""
        return await self.conversation.send(text, images=images)

    def start(self, text: str, *, images: Sequence[Image] = ()) -> Running:
        """Say something and go on at once; iterate what is given back for the pieces of the answer."""
        return self.conversation.start(text, images=images)

    def stop(self) -> None:
        """Stop the answer that is on its way."""
        self.conversation.stop()

    def regenerate(self) -> Running:
        """Have the last question answered anew."""
        return self.conversation.regenerate()

    def edit(self, turn: int, text: str) -> Running:
        """Say something else instead in the turn with this index; what came after it is taken back."""
        return self.conversation.edit(turn, text)

    def close(self) -> None:
        """Stop what runs, send its spans, close the connection."""
        self.conversation.close()
        if self._cell is not None:
            self._cell.close()

    # --- to look at ------------------------------------------------------------------------------

    @property
    def transcript(self) -> Transcript:
        """What was said so far: turns, their calls of the model, tools and results."""
        return self.conversation.transcript

    @property
    def session(self) -> str:
        """The conversation's id in the lake."""
        return self.conversation.session

    def trace(self, turn: int = -1) -> pd.DataFrame:
        """The spans of one turn's trace, all columns; ``al.show(chat.trace())`` shows it."""
        turns = self.transcript.turns
        try:
            trace_id = turns[turn].trace_id
        except IndexError:
            raise NotFound(f"there is no turn {turn}: {plural(len(turns), 'turn')} so far.") from None
        if not trace_id:
            raise NotFound(f"turn {turn} was not traced.")
        return self._traces.of_turn(trace_id)

    def spans(self) -> pd.DataFrame:
        """The spans of the whole conversation, all columns."""
        self._traces.arrived()
        return self._traces.lake.session(self.session)

    def messages(self) -> pd.DataFrame:
        """Every message that the models were sent and gave, as ``al.messages`` finds them in the spans."""
        self._traces.arrived()
        return self._traces.lake.messages(self.session)

    def show(self) -> Shown:
        """The conversation as a page that stays: static HTML, and plain text in a terminal."""
        return conversation_shown(self.transcript)

    def to_notebook_cells(self) -> list[dict[str, Any]]:
        """The conversation as cells for a notebook: what was said as Markdown, Python of the model as code.

        The code cells are not run. ``nbformat.v4.new_notebook(cells=...)`` makes a notebook of them.
        """
        return cells_of(self.transcript)

    def __repr__(self) -> str:
        return f"Chat with {self.conversation.setup.model} · {plural(len(self.transcript.turns), 'turn')}"

    def _ipython_display_(self) -> None:
        if self._cell is None:
            from argus_lab.widgets.cell import Cell

            self._cell = Cell(self.conversation, self._traces.page)
        self._cell.display()


def _check(given: Mapping[str, Any]) -> None:
    known = OF_SETUP | OF_PLACE | OPTIONS
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]!r}" if near else ""
            raise InvalidArgument(
                f"al.Chat knows no {name!r}{meant}? Other options of Ollama go into options={{...}}."
            )
