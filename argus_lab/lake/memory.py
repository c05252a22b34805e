"""What is known of files, in memory: as much as there is room for, of those that were asked for last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.int64]

__all__ = ["Memory"]


class Hashed(Protocol):
    """What is known of a file by its traces."""

    @property
    def keys(self) -> Hashes:
        """The hashes of their ids, sorted."""


Kept = TypeVar("Kept", bound=Hashed)


class Memory(Generic[Kept]):
    """What is known of the files used last, within so many traces."""

    def __init__(self, most: int) -> None:
        self._held: OrderedDict[tuple[str, int], Kept] = OrderedDict()
        self._most = most
        self._traces = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[str, int]) -> Kept | None:
        """What is known of a file, by its path and rows."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: tuple[str, int], made: Kept) -> None:
        """Remember it, and forget what was not used for longest."""
        with self._lock:
            if key in self._held:
                return
            self._held[key] = made
            self._traces += len(made.keys)
            while self._traces > self._most and len(self._held) > 1:
                _, gone = self._held.popitem(last=False)
                self._traces -= len(gone.keys)
