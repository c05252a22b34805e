"""The cell: a conversation in the browser, told of what changes, asked for what the reader wants."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from argus_lab.display.markup import Html, element
from argus_lab.display.page import note
from argus_lab.errors import ArgusError, InvalidArgument
from argus_lab.widgets.drawn import Drawn
from argus_lab.widgets.kept import kept_copy
from argus_lab.widgets.knobs import KNOBS, knob, rows, shown, value_of
from argus_lab.widgets.model import ChatWidget
from argus_lab.widgets.offer import Offer, called
from argus_lab.widgets.pace import Pace
from argus_lab.widgets.views import doing

if TYPE_CHECKING:
    from argus_lab.chat.conversation import Conversation
    from argus_lab.chat.setup import Setup
    from argus_lab.chat.transcript import Entry, Transcript

__all__ = ["MOST_IMAGE_CHARS", "Cell"]

MOST_IMAGE_CHARS = 8_000_000
"""Base64 characters of all pictures of a message: Jupyter's own socket takes ten million bytes at once."""

OF_SETUP = {"system", "think"}
"""Knobs that are no options of the model."""


class Cell:
    """One conversation in as many outputs as it is shown in.

    Parameters
    ----------
    conversation
        What is shown. The cell reads its transcript and calls it; it knows nothing of the cell.
    traced
        The trace of a turn, by the turn's trace id, as HTML.
    """

    def __init__(self, conversation: Conversation, traced: Callable[[str], Html]) -> None:
        self._conversation = conversation
        self._traced = traced
        self._key = secrets.token_hex(6)
        self._copies = 0
        self._copied: Transcript | None = None
        self._is_shown = False
        self._widget = ChatWidget()
        self._drawn = Drawn(self._widget.send, self._key)
        self._offer = Offer(conversation, self._nudge)
        self._pace = Pace(self._draw)
        self._unwatch = conversation.watch(self._heard)
        self._widget.on_msg(self._asked)

    def display(self) -> None:
        """Show it here: the kept copy first, then the live cell, which hides the copy while it lives."""
        from IPython.display import display

        display(self._copy(), raw=True, display_id=self._key)  # type: ignore[no-untyped-call]
        self._is_shown = True
        view = {"model_id": self._widget.model_id, "version_major": 2, "version_minor": 0}
        # The copy's plain text is enough for who sees no widgets.
        live = {"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}
        display(live, raw=True)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """No more drawing; the copy stays."""
        self._unwatch()
        self._pace.close()
        self._widget.close()

    # --- to the browser --------------------------------------------------------------------------

    def _heard(self, _transcript: Transcript, _entry: Entry) -> None:
        self._nudge()

    def _nudge(self) -> None:
        self._pace.nudge()

    def _draw(self) -> None:
        transcript = self._conversation.transcript
        self._drawn.changes(transcript, self._state(transcript))
        if self._is_shown and _is_another(self._copied, transcript):
            from IPython.display import update_display

            update_display(self._copy(), display_id=self._key, raw=True)  # type: ignore[no-untyped-call]
            self._drawn.changes(transcript, self._state(transcript))

    def _state(self, transcript: Transcript) -> dict[str, Any]:
        setup = self._conversation.setup
        return {
            "busy": transcript.is_running,
            "model": called(setup.model),
            "models": self._offer.models,
            "status": doing(transcript),
            "pull": self._offer.pull,
            "rows": rows(),
            "values": {row.name: shown(_value(setup, row.name)) for row in KNOBS},
            "most_image_chars": MOST_IMAGE_CHARS,
            "copies": self._copies,
        }

    def _copy(self) -> dict[str, str]:
        """A new copy of the conversation, for the notebook to keep."""
        self._copies += 1
        self._copied = self._conversation.transcript
        return kept_copy(self._copied, self._key, self._copies)

    # --- from the browser ------------------------------------------------------------------------

    def _asked(self, _widget: Any, wish: dict[str, Any], _buffers: Any) -> None:
        """The reader did something. What goes wrong is said in the cell."""
        self._widget.heard()
        try:
            self._doing[wish["do"]](self, wish)
        except ArgusError as error:
            self._drawn.also({"do": "say", "text": str(error)})
        self._nudge()

    def _hello(self, _wish: dict[str, Any]) -> None:
        transcript = self._conversation.transcript
        self._drawn.everything(transcript, self._state(transcript))
        self._offer.look()

    def _send(self, wish: dict[str, Any]) -> None:
        images = tuple(wish.get("images") or ())
        self._conversation.start(wish["text"], images=images)

    def _stop(self, _wish: dict[str, Any]) -> None:
        self._conversation.stop()

    def _regenerate(self, _wish: dict[str, Any]) -> None:
        self._conversation.regenerate()

    def _edit(self, wish: dict[str, Any]) -> None:
        self._conversation.edit(self._place(wish["turn"]), wish["text"])

    def _place(self, key: str) -> int:
        for place, turn in enumerate(self._conversation.transcript.turns):
            if turn.id == key:
                return place
        raise InvalidArgument("This turn is no longer part of the conversation.")

    def _model(self, wish: dict[str, Any]) -> None:
        self._conversation.setup = replace(self._conversation.setup, model=wish["name"])
        self._offer.look()

    def _set(self, wish: dict[str, Any]) -> None:
        name = wish["name"]
        value = value_of(knob(name), wish["value"])
        self._conversation.setup = _with(self._conversation.setup, name, value)

    def _pull(self, _wish: dict[str, Any]) -> None:
        self._offer.begin(self._conversation.setup.model)

    def _look(self, _wish: dict[str, Any]) -> None:
        self._offer.look()

    def _stop_pull(self, _wish: dict[str, Any]) -> None:
        self._offer.stop()

    def _trace(self, wish: dict[str, Any]) -> None:
        """Reading the lake takes its time: neither the kernel nor the drawing waits for it."""
        threading.Thread(
            target=self._read, args=(wish["turn"],), name="argus-chat-trace", daemon=True
        ).start()

    def _read(self, key: str) -> None:
        turn = next((turn for turn in self._conversation.transcript.turns if turn.id == key), None)
        if turn is None:
            return  # it was taken back meanwhile, and its button with it
        try:
            html = self._traced(turn.trace_id)
        except ArgusError as error:
            html = element("div", note("The trace cannot be shown: ", str(error)), cls="argus-lab")
        self._drawn.also({"do": "trace", "turn": key, "html": html})

    def _keep(self, _wish: dict[str, Any]) -> None:
        self._drawn.also({"do": "kept", "data": self._copy()})

    _doing = {  # noqa: RUF012  a table
        "hello": _hello,
        "send": _send,
        "stop": _stop,
        "regenerate": _regenerate,
        "edit": _edit,
        "model": _model,
        "set": _set,
        "look": _look,
        "pull": _pull,
        "stop_pull": _stop_pull,
        "trace": _trace,
        "keep": _keep,
    }


def _is_another(copied: Transcript | None, now: Transcript) -> bool:
    """Whether the copy lacks something worth storing: a turn that began, ended, or was taken back."""
    if copied is None:
        return True
    return [(turn.id, turn.state) for turn in copied.turns] != [(turn.id, turn.state) for turn in now.turns]


def _value(setup: Setup, name: str) -> Any:
    return getattr(setup, name) if name in OF_SETUP else setup.options.get(name)


def _with(setup: Setup, name: str, value: Any) -> Setup:
    if name == "system":
        return replace(setup, system=value or "")
    if name == "think":
        return replace(setup, think=value)
    kept = {key: known for key, known in setup.options.items() if key != name}
    return replace(setup, options=kept if value is None else kept | {name: value})
