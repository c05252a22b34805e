"""An answer that is on its way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from argus_lab.chat import failures
from argus_lab.chat.transcript import Turn
from argus_lab.chat.wire import Notice
from argus_lab.errors import ChatError

__all__ = ["Running"]

STOPS_WITHIN_S = 10.0


class Running:
    """A turn that was started. Iterate it (``for``, ``async for``) for the pieces of the answer.

    ``await`` it, or call ``result()``, for the whole turn: both raise ``al.ChatError`` if it failed. Leaving
    a loop over it does not stop the model; ``stop()`` does, and so does Ctrl-C while something waits for it.

    Parameters
    ----------
    id
        The turn's.
    look
        Gives the turn as it is now.
    stop
        Asks that it end.
    """

    def __init__(self, id: str, look: Callable[[], Turn], stop: Callable[[Notice | None], None]) -> None:
        self.id = id
        self.future: Future[Turn] = Future()
        """Ends with the turn, whatever became of it."""
        self._look, self._stop = look, stop
        self._pieces: list[str] = []
        self._changed = threading.Condition()
        self._wakers: set[Callable[[], None]] = set()

    @property
    def turn(self) -> Turn:
        """The turn as it is now; never raises."""
        return self._look()

    @property
    def is_over(self) -> bool:
        """Whether it is done, stopped or failed."""
        return self.future.done()

    def result(self, timeout: float | None = None) -> Turn:
        """Wait for the end; ``TimeoutError`` after so many seconds, and it goes on. Ctrl-C stops it."""
        try:
            turn = self.future.result(timeout)
        except KeyboardInterrupt:
            self._interrupted()
            raise
        return _checked(turn)

    def stop(self) -> None:
        """Stop the model; what came of the answer stays."""
        self._stop(None)

    def __iter__(self) -> Iterator[str]:
        at = 0
        while True:
            try:
                new = self._after(at)
            except KeyboardInterrupt:
                self._interrupted()
                raise
            if not new:
                break
            at += len(new)
            yield from new
        _checked(self.future.result())

    def _after(self, at: int) -> list[str]:
        """The pieces after so many; none once it is over."""
        with self._changed:
            while len(self._pieces) == at and not self.is_over:
                self._changed.wait()
            return self._pieces[at:]

    def _interrupted(self) -> None:
        self._stop(failures.interrupted())
        with suppress(TimeoutError, KeyboardInterrupt):
            self.future.result(STOPS_WITHIN_S)

    async def __aiter__(self) -> AsyncIterator[str]:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        at = 0

        def wake() -> None:
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(woken.set)

        with self._changed:
            self._wakers.add(wake)
        try:
            while True:
                woken.clear()
                new = self._pieces[at:]
                at += len(new)
                for piece in new:
                    yield piece
                if not new:
                    if self.is_over:
                        break
                    await woken.wait()
        finally:
            with self._changed:
                self._wakers.discard(wake)
        _checked(self.future.result())

    def __await__(self) -> Generator[Any, None, Turn]:
        return self._waited().__await__()

    async def _waited(self) -> Turn:
        try:
            # Shielded: who waits may be cancelled, and then the model is asked to stop in good order.
            turn = await asyncio.shield(asyncio.wrap_future(self.future))
        except asyncio.CancelledError:
            self.stop()
            raise
        return _checked(turn)

    def heard(self, piece: str) -> None:
        """A piece came. Called by the conversation."""
        with self._changed:
            self._pieces.append(piece)
            self._changed.notify_all()
            for wake in self._wakers:
                wake()

    def ended(self) -> None:
        """The turn is over. Called by the conversation."""
        with self._changed:
            self.future.set_result(self.turn)
            self._changed.notify_all()
            for wake in self._wakers:
                wake()


def _checked(turn: Turn) -> Turn:
    if turn.state != "failed":
        return turn
    told = turn.failure or failures.unexpected("end of the turn")
    raise ChatError(f"{told.message} {told.cure}".strip(), told.code, turn)
