"""What browsers show of a conversation: kept here, so that only what changed is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from argus_lab.widgets.patches import Patch, patches
from argus_lab.widgets.views import TurnView, turn_view

if TYPE_CHECKING:
    from argus_lab.chat.transcript import Transcript, Turn

__all__ = ["Drawn"]


class Drawn:
    """Numbered messages to the browser: all that there is, or what changed since the message before.

    Any thread may call; messages leave in the order of their numbers. A turn that is the same object as
    before is not drawn again, so a long conversation costs what its newest turn costs.

    Parameters
    ----------
    send
        Takes a message to every browser that shows the cell.
    key
        The name of the kept copy, by which the browser finds it.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], key: str) -> None:
        self._send = send
        self._key = key
        self._lock = threading.RLock()
        self._number = 0
        self._turns: tuple[Turn, ...] = ()
        self._views: tuple[TurnView, ...] = ()
        self._state: dict[str, Any] = {}

    def everything(self, transcript: Transcript, state: dict[str, Any]) -> None:
        """Tell all of it: to a browser that has just come, or has missed something."""
        with self._lock:
            self._draw(transcript)
            self._state = dict(state)
            turns = [asdict(view) for view in self._views]
            self._tell([{"do": "all", "key": self._key, "turns": turns, "state": self._state}])

    def changes(self, transcript: Transcript, state: dict[str, Any]) -> None:
        """Tell what is new since the last message; nothing if nothing is."""
        with self._lock:
            before = self._views
            self._draw(transcript)
            made = patches(before, self._views)
            news = {name: value for name, value in state.items() if self._state.get(name) != value}
            self._state |= news
            self._tell([*made, *([{"do": "state", "state": news}] if news else [])])

    def also(self, patch: Patch) -> None:
        """Tell something that is no part of the conversation: a trace, the kept copy, a word."""
        with self._lock:
            self._tell([patch])

    def _draw(self, transcript: Transcript) -> None:
        known = dict(zip(map(id, self._turns), self._views, strict=True))
        views = [known.get(id(turn)) or turn_view(turn) for turn in transcript.turns]
        self._turns, self._views = transcript.turns, tuple(views)

    def _tell(self, made: list[Patch]) -> None:
        if made:
            self._number += 1
            self._send({"number": self._number, "patches": made})
