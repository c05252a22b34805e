"""Drawing at a pace: at once when something is new, and then at most so many times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["DRAWINGS_A_SECOND", "Pace"]

DRAWINGS_A_SECOND = 20


class Pace:
    """A thread that draws what is newest whenever it was nudged; what came in between is drawn together.

    Parameters
    ----------
    draw
        Draws what is newest. It has to deal with its own errors.
    a_second
        At most so many times a second.
    """

    def __init__(self, draw: Callable[[], None], a_second: float = DRAWINGS_A_SECOND) -> None:
        self._draw = draw
        self._least_s = 1 / a_second
        self._news = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="argus-chat-drawing", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """There is something new; returns at once."""
        self._news.set()

    def close(self) -> None:
        """Draw what is still to be drawn, and end."""
        self._is_closed = True
        self._news.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_closed:
            self._news.wait()
            self._news.clear()
            began = time.monotonic()
            self._draw()
            time.sleep(max(0.0, self._least_s - (time.monotonic() - began)))
