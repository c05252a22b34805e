"""Something that runs for a client and tells it, step by step: an answer, or a download."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from argus_lab.chat import failures
from argus_lab.chat.wire import Delta, Done, Error, Progress, Started, encoded
from argus_server.chat.outbox import Outbox
from argus_server.chat.upstream import Failed
from argus_server.logs import places

if TYPE_CHECKING:
    from argus_lab.chat.wire import Notice
    from argus_server.logs import Log

__all__ = ["Job", "Told"]

Message = TypeVar("Message", Started, Delta, Done, Progress)


class Told:
    """Messages about one id, and who hears them. As such it is over; a :class:`Job` still makes them."""

    def __init__(self, id: str, outbox: Outbox, follower: asyncio.Task[None] | None = None) -> None:
        self.id, self.outbox = id, outbox
        self.follower = follower
        """What sends the messages to a client, if one is there."""

    @property
    def is_over(self) -> bool:
        """Whether the last message is in the outbox."""
        return self.outbox.is_complete

    def stop(self, why: Notice | None = None) -> None:
        """Nothing runs that could be stopped."""

    def take_over(self, follower: asyncio.Task[None]) -> None:
        """From now on this one sends the messages; a connection that is half dead may have done it before."""
        before, self.follower = self.follower, follower
        if before is not None:
            before.cancel()


class Job(Told, ABC):
    """A task that fills an outbox. It goes on without a client, and ends exactly once.

    Parameters
    ----------
    id
        As the client named it.
    buffer
        Bytes of messages that are held.
    log
        Told how it ended, and never what was said.
    """

    kind = "job"

    def __init__(self, id: str, buffer: int, log: Log) -> None:
        super().__init__(id, Outbox(buffer))
        self.paused_s = 0.0
        self._log = log
        self._why: Notice | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_begun = self._is_stopping = False

    def start(self) -> asyncio.Task[None]:
        """Begin."""
        self._task = asyncio.create_task(self._whole(), name=f"chat {self.kind}")
        return self._task

    def stop(self, why: Notice | None = None) -> None:
        """End it: as its client asked, or for a reason that is told."""
        if self._task is None or self.is_over or self._is_stopping:
            return
        self._why, self._is_stopping = why, True
        if self._is_begun:  # a task that is cancelled before it begins could not say so
            self._task.cancel()

    async def tell(self, message: Message) -> None:
        """Send a message, or wait until there is room for it."""
        began = asyncio.get_running_loop().time()
        await self.outbox.put(encoded(replace(message, id=self.id, seq=self.outbox.next_seq)))
        self.paused_s += asyncio.get_running_loop().time() - began

    @abstractmethod
    async def run(self) -> Done | None:
        """Do it; the message that ends it, if the last that was told did not."""

    @abstractmethod
    def stopped(self, why: Notice | None) -> Done | None:
        """It was stopped, as asked if ``why`` is None; the message that ends it, if it is no error."""

    @abstractmethod
    def failed(self, why: Notice) -> None:
        """It failed."""

    async def _whole(self) -> None:
        last: Done | None = None
        failure: Notice | None = None
        self._is_begun = True
        try:
            if self._is_stopping:
                raise asyncio.CancelledError  # noqa: TRY301  handled like one that comes later
            last = await self.run()
        except asyncio.CancelledError:
            failure, last = self._why, self.stopped(self._why)
        except Failed as error:
            failure = error.notice
            self.failed(failure)
        except Exception as error:  # noqa: BLE001  whatever it is, the client is told and the others go on
            failure = failures.unexpected(type(error).__name__)
            self._log("error", "unexpected", chat=self.id, exception=places(error))
            self.failed(failure)
        self._finish(last, failure)

    def _finish(self, last: Done | None, failure: Notice | None) -> None:
        seq = self.outbox.next_seq
        if failure is not None:
            told: Done | Error = Error(self.id, seq, failure.code, failure.message, failure.cure)
        else:
            told = replace(last or Done(self.id, seq), id=self.id, seq=seq)
        end = failure.code if failure is not None else getattr(told, "reason", "") or "done"
        level = "info" if failure is None else "warning"
        self._log(level, self.kind, chat=self.id, end=end, paused_ms=round(1000 * self.paused_s, 1))
        self.outbox.finish(encoded(told))
