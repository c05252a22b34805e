"""What runs for the chats of one worker: the answers and downloads, their number, their ends."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final

from argus_lab.chat import failures
from argus_lab.chat.tracing import Tracing
from argus_server.chat.generation import Generation
from argus_server.chat.job import Told
from argus_server.chat.pulling import Pulling
from argus_server.chat.upstream import Failed, Upstream

if TYPE_CHECKING:
    from argus_lab.chat.wire import Chat, Model, Notice, Pull
    from argus_lab.settings import Settings
    from argus_server.chat.job import Job
    from argus_server.logs import Log

__all__ = ["Hub"]

SERVICE: Final = "argus-chat"
PROJECT: Final = "chat"
KEPT_OVER: Final = 64
"""Answers that are over and kept for clients that come back; the newest."""
STOPS_WITHIN_S: Final = 5.0


class Hub:
    """The jobs of a worker, by id; whoever knows an id may stop it or have its messages again.

    Parameters
    ----------
    receiver
        The receiver's own address, where its spans are sent.
    """

    def __init__(self, settings: Settings, receiver: str, log: Log) -> None:
        self._settings, self._log = settings, log
        self.upstream = Upstream(settings.ollama_host, settings.chat_generations)
        # Spans go over HTTP like anybody's, from a thread: they are as durable, and no answer waits for them.
        self.tracing = Tracing(receiver, os.environ, keeps=False)
        self._jobs: OrderedDict[str, Told] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lonely: dict[str, asyncio.TimerHandle] = {}
        self._is_closing = False

    def chat(self, chat: Chat) -> Job:
        """Begin an answer, or raise why not."""
        self._admit(chat.id)
        tracer = self.tracing.tracer(chat.project or PROJECT, SERVICE)
        buffer = self._settings.chat_buffer
        return self._begin(Generation(chat, self.upstream, tracer, buffer, self._log))

    def pull(self, pull: Pull) -> Job:
        """Begin a download, or raise why not."""
        self._admit(pull.id)
        return self._begin(Pulling(pull, self.upstream, self._settings.chat_buffer, self._log))

    async def models(self) -> tuple[Model, ...]:
        """The installed models."""
        return await self.upstream.installed()

    def job(self, id: str) -> Told:
        """The job of this id, or what is left of it, or raise that there is none."""
        found = self._jobs.get(id)
        if found is None:
            raise Failed(failures.unknown_call(id))
        return found

    def joined(self, job: Told) -> None:
        """A client hears of this job."""
        timer = self._lonely.pop(job.id, None)
        if timer is not None:
            timer.cancel()

    def left(self, job: Told) -> None:
        """No client hears of this job any more: after a while it is stopped."""
        if not job.is_over and not self._is_closing:
            grace = self._settings.chat_grace
            loop = asyncio.get_running_loop()
            self._lonely[job.id] = loop.call_later(grace, self._abandon, job, failures.abandoned(grace))

    async def close(self) -> None:
        """Stop everything, and send the spans while the receiver still takes them."""
        self._is_closing = True
        for timer in self._lonely.values():
            timer.cancel()
        for job in self._jobs.values():
            job.stop(failures.shutting_down())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOPS_WITHIN_S)
        await asyncio.to_thread(self.tracing.shutdown)
        await self.upstream.close()  # type: ignore[no-untyped-call]

    async def flush(self) -> None:
        """Send the spans of answers that are over."""
        await asyncio.to_thread(self.tracing.flush)

    def _admit(self, id: str) -> None:
        if self._is_closing:
            raise Failed(failures.shutting_down())
        if id in self._jobs:
            raise Failed(failures.duplicate_id(id))
        if len(self._tasks) >= self._settings.chat_generations:
            raise Failed(failures.busy(self._settings.chat_generations))

    def _begin(self, job: Job) -> Job:
        self._jobs[job.id] = job
        task = job.start()
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, job))
        return job

    def _ended(self, job: Job, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # What was asked, with its images, is not kept for who comes back: only what was told.
        self._jobs[job.id] = Told(job.id, job.outbox, job.follower)
        over = [id for id, job in self._jobs.items() if job.is_over]
        for id in over[: max(0, len(over) - KEPT_OVER)]:
            del self._jobs[id]

    def _abandon(self, job: Told, why: Notice) -> None:
        self._lonely.pop(job.id, None)
        job.stop(why)
