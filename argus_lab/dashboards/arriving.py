"""Visitors on their way to a page: what is not for them waits, since a small machine has no core for both."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ARRIVALS", "LONGEST_S", "Arrivals"]

LONGEST_S = 5.0
"""Whoever has not arrived by then is not waited for: the browser may be gone."""
MOST_S = 2.0
"""For so long work waits at a time, however many are on their way: in the end it is done for them."""


class Arrivals:
    """Who is on their way, from any thread.

    Examples
    --------
    >>> arrivals = Arrivals()
    >>> is_there = arrivals.begin()
    >>> arrivals.wait(0.01)
    False
    >>> is_there()
    >>> arrivals.wait()
    True
    """

    def __init__(self) -> None:
        self._ends: dict[object, float] = {}
        self._changed = threading.Condition()

    def begin(self, seconds: float = LONGEST_S) -> Callable[[], None]:
        """Somebody is on the way; what is returned says that they have arrived, or turned back."""
        who = object()
        with self._changed:
            self._ends[who] = time.monotonic() + seconds

        def is_there() -> None:
            with self._changed:
                self._ends.pop(who, None)
                self._changed.notify_all()

        return is_there

    def wait(self, seconds: float = MOST_S) -> bool:
        """Wait until nobody is on the way, but no longer than this; whether nobody is."""
        until = time.monotonic() + seconds
        with self._changed:
            while True:
                now = time.monotonic()
                self._ends = {who: end for who, end in self._ends.items() if end > now}
                if not self._ends or now >= until:
                    return not self._ends
                self._changed.wait(min(until, *self._ends.values()) - now)


ARRIVALS = Arrivals()
"""Those of this process."""
