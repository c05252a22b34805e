"""What is found once for all who ask for it, and kept as long as there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Once"]

T = TypeVar("T")


class Once(Generic[T]):
    """The values that were asked for last. Who asks for one that is being found waits for it.

    ``most`` are kept, and only those that ``is_small``.

    Examples
    --------
    >>> found = Once(2)
    >>> [found.of(name, lambda: print("looked for", name) or name.upper()) for name in ("a", "b", "a")]
    looked for a
    looked for b
    ['A', 'B', 'A']
    """

    def __init__(self, most: int, is_small: Callable[[T], bool] = lambda _: True) -> None:
        self._most = most
        self._is_small = is_small
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._finding: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, key: Hashable, find: Callable[[], T]) -> T:
        """The value of this key, found now if nobody asked for it lately."""
        with self._lock:
            turn = self._finding.setdefault(key, threading.Lock())
        with turn:
            try:
                with self._lock:
                    if key in self._kept:
                        self._kept.move_to_end(key)
                        return self._kept[key]
                found = find()
                self.keep(key, found)
                return found
            finally:
                with self._lock:
                    self._finding.pop(key, None)

    def keep(self, key: Hashable, value: T) -> None:
        """Take what was found elsewhere for the value of this key."""
        if self._is_small(value):
            with self._lock:
                self._kept[key] = value
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
