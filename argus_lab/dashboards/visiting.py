"""The way from threads to a visitor's browser: nothing goes on it before there is somebody to receive it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import panel as pn

from argus_lab.dashboards.arriving import ARRIVALS
from argus_lab.dashboards.sending import send_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from bokeh.document import Document

__all__ = ["Visit"]

DRAWS_S = 0.7
"""For so long a browser that shows a page draws what is first on it."""


class Visit:
    """What is to be done on a document, in order, as long as no browser has fetched it or once one shows it.

    A browser loads its scripts, fetches the document, draws it, and only then says that it is there. What is
    found before it fetches is put into the document, and fetched with it. From then on until it says that it
    is there Panel forgets the changes it is given (``panel.io.document.hold``): what is found meanwhile waits
    here, however long a busy machine takes; what was handed on too early would never be seen. And it goes to
    the document in the thread of its events alone: while Panel gathers changes there, what another thread
    adds may be forgotten too.

    Made in the thread that makes the page.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._waiting: deque[Callable[[], Any]] = deque()
        self._later: list[tuple[float, Callable[[], Any]]] = []
        self._turns = 0
        self._is_there = self._is_over = False
        self._loop = asyncio.get_running_loop()
        self._begun: list[Callable[[], Any]] | None = []
        self._tell_arrived = ARRIVALS.begin()
        self._loop.call_soon(self._is_made)
        send_all()
        pn.state.onload(self._arrived)

    def begin(self, act: Callable[[], Any]) -> None:
        """Begin with work for the document once it is made: its visitor waits for it, and then loads."""
        if self._begun is None:
            act()
        else:
            self._begun.append(act)

    def _is_made(self) -> None:
        acts, self._begun = self._begun or [], None
        for act in acts:
            act()

    def add(self, act: Callable[[], Any]) -> None:
        """Do something under the document's lock; from any thread."""
        self._waiting.append(act)
        self._wake()

    def add_later(self, seconds: float, act: Callable[[], Any]) -> None:
        """The same so long after a browser shows the document; from the thread of the document's events."""
        if self._is_there:
            self._loop.call_later(seconds, self.add, act)
        else:
            self._later.append((seconds, act))

    def end(self) -> None:
        """The visitor has left: what still waits is not for anybody, and the document goes."""
        self._is_over = True
        self._waiting.clear()
        self._later.clear()
        self._tell_arrived()

    def _arrived(self) -> None:
        self._is_there = True
        self._wake()
        self._loop.call_later(DRAWS_S, self._tell_arrived)

    def _wake(self) -> None:
        if not self._loop.is_closed():  # the server has ended, and nobody is there to see it
            self._loop.call_soon_threadsafe(self._hand_on)

    def _hand_on(self) -> None:
        if self._is_there:
            for seconds, act in self._later:
                self._loop.call_later(seconds, self.add, act)
            self._later.clear()
        while self._turns < len(self._waiting) and self._may_act() and not self._is_over:
            self._turns += 1
            self._document.add_next_tick_callback(self._next)

    def _next(self) -> None:
        """Do what waits longest, unless a browser has begun to fetch the document meanwhile."""
        self._turns -= 1
        if self._waiting and not self._is_over and self._may_act():
            self._waiting.popleft()()

    def _may_act(self) -> bool:
        return self._is_there or not self._is_fetched()

    def _is_fetched(self) -> bool:
        """Whether a browser is connected, which then fetches the document."""
        session = getattr(self._document.session_context, "session", None)
        return session is not None and session.connection_count > 0
