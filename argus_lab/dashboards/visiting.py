"""The way from threads to a visitor's browser: nothing goes on it before there is somebody to receive it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import panel as pn

from argus_lab.dashboards.sending import send_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from bokeh.document import Document

__all__ = ["Visit"]


class Visit:
    """What is to be done on a document, in order, once the browser has said that it shows it.

    A browser fetches the document, draws it, and only then says that it is there. Until then Panel forgets
    the changes it is given (``panel.io.document.hold``): it takes it that the document is fetched after them.
    What is found meanwhile waits here, however long a busy machine takes: what was handed on too early would
    never be seen. And it goes to the document in the thread of its events alone: while Panel gathers changes
    there, what another thread adds may be forgotten too.

    Made in the thread that makes the page.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._waiting: deque[Callable[[], Any]] = deque()
        self._is_there = self._is_over = False
        self._loop = asyncio.get_running_loop()
        send_all()
        pn.state.onload(self._arrived)

    def add(self, act: Callable[[], Any]) -> None:
        """Do something under the document's lock; from any thread."""
        self._waiting.append(act)
        self._wake()

    def add_later(self, seconds: float, act: Callable[[], Any]) -> None:
        """The same so many seconds later; from the thread of the document's events."""
        self._loop.call_later(seconds, self.add, act)

    def end(self) -> None:
        """The visitor has left: what still waits is not for anybody, and the document goes."""
        self._is_over = True
        self._waiting.clear()

    def _arrived(self) -> None:
        self._is_there = True
        self._wake()

    def _wake(self) -> None:
        if not self._loop.is_closed():  # the server has ended, and nobody is there to see it
            self._loop.call_soon_threadsafe(self._hand_on)

    def _hand_on(self) -> None:
        while self._is_there and self._waiting and not self._is_over:
            self._document.add_next_tick_callback(self._waiting.popleft())
