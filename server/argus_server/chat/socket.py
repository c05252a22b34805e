"""One client: its messages read, its answers sent, at its own speed."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
from sanic.exceptions import WebsocketClosed
from websockets.exceptions import ConnectionClosed

from argus_lab.chat import failures
from argus_lab.chat.wire import (
    Cancel,
    Chat,
    Error,
    ModelList,
    Models,
    Pull,
    Request,
    Resume,
    decoded_request,
    encoded,
)
from argus_server.chat.upstream import Failed

if TYPE_CHECKING:
    from sanic.server.websockets.impl import WebsocketImplProtocol

    from argus_lab.chat.wire import Notice
    from argus_lab.settings import Settings
    from argus_server.chat.hub import Hub
    from argus_server.chat.job import Told

__all__ = ["Client"]

MOST_ID: Final = 64
STALLED_S: Final = 60.0
"""A client that takes no byte for so long counts as gone."""
SEND_BUFFER: Final = 64 * 1024
"""Bytes that the system holds for a client: what is in it cannot be taken back, so it is small."""
GONE = (ConnectionClosed, WebsocketClosed, ConnectionError, TimeoutError)


class Client:
    """A connection."""

    def __init__(self, connection: WebsocketImplProtocol, hub: Hub, settings: Settings) -> None:
        self._connection, self._hub, self._settings = connection, hub, settings
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._asked: set[asyncio.Task[None]] = set()
        self._credit, self._since = 2 * settings.chat_rate, time.monotonic()

    async def serve(self) -> None:
        """Answer until the connection ends; what runs for it goes on for a while, see :class:`Hub`."""
        transport = self._connection.io_proto.transport if self._connection.io_proto else None
        raw = transport.get_extra_info("socket") if transport else None
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        try:
            while (frame := await self._received()) is not None:
                await self._take(frame)
        except GONE:
            pass
        finally:
            tasks = [*self._sending.values(), *self._asked]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._connection.end_connection(1000)  # type: ignore[no-untyped-call]

    async def _received(self) -> str | bytes | None:
        """The next frame; None once the connection ends."""
        try:
            return await self._connection.recv()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None  # Sanic says so that the client closed it

    async def _take(self, frame: str | bytes) -> None:
        try:
            message = decoded_request(frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            await self._refuse("", failures.malformed(str(error)))
            return
        try:
            self._check(message)
            await self._do(message)
        except Failed as error:
            await self._refuse(message.id, error.notice)

    def _check(self, message: Request) -> None:
        """Raise if the message may not be taken."""
        now, rate = time.monotonic(), self._settings.chat_rate
        self._credit = min(2 * rate, self._credit + rate * (now - self._since))
        self._since = now
        if self._credit < 1:
            raise Failed(failures.rate_limited(rate))
        self._credit -= 1
        if not 0 < len(message.id) <= MOST_ID:
            raise Failed(failures.malformed(f"an id has 1 to {MOST_ID} characters"))

    async def _do(self, message: Request) -> None:
        match message:
            case Chat():
                self._follow(self._hub.chat(message), 0)
            case Pull():
                self._follow(self._hub.pull(message), 0)
            case Resume():
                self._follow(self._hub.job(message.id), message.after)
            case Cancel():
                self._hub.job(message.id).stop()
            case Models():
                task = asyncio.create_task(self._list(message.id))
                self._asked.add(task)
                task.add_done_callback(self._asked.discard)

    def _follow(self, job: Told, after: int) -> None:
        """Send this client the job's messages from now on, and nobody else."""
        job.take_over(asyncio.create_task(self._send_all(job, after)))

    async def _send_all(self, job: Told, after: int) -> None:
        self._hub.joined(job)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  it runs as one
        self._sending[job.id] = task
        try:
            await self._pass_on(job, after)
        except GONE:
            self._connection.end_connection(1001)  # type: ignore[no-untyped-call]
        finally:
            if self._sending.get(job.id) is task:
                del self._sending[job.id]
            if job.follower is task:
                job.follower = None
                self._hub.left(job)

    async def _pass_on(self, job: Told, after: int) -> None:
        seq = after
        while frames := await job.outbox.after(seq):
            seq = max(seq, job.outbox.oldest - 1)
            for frame in frames:
                await self._send(frame)
                seq += 1
                job.outbox.sent(seq)

    async def _send(self, frame: str) -> None:
        async with asyncio.timeout(STALLED_S):
            await self._connection.send(frame)

    async def _list(self, id: str) -> None:
        with suppress(*GONE):
            try:
                await self._send(encoded(ModelList(id, await self._hub.models())))
            except Failed as error:
                await self._refuse(id, error.notice)

    async def _refuse(self, id: str, why: Notice) -> None:
        await self._send(encoded(Error(id, 0, why.code, why.message, why.cure)))
