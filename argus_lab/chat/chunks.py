"""When the pieces of an answer came: compact, so that stalls and speed can be measured afterwards."""

from __future__ import annotations

from itertools import pairwise

__all__ = ["ChunkTimes"]

MOST = 512
"""Times that are kept; of more pieces every second one's, then every fourth's, and so on."""


class ChunkTimes:
    """Times of pieces since the request, in ms; at most 512 of them, however long the answer.

    >>> times = ChunkTimes()
    >>> for ms in (812.3, 830.1, 848.4, 1400.0):
    ...     times.add(ms)
    >>> times.gaps, times.every, times.count, times.longest_gap
    ([812, 18, 18, 552], 1, 4, 551.6)
    """

    def __init__(self) -> None:
        self.count = 0
        self.every = 1
        """Of how many pieces one has its time kept."""
        self.first: float | None = None
        self.longest_gap: float | None = None
        self._kept: list[int] = []
        self._last = 0.0

    def add(self, ms: float) -> None:
        """A piece came, ``ms`` after the request."""
        if self.first is None:
            self.first = ms
        else:
            gap = round(ms - self._last, 3)
            self.longest_gap = gap if self.longest_gap is None else max(self.longest_gap, gap)
        self._last = ms
        if self.count % self.every == 0:
            self._kept.append(round(ms))
            if len(self._kept) > MOST:
                self._kept, self.every = self._kept[::2], 2 * self.every
        self.count += 1

    @property
    def gaps(self) -> list[int]:
        """The time of the first piece, then from each kept one to the next; whole ms that add up."""
        return [*self._kept[:1], *(later - earlier for earlier, later in pairwise(self._kept))]
