"""The socket to the receiver: opened when it is needed, opened again after a drop, resumed where it broke."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from argus_lab.chat import failures, wire
from argus_lab.chat.transcript import Lost
from argus_lab.errors import MissingExtra
from argus_lab.notebook.endpoint import is_here

try:
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
    from websockets.typing import Subprotocol
except ImportError as error:
    raise MissingExtra.of("websockets", "chat") from error

__all__ = ["Client", "Refused"]

OPEN_S = 20.0
"""A receiver that nobody has chatted with yet loads what it needs, which takes long on a busy machine."""
PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
"""Between tries to connect again: some 13 s in all, less than a receiver waits."""
MOST_BYTES = 64 * 1024 * 1024
WAITING = 256
"""Messages that wait to be taken; with more, nothing is read, and the receiver waits in turn."""
TOO_LARGE = 1009

log = logging.getLogger("argus.chat")

Heard: TypeAlias = wire.Event | Lost


class Refused(Exception):
    """No connection, or no answer; with the reason as it is shown."""

    def __init__(self, notice: wire.Notice) -> None:
        super().__init__(notice.message)
        self.notice = notice


class Dropped(Exception):
    """The connection ended."""


class Client:
    """A connection to a receiver, used from one event loop.

    Parameters
    ----------
    urls
        Addresses of the receiver; the first that answers is used from then on.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)
        self._url = self._urls[0]
        self._connection: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._streams: dict[str, asyncio.Queue[wire.Event | Dropped]] = {}

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses that come into question: one, once it was connected to."""
        return (self._url,) if self._connection is not None else self._urls

    def prefer(self, url: str) -> None:
        """Try this address first."""
        self._url = url

    @property
    def url(self) -> str:
        """The address that is used."""
        return self._url

    async def events(self, request: wire.Chat | wire.Pull) -> AsyncGenerator[Heard, None]:
        """Send a request, and give all that is said about it, to the last message.

        A drop is mended, if it can be: what came before is not repeated, what was missed comes. If it cannot
        be, the last thing given is a :class:`Lost`.

        Raises
        ------
        Refused
            The request could not be sent.
        """
        heard: asyncio.Queue[wire.Event | Dropped] = asyncio.Queue(WAITING)
        self._streams[request.id] = heard
        seq = 0
        try:
            await self._send(request)
            while True:
                event = await heard.get()
                if _is_unknown(event) and seq == 0:
                    await self._send(request)  # it had not arrived when the connection dropped
                elif isinstance(event, Dropped) or _is_unknown(event):
                    lost = await self._resumed(request.id, seq, event)
                    if lost is not None:
                        yield lost
                        return
                else:
                    assert not isinstance(event, Dropped)  # noqa: S101  for the type checker
                    seq = max(seq, getattr(event, "seq", 0))
                    yield event
                    if isinstance(event, wire.Done | wire.Error):
                        return
        finally:
            self._streams.pop(request.id, None)

    async def cancel(self, id: str) -> None:
        """Ask that a call or a download be stopped; if nobody is connected, it ends by itself."""
        if self._connection is not None:
            with suppress(ConnectionClosed, Refused):
                await self._send(wire.Cancel(id))

    async def models(self) -> tuple[wire.Model, ...]:
        """The installed models."""
        id = uuid4().hex
        heard: asyncio.Queue[wire.Event | Dropped] = asyncio.Queue(WAITING)
        self._streams[id] = heard
        try:
            await self._send(wire.Models(id))
            event = await heard.get()
        finally:
            del self._streams[id]
        if isinstance(event, wire.ModelList):
            return event.models
        if isinstance(event, wire.Error):
            raise Refused(wire.Notice(event.code, event.message, event.cure))
        raise Refused(failures.connection_lost(kept=False, reason=str(event)))

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _send(self, message: wire.Request) -> None:
        frame = wire.encoded(message)
        connection = await self._connected()
        try:
            await connection.send(frame)
        except ConnectionClosed:
            # It had ended unnoticed, as over night; a new one is as good, since nothing was said on this one.
            await (await self._connected()).send(frame)

    async def _connected(self) -> ClientConnection:
        async with self._opening:
            if self._connection is not None and self._connection.close_code is None:
                return self._connection
            self._connection = await self._opened()
            self._reading = asyncio.create_task(self._read(self._connection), name="chat reading")
            return self._connection

    async def _opened(self) -> ClientConnection:
        reason = ""
        for url in (self._url, *(other for other in self._urls if other != self._url)):
            try:
                found = await _open(url)
            except InvalidStatus as error:
                refused = failures.receiver_refused(url, error.response.status_code, _words(error))
                raise Refused(refused) from error
            except (OSError, TimeoutError, InvalidHandshake) as error:
                reason = _reason(error)
            else:
                self._url = url
                return found
        raise Refused(failures.receiver_unreachable(self._urls, reason))

    async def _read(self, connection: ClientConnection) -> None:
        reason = "it was closed"
        try:
            async for frame in connection:
                await self._heard(frame)
        except ConnectionClosed as error:
            reason = str(error)
        finally:
            for id, stream in tuple(self._streams.items()):
                is_too_large = connection.close_code == TOO_LARGE
                await stream.put(_error(id, failures.too_large()) if is_too_large else Dropped(reason))

    async def _heard(self, frame: str | bytes) -> None:
        try:
            event = wire.decoded_event(frame)
        except msgspec.DecodeError as error:
            log.warning("a message of the receiver cannot be read, and is left out: %s", error)
            return
        stream = self._streams.get(event.id)
        if stream is not None:
            await stream.put(event)

    async def _resumed(self, id: str, seq: int, why: wire.Event | Dropped) -> Lost | None:
        """Go on after ``seq`` on a new connection; what was lost, if that is not possible."""
        reason = str(why) if isinstance(why, Dropped) else "the receiver no longer knows of the answer"
        if isinstance(why, Dropped):
            for pause in PAUSES_S:
                with suppress(Refused, ConnectionClosed):
                    await self._send(wire.Resume(id, seq))
                    return None
                await asyncio.sleep(pause)
        lost = failures.connection_lost(kept=seq > 1, reason=reason)
        return Lost(id, lost.code, lost.message, lost.cure)


async def _open(url: str) -> ClientConnection:
    parts = urlsplit(url)
    scheme = {"https": "wss", "wss": "wss"}.get(parts.scheme, "ws")
    return await connect(
        f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/v1/chat",
        subprotocols=[Subprotocol(wire.SUBPROTOCOL)],
        compression=None,  # pieces of a few bytes only grow by it
        proxy=None if is_here(url) else True,  # a proxy cannot reach what runs here
        open_timeout=OPEN_S,
        close_timeout=1.0,
        max_size=MOST_BYTES,
    )


def _is_unknown(event: wire.Event | Dropped) -> bool:
    return isinstance(event, wire.Error) and event.code == "unknown_call"


def _error(id: str, notice: wire.Notice) -> wire.Error:
    return wire.Error(id, 0, notice.code, notice.message, notice.cure)


def _words(error: InvalidStatus) -> str:
    """What the receiver said, which is JSON; something else may answer otherwise."""
    body = error.response.body or b""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return "it does not seem to be an Argus receiver, or an older one."


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
