"""An answer that is on its way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

from argus_lab.chat.transcript import Turn

__all__ = ["Running"]


class Running:
    """A turn that was started. Iterate it (``for``, ``async for``) for the pieces of the answer.

    ``await`` it, or call ``result()``, for the whole turn: both raise :class:`~argus_lab.errors.ChatError` if
    it failed. Leaving a loop over it does not stop the model; ``stop()`` does.
    """

    @property
    def turn(self) -> Turn:
        """The turn as it is now; never raises."""
        raise NotImplementedError

    @property
    def is_over(self) -> bool:
        """Whether it is done, stopped or failed."""
        raise NotImplementedError

    def result(self, timeout: float | None = None) -> Turn:
        """Wait for the end; ``TimeoutError`` after so many seconds, and it goes on."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the model; what came of the answer stays."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError

    def __aiter__(self) -> AsyncIterator[str]:
        raise NotImplementedError

    def __await__(self) -> Generator[Any, None, Turn]:
        raise NotImplementedError
