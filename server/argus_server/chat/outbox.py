"""The messages of one answer: numbered, kept until they are sent and a while longer, within a bound."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice

__all__ = ["Outbox"]


class Outbox:
    """Frames on their way to a client that may be slow, gone, or back again.

    What was sent is kept as long as there is room, so that a client that comes back can have it again. What
    was not sent is never dropped: whoever puts more waits until there is room.

    Parameters
    ----------
    limit
        Bytes that are held.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: deque[str] = deque()
        self._bytes = 0
        self._sent = 0
        self._next = 1
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self.is_complete = False

    @property
    def next_seq(self) -> int:
        """The number of the next message."""
        return self._next

    @property
    def oldest(self) -> int:
        """The number of the oldest message that is kept."""
        return self._next - len(self._frames)

    @property
    def held(self) -> int:
        """Bytes that are held."""
        return self._bytes

    async def put(self, frame: str) -> None:
        """Add the next message; waits while what is not sent fills the room."""
        while not self._has_room(len(frame)):
            self._room.clear()
            await self._room.wait()
        self._add(frame)

    def finish(self, frame: str) -> None:
        """Add the last message, which is never too much."""
        self.is_complete = True
        self._has_room(len(frame))  # drops what was sent
        self._add(frame)

    async def after(self, seq: int) -> list[str]:
        """The messages after ``seq``, as soon as there are some; none if the answer is complete before."""
        while self._next - 1 <= seq:
            if self.is_complete:
                return []
            self._more.clear()
            await self._more.wait()
        # From the end, since a client that keeps up lacks one message of the many that are kept.
        newest = [*islice(reversed(self._frames), self._next - 1 - seq)]
        return newest[::-1]

    def sent(self, seq: int) -> None:
        """Everything up to ``seq`` was sent."""
        if seq > self._sent:
            self._sent = seq
            self._room.set()

    def _has_room(self, size: int) -> bool:
        while self._frames and self._bytes + size > self._limit and self.oldest <= self._sent:
            self._bytes -= len(self._frames.popleft())
        return self._bytes + size <= self._limit or not self._frames

    def _add(self, frame: str) -> None:
        self._frames.append(frame)
        self._bytes += len(frame)
        self._next += 1
        self._more.set()
