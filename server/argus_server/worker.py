"""A worker: one event loop that answers on every socket, and stops without losing a request."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from argus_lab.lake.journal import journal_root
from argus_server.app import create_app
from argus_server.chat.door import Door
from argus_server.condition import Condition
from argus_server.durable import GroupCommit
from argus_server.ingest import Receiver

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Any

    from sanic import Sanic
    from sanic.server import AsyncioServer

    from argus_lab.settings import Settings
    from argus_server.logs import Log

__all__ = ["serve"]

BACKLOG: Final = 1024
GRACE_SECONDS: Final = 15.0
"""Time that requests in flight have to end after the worker was asked to stop."""
FAREWELL_SECONDS: Final = 2.0


async def serve(
    settings: Settings, sockets: Sequence[socket.socket], log: Log, *, ready: Callable[[], None]
) -> None:
    """Answer until SIGTERM or the end of stdin; then finish what was begun."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(0, _parent_gone, stop, loop)
    root = journal_root(settings.lake)
    commits = GroupCommit(root, log)
    condition = Condition(root, settings, commits, log)
    receiver = Receiver(settings, commits, condition, log)
    door = Door(settings, _own_address(sockets[0]), log)
    watch = asyncio.create_task(condition.watch())
    try:
        servers = await _started(create_app(receiver, door), sockets)
        ready()
        await stop.wait()
        await door.close()  # while its spans are still taken
        await _finish(servers, log)
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await commits.close()
        receiver.close()


def _own_address(sock: socket.socket) -> str:
    """The URL under which the receiver finds itself."""
    host, port = sock.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  no address to connect to
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _started(app: Sanic[Any, Any], sockets: Sequence[socket.socket]) -> list[AsyncioServer]:
    os.environ["SANIC_IGNORE_PRODUCTION_WARNING"] = "1"  # it is meant to be production
    servers: list[AsyncioServer] = []
    for sock in sockets:
        server = await app.create_server(
            sock=sock, backlog=BACKLOG, asyncio_server_kwargs={"start_serving": False}
        )
        assert server is not None  # noqa: S101  it is None for run(), never here
        servers.append(server)
    await servers[0].startup()  # type: ignore[no-untyped-call]  # Sanic wants a server first and is not ready for requests before this
    for server in servers:
        await server.start_serving()  # type: ignore[no-untyped-call]
    return servers


async def _finish(servers: Sequence[AsyncioServer], log: Log) -> None:
    """Accept nothing new, let every request in flight get its answer, then close the connections."""
    for server in servers:
        server.close()  # type: ignore[no-untyped-call]
    deadline = time.monotonic() + GRACE_SECONDS
    while busy := [c for server in servers for c in list(server.connections) if not c.close_if_idle()]:
        for connection in busy:
            if connection.http is not None:
                connection.http.keep_alive = False  # so that its answer says `Connection: close`
        if time.monotonic() > deadline:
            log("warning", "requests cut off", connections=len(busy))
            for connection in busy:
                connection.abort()
            break
        await asyncio.sleep(0.01)
    # A closing connection stays listed until what was handed to it is written out.
    farewell = time.monotonic() + FAREWELL_SECONDS
    while any(s.connections for s in servers) and time.monotonic() < farewell:  # noqa: ASYNC110  no event says it
        await asyncio.sleep(0.01)


def _parent_gone(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    if not os.read(0, 4096):
        loop.remove_reader(0)
        stop.set()
