"""The way in to ``/v1/chat``: what a receiver loads before anybody chats."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from sanic.response import HTTPResponse

from argus_lab.errors import MissingExtra
from argus_server.chat.guard import refusal
from argus_server.problems import Problem

if TYPE_CHECKING:
    from sanic import Request, Sanic

    from argus_lab.settings import Settings
    from argus_server.chat.hub import Hub
    from argus_server.chat.socket import Client
    from argus_server.logs import Log

__all__ = ["PATH", "Door"]

PATH: Final = "/v1/chat"
SUBPROTOCOL: Final = "argus-chat.v1"  # as in argus_lab.chat.wire, which is not loaded for the question


class Door:
    """The chats of one worker, begun with the first of them.

    Parameters
    ----------
    receiver
        The worker's own address, such as ``http://127.0.0.1:4000``.
    """

    def __init__(self, settings: Settings, receiver: str, log: Log) -> None:
        self._settings, self._receiver, self._log = settings, receiver, log
        self._hub: Hub | None = None
        self._entering = asyncio.Lock()

    def add_to(self, app: Sanic[Any, Any]) -> None:
        """Add the route."""
        app.enable_websocket()
        app.config.WEBSOCKET_MAX_SIZE = self._settings.chat_max_message

        async def chat(request: Request) -> HTTPResponse | None:
            await self.enter(request)
            return None

        chat.is_websocket = True  # type: ignore[attr-defined]  # Sanic: no answer of ours follows
        app.add_route(chat, PATH, methods=["GET"], name="chat")

    async def enter(self, request: Request) -> None:
        """Shake hands with a client that may come in, and serve it."""
        headers = request.headers
        if headers.get("upgrade", "").lower() != "websocket":
            raise Problem(
                426, f"{PATH} speaks WebSocket, subprotocol {SUBPROTOCOL}", error="upgrade_required"
            )
        found = refusal(headers.getall("host", []), headers.getall("origin", []), self._settings)
        if found is not None:
            raise found
        offered = ",".join(headers.getall("sec-websocket-protocol", []))
        if SUBPROTOCOL not in {one.strip() for one in offered.split(",")}:
            raise Problem(400, f"name the subprotocol: {SUBPROTOCOL}", error="unknown_subprotocol")
        hub, client = await self._entered()
        protocol: Any = request.transport.get_protocol()
        connection = await protocol.websocket_handshake(request, [SUBPROTOCOL])
        await client(connection, hub, self._settings).serve()

    async def flush(self) -> None:
        """Send the spans of chats that are over."""
        if self._hub is not None:
            await self._hub.flush()

    async def close(self) -> None:
        """Stop every answer, and send its spans."""
        if self._hub is not None:
            await self._hub.close()

    async def _entered(self) -> tuple[Hub, type[Client]]:
        async with self._entering:
            try:
                # In a thread, since loading takes a second, and spans are received meanwhile.
                hub, client = await asyncio.to_thread(_loaded)
            except MissingExtra as error:
                raise Problem(501, f"this receiver has no chat: {error}", error="not_installed") from error
            if self._hub is None:
                self._hub = await asyncio.to_thread(hub, self._settings, self._receiver, self._log)
            return self._hub, client


def _loaded() -> tuple[type[Hub], type[Client]]:
    from argus_server.chat.hub import Hub
    from argus_server.chat.socket import Client

    return Hub, Client
